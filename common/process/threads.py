"""The thread pool inside TensorFlow's ops: the first session of a process fixes its size."""

import tensorflow.compat.v1 as tf

from common.config.flag_types import TRAINING, FlagParser, count


def add_flags(parser: FlagParser) -> None:
    """Adds the flags of TensorFlow's numbers of threads."""
    group = parser.group(TRAINING)
    for name in ("inter", "intra"):
        group.add_argument(
            "--" + name, type=count, default=0,
            help="{}-op threads; 0: TensorFlow's choice (default 0)".format(name))


def start(intra: int) -> None:
    """Creates the pool with `intra` threads, 0 for one per core; call it before other sessions."""
    config = tf.ConfigProto(intra_op_parallelism_threads=intra)
    with tf.Graph().as_default(), tf.Session(config=config):
        pass

"""The thread pool inside TensorFlow's ops: the first session of a process fixes its size."""

import tensorflow.compat.v1 as tf


def start(intra: int) -> None:
    """Creates the pool with `intra` threads, 0 for one per core; call it before other sessions."""
    config = tf.ConfigProto(intra_op_parallelism_threads=intra)
    with tf.Graph().as_default(), tf.Session(config=config):
        pass

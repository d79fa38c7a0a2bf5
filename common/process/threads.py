"""The threads inside TensorFlow's ops: the first session of a process makes them for all sessions that follow."""

import tensorflow.compat.v1 as tf


def start(intra: int) -> None:
    """Makes them, as many as `intra` or, for 0, one for each core; to be called before any session."""
    with tf.Graph().as_default(), tf.Session(config=tf.ConfigProto(intra_op_parallelism_threads=intra)):
        pass

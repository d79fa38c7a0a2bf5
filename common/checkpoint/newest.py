"""The step of the newest checkpoint."""

import tensorflow.compat.v1 as tf


def newest_step(checkpoint_dir: str) -> int:
    """The step of the newest checkpoint, 0 if there is none."""
    checkpoint = tf.train.latest_checkpoint(checkpoint_dir)
    try:
        return int(tf.train.load_variable(checkpoint, "global_step")) if checkpoint else 0
    except tf.errors.OpError:
        if tf.train.latest_checkpoint(checkpoint_dir) == checkpoint:
            raise
        return newest_step(checkpoint_dir)  # a newer one has taken its place

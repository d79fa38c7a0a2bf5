"""The step of the newest checkpoint, and the step at which training resumes."""

from typing import Callable

import tensorflow.compat.v1 as tf

from common.checkpoint import increment_files


def checkpoint_step(checkpoint_dir: str) -> int:
    """The step of the newest full checkpoint, 0 if there is none."""
    return _step_of_newest(checkpoint_dir, increment_files.step_of)


def resume_step(checkpoint_dir: str) -> int:
    """The step of the newest increment or full checkpoint, 0 if there is neither."""
    return _step_of_newest(checkpoint_dir, lambda full: increment_files.find(full).step)


def _step_of_newest(checkpoint_dir: str, step_of: Callable[[str], int]) -> int:
    newest = tf.train.latest_checkpoint(checkpoint_dir)
    if not newest:
        return 0
    try:
        return step_of(newest)
    except tf.errors.OpError:
        if tf.train.latest_checkpoint(checkpoint_dir) == newest:
            raise
        # A trainer saved a newer one meanwhile and removed the files of this one.
        return _step_of_newest(checkpoint_dir, step_of)

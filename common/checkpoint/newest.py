"""What is read from the newest checkpoint: its step, and the step at which training resumes."""

from typing import Callable, Optional, TypeVar

import tensorflow.compat.v1 as tf

from common.checkpoint import increment_files

Value = TypeVar("Value")


def checkpoint_step(checkpoint_dir: str) -> int:
    """The step of the newest full checkpoint, 0 if there is none."""
    return read(checkpoint_dir, increment_files.step_of) or 0


def resume_step(checkpoint_dir: str) -> int:
    """The step of the newest increment or full checkpoint, 0 if there is neither."""
    return read_resumed(checkpoint_dir, increment_files.step_of) or 0


def read_resumed(checkpoint_dir: str, of: Callable[[str], Value]) -> Optional[Value]:
    """What a function reads from the newest increment or full checkpoint, as `read` gives it."""
    return read(checkpoint_dir, lambda full: of(increment_files.find(full).path or full))


def read(checkpoint_dir: str, of: Callable[[str], Value]) -> Optional[Value]:
    """What a function reads from the newest full checkpoint; None if there is none.

    Args:
      of: takes the prefix of the checkpoint's files.
    """
    newest = tf.train.latest_checkpoint(checkpoint_dir)
    if not newest:
        return None
    try:
        return of(newest)
    except (tf.errors.OpError, ValueError):
        # load_checkpoint raises ValueError where a prefix has no files.
        if tf.train.latest_checkpoint(checkpoint_dir) == newest:
            raise
        # A trainer saved a newer one meanwhile and removed the files of this one.
        return read(checkpoint_dir, of)

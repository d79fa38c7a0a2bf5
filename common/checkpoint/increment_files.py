"""The files of increments: which of them can be used, and with which full checkpoint.

They are CHECKPOINT_DIR/.incremental_checkpoint/model.ckpt-STEP.*, with a `checkpoint` state file of their own, which
names those that were written to their end. An increment names the full checkpoint that it builds on with a digest of
that one's index file, which has a checksum of every tensor in it, and is used with no other.
"""

import hashlib
import os
import shutil
from typing import Dict, List, NamedTuple, Optional, Sequence

import tensorflow.compat.v1 as tf
from tensorflow.python.training import checkpoint_management

from common.checkpoint import touched

FOLDER = ".incremental_checkpoint"
_STEP = tf.GraphKeys.GLOBAL_STEP


class Newest(NamedTuple):
    """The newest increment that goes with a full checkpoint.

    Attributes:
      path: the prefix of its files, None if there is none.
      step: its step, or that of the full checkpoint.
      unusable: the prefixes of newer ones -> why they cannot be used.
    """

    path: Optional[str]
    step: int
    unusable: Dict[str, str]


def find(full: str, names: Sequence[str] = ()) -> Newest:
    """The newest whole increment on top of a full checkpoint.

    Args:
      full: the prefix of its files.
      names: the tensors that an increment has to hold.
    """
    step = int(tf.train.load_variable(full, _STEP))
    unusable: Dict[str, str] = {}
    for path in reversed(listed(os.path.join(os.path.dirname(full), FOLDER))):
        try:
            found = _check(path, full, step, names)
        except (_Unusable, tf.errors.OpError) as error:
            unusable[path] = str(error) if isinstance(error, _Unusable) else "it is damaged: {}".format(error.message)
            continue
        return Newest(path if found > step else None, max(found, step), unusable)
    return Newest(None, step, unusable)


def newest_step(checkpoint_dir: str) -> int:
    """The step at which training goes on: of the newest increment or checkpoint, 0 if there is neither."""
    full = tf.train.latest_checkpoint(checkpoint_dir)
    try:
        return find(full).step if full else 0
    except tf.errors.OpError:
        if tf.train.latest_checkpoint(checkpoint_dir) == full:
            raise
        return newest_step(checkpoint_dir)  # a newer one has taken its place


class _Unusable(Exception):
    """Why an increment cannot be used."""


def _check(path: str, full: str, full_step: int, names: Sequence[str]) -> int:
    """The step of an increment; raises _Unusable or tf.errors.OpError where it is newer and cannot be used."""
    reader = tf.train.load_checkpoint(path)
    step = int(reader.get_tensor(_STEP))
    if step <= full_step:
        return step
    built_on = tf.compat.as_str_any(reader.get_tensor(touched.BASE))
    if built_on != identity(full):
        raise _Unusable("it builds on {}, not on {}".format(built_on.split()[0], full))
    held = reader.get_variable_to_shape_map()
    lacking = sorted(set(names) - set(held))
    if lacking:
        raise _Unusable("it lacks {}".format(", ".join(lacking)))
    for name in held:
        reader.get_tensor(name)  # compares the tensor with its checksum
    return step


def identity(full: str) -> str:
    """What tells a full checkpoint from any other, also from one of its name."""
    with tf.gfile.GFile(full + ".index", "rb") as file:
        return "{} {}".format(os.path.basename(full), hashlib.sha256(file.read()).hexdigest())


def listed(folder: str) -> List[str]:
    """The prefixes of a folder's increments that were written to their end, oldest first."""
    state = tf.train.get_checkpoint_state(folder)
    return list(state.all_model_checkpoint_paths) if state else []


def remove_all_but(folder: str, kept: List[str]) -> None:
    """Removes all other increments, and what is left of those that were not written to their end."""
    state = os.path.join(folder, "checkpoint")
    if kept:
        checkpoint_management.update_checkpoint_state_internal(folder, kept[-1], list(kept), save_relative_paths=True)
    elif os.path.exists(state):
        os.remove(state)
    stems = tuple(os.path.basename(path) + "." for path in kept)
    for name in os.listdir(folder) if os.path.isdir(folder) else []:
        path = os.path.join(folder, name)
        if name != "checkpoint" and not name.startswith(stems):
            shutil.rmtree(path) if os.path.isdir(path) else os.remove(path)

"""The files of increments: which of them can be used, and with which full checkpoint.

They are CHECKPOINT_DIR/.incremental_checkpoint/model.ckpt-STEP.*, with a `checkpoint` state file of
their own, which names those that were written to their end. An increment names the full checkpoint
that it builds on with a digest of that one's index file, which has a checksum of every tensor in
it, and is used with no other.
"""

import hashlib
import os
import shutil
from typing import Dict, List, NamedTuple, Optional, Sequence

import tensorflow.compat.v1 as tf

from common import tf_private

FOLDER = ".incremental_checkpoint"
BASE = "incremental_base"  # the tensor that says what an increment builds on
KEYS, VALUES = "-sparse_incr_keys", "-sparse_incr_values"  # endings of the names of rows

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


class _Unusable(Exception):
    """Why an increment cannot be used."""


def find(full: str, names: Sequence[str] = ()) -> Newest:
    """The newest whole increment on top of a full checkpoint.

    Args:
      full: the prefix of its files.
      names: the tensors that an increment has to hold.
    """
    full_step = step_of(full)
    folder = os.path.join(os.path.dirname(full), FOLDER)
    unusable: Dict[str, str] = {}
    for path in reversed(listed(folder)):
        try:
            step = _check(path, full, full_step, names)
        except _Unusable as error:
            unusable[path] = str(error)
        except tf.errors.OpError as error:
            unusable[path] = "it is damaged: {}".format(error.message)
        else:
            is_newer = step > full_step
            return Newest(path if is_newer else None, max(step, full_step), unusable)
    return Newest(None, full_step, unusable)


def step_of(full: str) -> int:
    """The step of a full checkpoint whose files have this prefix."""
    return int(tf.train.load_variable(full, _STEP))


def _check(path: str, full: str, full_step: int, names: Sequence[str]) -> int:
    """The step of an increment.

    Raises:
      _Unusable, tf.errors.OpError: it is newer than the full checkpoint and cannot be used.
    """
    reader = tf.train.load_checkpoint(path)
    step = int(reader.get_tensor(_STEP))
    if step <= full_step:
        return step
    base = tf.compat.as_str_any(reader.get_tensor(BASE))
    if base != identity(full):
        raise _Unusable("it builds on {}, not on {}".format(base.split()[0], full))
    tensors = reader.get_variable_to_shape_map()
    absent = sorted(set(names) - set(tensors))
    if absent:
        raise _Unusable("it lacks {}".format(", ".join(absent)))
    for name in tensors:
        reader.get_tensor(name)  # compares the tensor with its checksum
    return step


def identity(full: str) -> str:
    """What tells a full checkpoint from any other, also from one of its name."""
    with tf.gfile.GFile(full + ".index", "rb") as file:
        index = file.read()
    digest = hashlib.sha256(index).hexdigest()
    name = os.path.basename(full)
    return "{} {}".format(name, digest)


def listed(folder: str) -> List[str]:
    """The prefixes of a folder's increments that were written to their end, oldest first."""
    state = tf.train.get_checkpoint_state(folder)
    return list(state.all_model_checkpoint_paths) if state else []


def remove_all_but(folder: str, paths: Sequence[str]) -> None:
    """Removes all other increments, and what is left of those not written to their end."""
    state = os.path.join(folder, "checkpoint")
    if paths:
        tf_private.write_checkpoint_state(folder, paths)
    elif os.path.exists(state):
        os.remove(state)
    if os.path.isdir(folder):
        stems = tuple(os.path.basename(path) + "." for path in paths)
        _remove_files(folder, stems)


def _remove_files(folder: str, stems: Sequence[str]) -> None:
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        if name == "checkpoint" or name.startswith(tuple(stems)):
            continue
        if os.path.isdir(path):  # where TensorFlow writes the parts of a file
            shutil.rmtree(path)
        else:
            os.remove(path)

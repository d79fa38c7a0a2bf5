"""The checkpoint of another run that a new run starts from: which one, and what it holds."""

import os
from typing import Dict, List, NamedTuple, Optional, Tuple

import tensorflow.compat.v1 as tf

from common.checkpoint import increment_files
from common.checkpoint.increment_files import KEYS, VALUES
from common.errors import BadInput, in_one_line

_Tensors = Dict[str, Tuple[tf.DType, List[int]]]  # name -> type and shape


class Source(NamedTuple):
    """A full checkpoint and the newest increment on top of it.

    Attributes:
      path: the prefix of the full checkpoint's files.
      increment: that of the increment's files; empty where there is none.
      step: the global step of the newer of them.
      tensors: of the full checkpoint: name -> type and shape.
      of_increment: those of the increment.
    """

    path: str
    increment: str
    step: int
    tensors: _Tensors
    of_increment: _Tensors

    def is_whole_in_increment(self, name: str) -> bool:
        """Whether the increment has all of a variable, and not just rows of it."""
        return name in self.of_increment

    def keys_of_rows(self, name: str) -> Optional[str]:
        """The tensor that says which rows of a variable the increment has; None for no rows."""
        if name + VALUES not in self.of_increment:
            return None
        table = name
        while table and table + KEYS not in self.of_increment:
            table = table.rpartition("/")[0]  # a slot has the rows of its table
        return table + KEYS


def newest(place: str) -> str:
    """The prefix of a checkpoint's files: the newest whole one of a folder, or the one named.

    Raises:
      BadInput: there is none, or only a part of one.
    """
    if os.path.isdir(place):
        # The state file names a checkpoint once all of it is written.
        path = tf.train.latest_checkpoint(place)
        if not path:
            raise BadInput(
                "--warm_start {}: this folder holds no complete checkpoint. Give the --checkpoint "
                "folder of a run that has saved one.".format(place))
        return path
    if not os.path.exists(place + ".index"):  # which is written last
        raise BadInput(
            "--warm_start {}: there is neither a folder nor a complete checkpoint of that name. "
            "Give a run's folder, or what the names of a checkpoint's files begin with, such as "
            "FOLDER/model.ckpt-100.".format(place))
    return place


def find(place: str) -> Source:
    """The checkpoint at a place, which is a run's folder or a prefix, with its increments.

    Raises:
      BadInput: there is none that is whole.
    """
    path = newest(place)
    try:
        tensors = _tensors(path)
        if tf.GraphKeys.GLOBAL_STEP not in tensors:
            raise BadInput("--warm_start {}: {} has no global step, so no run saved it. Give the "
                           "--checkpoint folder of a run.".format(place, path))
        increment = increment_files.find(path)
        of_increment = _tensors(increment.path) if increment.path else {}
    except (tf.errors.OpError, ValueError) as error:
        if isinstance(error, BadInput):
            raise
        raise unreadable(path, error)
    return Source(path, increment.path or "", increment.step, tensors, of_increment)


def unreadable(path: str, error: Exception) -> BadInput:
    """The error of a checkpoint that cannot be read, or not to its end."""
    return BadInput(
        "--warm_start: {} is damaged, or was removed while it was read, as a run does that saves "
        "newer ones and keeps {}. Start again, or name another checkpoint. TensorFlow says: "
        "{}".format(path, "only --keep_checkpoint_max", in_one_line(error)))


def _tensors(path: str) -> _Tensors:
    reader = tf.train.load_checkpoint(path)
    types = reader.get_variable_to_dtype_map()
    shapes = reader.get_variable_to_shape_map()
    return {name: (types[name], shape) for name, shape in shapes.items()}

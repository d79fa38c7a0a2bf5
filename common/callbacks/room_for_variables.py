"""Variables that memory cannot hold are refused before anything is made or read.

TensorFlow would draw them for minutes, until the kernel ends the process without a word.
"""

from typing import Callable, List, NamedTuple

import tensorflow.compat.v1 as tf

from common.callbacks.callback import Callback
from common.errors import BadInput
from common.process import memory_limit

_GIGA = 1e9


class _Size(NamedTuple):
    num_bytes: int
    variable: tf.Variable


class RoomForVariables(Callback):
    """Compares the variables of a training graph, slots among them, with this process's memory.

    Those on servers are left out, whose memory nobody here knows.

    Args:
      memory: gives the bytes that this process may use.

    Raises:
      BadInput: in `change`, where they cannot fit.
    """

    def __init__(self, memory: Callable[[], int] = memory_limit.num_bytes) -> None:
        self._memory = memory

    def change(self, spec: tf.estimator.EstimatorSpec, features: object,
               mode: str) -> tf.estimator.EstimatorSpec:
        """The same spec, if its variables fit."""
        if mode == tf.estimator.ModeKeys.TRAIN:
            self._check(_sizes())
        return spec

    def _check(self, sizes: List[_Size]) -> None:
        total = sum(size.num_bytes for size in sizes)
        memory = self._memory()
        if total <= memory:
            return
        largest = max(sizes, key=lambda size: size.num_bytes)
        raise BadInput(
            "the variables of this model take {:,.1f} GB, and this process may use {:,.1f} GB of "
            "memory. The largest is {}, {} of {}, with {:,.1f} GB. Give its column fewer buckets "
            "or a smaller width; or train with --ev or --multihash, whose tables take what their "
            "keys need, or on parameter servers.".format(
                total / _GIGA, memory / _GIGA, largest.variable.op.name,
                largest.variable.dtype.base_dtype.name, largest.variable.shape.as_list(),
                largest.num_bytes / _GIGA))


def _sizes() -> List[_Size]:
    """The variables of the graph that this process holds."""
    sizes = []
    for variable in tf.global_variables():
        count = variable.shape.num_elements()
        on_server = tf.DeviceSpec.from_string(variable.device).job == "ps"
        if count and not on_server:
            sizes.append(_Size(count * variable.dtype.base_dtype.size, variable))
    return sizes

"""Initial values that depend on a variable's name and on the graph's seed alone.

So every way of building a graph starts from the same ones, whatever else is in it.
"""

import zlib
from typing import Any, Callable, Sequence

import tensorflow.compat.v1 as tf

Initializer = Callable[..., tf.Tensor]
Shape = Sequence[int]


def truncated_normal(stddev: float, name: str) -> Initializer:
    """An initializer that draws from a truncated normal with a seed of the variable's name."""
    def initialize(
            shape: Shape,
            dtype: tf.DType = tf.float32,
            partition_info: Any = None,
    ) -> tf.Tensor:
        seed = _seed(name, partition_info)
        return tf.random.truncated_normal(shape, stddev=stddev, dtype=dtype, seed=seed)

    return initialize


def glorot_uniform(name: str) -> Initializer:
    """An initializer after Glorot for a [inputs, outputs] kernel, with a seed of the variable's
    name.
    """
    def initialize(
            shape: Shape,
            dtype: tf.DType = tf.float32,
            partition_info: Any = None,
    ) -> tf.Tensor:
        full_shape = partition_info.full_shape if partition_info else shape
        fan_in, fan_out = map(int, full_shape)
        limit = (6.0 / (fan_in + fan_out)) ** 0.5
        seed = _seed(name, partition_info)
        return tf.random.uniform(shape, -limit, limit, dtype=dtype, seed=seed)

    return initialize


def _seed(name: str, partition_info: Any) -> int:
    """A seed of a variable, or of one slice of it, so that no two slices start alike."""
    offset = sum(partition_info.var_offset) if partition_info else 0
    return (zlib.crc32(name.encode()) + int(offset)) % (1 << 31)

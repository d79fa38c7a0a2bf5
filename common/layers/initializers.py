"""Initial values that depend on a variable's name and on the graph's seed alone, so that every way of building a graph
starts from the same ones.
"""

import zlib
from typing import Callable, Sequence

import tensorflow.compat.v1 as tf

Initializer = Callable[..., tf.Tensor]


def truncated_normal(stddev: float, name: str) -> Initializer:
    """An initializer that draws from a truncated normal with a seed of the variable's name."""
    def initialize(shape: Sequence[int], dtype: tf.DType = tf.float32, partition_info: object = None) -> tf.Tensor:
        return tf.random.truncated_normal(shape, stddev=stddev, dtype=dtype, seed=_seed(name, partition_info))

    return initialize


def glorot_uniform(name: str) -> Initializer:
    """An initializer after Glorot for a [inputs, outputs] kernel, with a seed of the variable's name."""
    def initialize(shape: Sequence[int], dtype: tf.DType = tf.float32, partition_info: object = None) -> tf.Tensor:
        fan_in, fan_out = partition_info.full_shape if partition_info else shape  # type: ignore[attr-defined]
        limit = (6.0 / (int(fan_in) + int(fan_out))) ** 0.5
        return tf.random.uniform(shape, -limit, limit, dtype=dtype, seed=_seed(name, partition_info))

    return initialize


def _seed(name: str, partition_info: object) -> int:
    offset = sum(partition_info.var_offset) if partition_info else 0  # type: ignore[attr-defined]
    return (zlib.crc32(name.encode()) + int(offset)) % (1 << 31)

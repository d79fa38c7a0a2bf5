"""Graph functions that more than one model uses.

Initial values depend on a variable's name and on the graph's seed alone, so that every way of building a graph starts
from the same ones.
"""

import math
import zlib
from typing import Callable, List, NamedTuple, Optional, Sequence

import tensorflow.compat.v1 as tf

from common.deeprec import Toggles

Initializer = Callable[..., tf.Tensor]
_SHARDS = 1 << 20


class Dense(NamedTuple):
    """How dense layers are built: the toggles, the L2 scale of their kernels, and their variables' partitioner."""

    toggles: Toggles
    l2: float = 0.0
    partitioner: Optional[Callable[..., List[int]]] = None


def partitioner(slice_bytes: int) -> Optional[Callable[..., List[int]]]:
    """Cuts variables along their first axis into slices of at most slice_bytes; None for 0."""
    if not slice_bytes:
        return None
    return tf.variable_axis_size_partitioner(slice_bytes, max_shards=_SHARDS)


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


def dense(inputs: tf.Tensor, units: int, name: str, config: Dense, activation: Optional[Callable] = None,
          bias: float = 0.0) -> tf.Tensor:
    """A dense layer.

    Args:
      inputs: float32 [B, I].
      units: its outputs H.
      name: its variables are name/kernel [I, H] and name/bias [H].
      activation: applied to the outputs.
      bias: initial value of the bias.

    Returns:
      float32 [B, H].
    """
    scope = tf.get_variable_scope().name
    kernel_init = glorot_uniform("{}/{}".format(scope, name))
    regularizer = tf.keras.regularizers.l2(config.l2 / 2) if config.l2 else None
    with tf.variable_scope(tf.get_variable_scope(), partitioner=config.partitioner):
        if config.toggles.tf:
            return tf.layers.dense(inputs, units, activation, name=name, kernel_initializer=kernel_init,
                                   bias_initializer=tf.constant_initializer(bias), kernel_regularizer=regularizer)
        with tf.variable_scope(name):
            kernel = tf.convert_to_tensor(tf.get_variable(
                "kernel", [inputs.shape[1], units], initializer=kernel_init, regularizer=regularizer))
            offset = tf.convert_to_tensor(tf.get_variable(
                "bias", [units], initializer=tf.constant_initializer(bias)))
            product = bf16_matmul(inputs, kernel) if config.toggles.bf16 else tf.matmul(inputs, kernel)
            outputs = tf.nn.bias_add(product, offset)
            return activation(outputs) if activation else outputs


def mlp(inputs: tf.Tensor, sizes: Sequence[int], name: str, config: Dense) -> tf.Tensor:
    """Dense layers with relu one after another: float32 [B, I] to [B, sizes[-1]]."""
    with tf.variable_scope(name):
        for i, size in enumerate(sizes):
            inputs = dense(inputs, size, "dense_{}".format(i), config, tf.nn.relu)
    return inputs


@tf.custom_gradient
def bf16_matmul(x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """The product of x [B, I] and kernel [I, H] with inputs rounded to bfloat16 and sums in float32, [B, H].

    The products of its gradient round their inputs too, as a BF16 kernel does.
    """
    x, kernel = round_to_bf16(x), round_to_bf16(kernel)

    def gradient(upstream: tf.Tensor) -> List[tf.Tensor]:
        upstream = round_to_bf16(upstream)
        return [tf.matmul(upstream, kernel, transpose_b=True), tf.matmul(x, upstream, transpose_a=True)]

    return tf.matmul(x, kernel), gradient


def round_to_bf16(x: tf.Tensor) -> tf.Tensor:
    """The nearest bfloat16 of each float32, as float32."""
    return tf.cast(tf.cast(x, tf.bfloat16), tf.float32)


def logit(inputs: tf.Tensor, name: str, base_rate: float, config: Dense) -> tf.Tensor:
    """A dense layer with one output, always in FP32, whose bias starts at the logit of base_rate: [B, H] to [B]."""
    plain = config._replace(toggles=config.toggles._replace(bf16=False))
    return tf.squeeze(dense(inputs, 1, name, plain, bias=math.log(base_rate / (1 - base_rate))), axis=1)

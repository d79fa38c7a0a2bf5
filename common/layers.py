"""Graph functions that more than one model uses.

Initial values depend on a variable's name and on the graph's seed alone, so that every way of building a graph starts
from the same ones.
"""

import math
import zlib
from typing import Callable, List, NamedTuple, Optional, Sequence, Tuple

import tensorflow.compat.v1 as tf

from common.deeprec import Toggles

Initializer = Callable[..., tf.Tensor]
Activation = Callable[[tf.Tensor], tf.Tensor]
_BATCH_NORM_MOMENTUM = 0.97
_SHARDS = 1 << 20


class Dense(NamedTuple):
    """How dense layers are built: the toggles, the L2 scale of their kernels, and their variables' partitioner."""

    toggles: Toggles
    l2: float = 0.0
    partitioner: Optional[Callable[..., List[int]]] = None


class Norm(NamedTuple):
    """Batch normalisation between dense layers: its mode, and what is added to each variance.

    An epsilon that is large beside the variances lets small inputs stay small, such as rows of embeddings that were
    rarely seen.
    """

    training: bool
    epsilon: float = 1e-3


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


def dense(inputs: tf.Tensor, units: int, name: str, config: Dense, activation: Optional[Activation] = None,
          bias: float = 0.0) -> tf.Tensor:
    """A dense layer.

    Args:
      inputs: float32 [..., I].
      units: its outputs H.
      name: its variables are name/kernel [I, H] and name/bias [H].
      activation: applied to the outputs.
      bias: initial value of the bias.

    Returns:
      float32 [..., H].
    """
    if config.toggles.tf:
        return _community_dense(inputs, units, name, config, activation, bias)
    kernel, offset = _dense_variables(inputs, units, name, config, bias)
    outputs = tf.nn.bias_add(_product(inputs, kernel, config), offset)
    return activation(outputs) if activation else outputs


def dense_group(inputs: tf.Tensor, units: int, names: Sequence[str], config: Dense) -> List[tf.Tensor]:
    """Several dense layers without activation on one input, which op_fusion multiplies as one: [B, I] to [B, H] each.

    Args:
      names: of the layers; the variables are those that dense makes.
    """
    if config.toggles.tf or not config.toggles.op_fusion:
        return [dense(inputs, units, name, config) for name in names]
    kernels, offsets = zip(*[_dense_variables(inputs, units, name, config, 0.0) for name in names])
    outputs = tf.nn.bias_add(_product(inputs, tf.concat(kernels, axis=1), config), tf.concat(offsets, axis=0))
    return tf.split(outputs, len(names), axis=1)


def _community_dense(inputs: tf.Tensor, units: int, name: str, config: Dense, activation: Optional[Activation],
                     bias: float) -> tf.Tensor:
    with tf.variable_scope(tf.get_variable_scope(), partitioner=config.partitioner):
        return tf.layers.dense(inputs, units, activation, name=name, kernel_initializer=_kernel_initializer(name),
                               bias_initializer=tf.constant_initializer(bias), kernel_regularizer=_regularizer(config))


def _dense_variables(inputs: tf.Tensor, units: int, name: str, config: Dense,
                     bias: float) -> Tuple[tf.Tensor, tf.Tensor]:
    """The kernel [I, H] and the bias [H] of a dense layer, as tf.layers.dense makes them."""
    initializer = _kernel_initializer(name)
    with tf.variable_scope(name, partitioner=config.partitioner):
        kernel = tf.get_variable("kernel", [inputs.shape[-1], units], initializer=initializer,
                                 regularizer=_regularizer(config))
        offset = tf.get_variable("bias", [units], initializer=tf.constant_initializer(bias))
        return tf.convert_to_tensor(kernel), tf.convert_to_tensor(offset)


def _kernel_initializer(name: str) -> Initializer:
    return glorot_uniform("/".join(filter(None, [tf.get_variable_scope().name, name])))


def _regularizer(config: Dense) -> Optional[Callable]:
    return tf.keras.regularizers.l2(config.l2 / 2) if config.l2 else None


def _product(inputs: tf.Tensor, kernel: tf.Tensor, config: Dense) -> tf.Tensor:
    return bf16_matmul(inputs, kernel) if config.toggles.bf16 else tf.matmul(inputs, kernel)


def batch_norm(inputs: tf.Tensor, name: str, norm: Norm, affine: bool = True) -> tf.Tensor:
    """Normalises each of H features to mean 0 and variance 1: by the batch [B, H] in training, else by running means.

    Args:
      affine: whether a learned scale and offset follow.
    """
    return tf.layers.batch_normalization(inputs, momentum=_BATCH_NORM_MOMENTUM, epsilon=norm.epsilon, center=affine,
                                         scale=affine, training=norm.training, name=name)


def mlp(inputs: tf.Tensor, sizes: Sequence[int], name: str, config: Dense, norm: Optional[Norm] = None) -> tf.Tensor:
    """Dense layers with relu one after another: float32 [B, I] to [B, sizes[-1]].

    Args:
      norm: batch normalisation before each relu, None for none.
    """
    return mlps(inputs, sizes, [name], config, norm)[0]


def mlps(inputs: tf.Tensor, sizes: Sequence[int], names: Sequence[str], config: Dense,
         norm: Optional[Norm] = None) -> List[tf.Tensor]:
    """Several mlp of the same sizes on one input; their first layers share a product where op_fusion says so."""
    firsts = dense_group(inputs, sizes[0], [name + "/dense_0" for name in names], config)
    return [_mlp_after_first(first, sizes, name, config, norm) for first, name in zip(firsts, names)]


def _mlp_after_first(hidden: tf.Tensor, sizes: Sequence[int], name: str, config: Dense,
                     norm: Optional[Norm]) -> tf.Tensor:
    """An mlp from the outputs of its first dense layer on."""
    with tf.variable_scope(name):
        for i, size in enumerate(sizes):
            hidden = dense(hidden, size, "dense_{}".format(i), config) if i else hidden
            if norm:
                hidden = batch_norm(hidden, "norm_{}".format(i), norm)
            hidden = tf.nn.relu(hidden)
    return hidden


def mix(experts: Sequence[tf.Tensor], gate: tf.Tensor) -> tf.Tensor:
    """The experts' outputs, [B, H] each, weighted with the softmax of a gate's logits [B, E]: [B, H]."""
    weights = tf.expand_dims(tf.nn.softmax(gate), 1)  # [B, 1, E]
    return tf.squeeze(tf.matmul(weights, tf.stack(experts, axis=1)), axis=1)


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

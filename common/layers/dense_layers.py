"""Dense layers, alone and side by side.

Layers that stand side by side are made by one call, so that op_fusion can compute them in one
native op. Without it, or without native ops, each is made of TensorFlow's own; the variables are
the same.
"""

import math
from typing import Callable, List, NamedTuple, Optional, Sequence, Tuple

import tensorflow.compat.v1 as tf

from common.deeprec import symbols as deeprec
from common.kernels.layers import dense as dense_kernel
from common.layers.bfloat16 import bf16_matmul
from common.layers.config import Dense
from common.layers.dense_variables import dense_variables, glorot_of, regularizer

Activation = Callable[[tf.Tensor], tf.Tensor]
Variables = Tuple[tf.Tensor, tf.Tensor]


class _Layer(NamedTuple):
    """One dense layer: float32 [..., I] to [..., units]."""

    inputs: tf.Tensor
    units: int
    name: str
    activation: Optional[Activation]
    bias: float

    def variables(self, config: Dense, dtype: tf.DType = tf.float32) -> Variables:
        """Its kernel and its bias."""
        width = self.inputs.shape[-1].value
        return dense_variables(width, self.units, self.name, config, self.bias, dtype)


def dense(
        inputs: tf.Tensor,
        units: int,
        name: str,
        config: Dense,
        activation: Optional[Activation] = None,
        bias: float = 0.0,
) -> tf.Tensor:
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
    return dense_group([inputs], [units], [name], config, activation, bias)[0]


def dense_group(
        inputs: Sequence[tf.Tensor],
        units: Sequence[int],
        names: Sequence[str],
        config: Dense,
        activation: Optional[Activation] = None,
        bias: float = 0.0,
) -> List[tf.Tensor]:
    """Dense layers side by side, as dense makes them one by one; several may have one input."""
    layers = [_Layer(*each, activation, bias) for each in zip(inputs, units, names)]
    if config.toggles.tf:
        return [_community_dense(layer, config) for layer in layers]
    if config.toggles.bf16 and deeprec.has("bf16"):
        return [_deeprec_bf16_dense(layer, config) for layer in layers]
    variables = [layer.variables(config) for layer in layers]
    make = _fused if config.fused and _are_flat(layers) else _plain
    return make(layers, variables, config)


def _are_flat(layers: Sequence[_Layer]) -> bool:
    """Whether inputs are [B, I], as the native op takes them."""
    return all(layer.inputs.shape.ndims == 2 for layer in layers)


def _community_dense(layer: _Layer, config: Dense) -> tf.Tensor:
    with tf.variable_scope(tf.get_variable_scope(), partitioner=config.partitioner):
        return tf.layers.dense(
            layer.inputs, layer.units, layer.activation, name=layer.name,
            kernel_initializer=glorot_of(layer.name),
            bias_initializer=tf.constant_initializer(layer.bias),
            kernel_regularizer=regularizer(config))


def _deeprec_bf16_dense(layer: _Layer, config: Dense) -> tf.Tensor:
    """A dense layer of bfloat16 tensors and float32 variables, as DeepRec's BF16 kernels take
    it.
    """
    with deeprec.kept_weights():
        kernel, offset = layer.variables(config, tf.bfloat16)
    product = tf.matmul(tf.cast(layer.inputs, tf.bfloat16), kernel)
    outputs = _activate(layer, tf.nn.bias_add(product, offset))
    return tf.cast(outputs, tf.float32)


def _fused(
        layers: Sequence[_Layer],
        variables: Sequence[Variables],
        config: Dense,
) -> List[tf.Tensor]:
    """The layers in one native op, which knows relu alone; layers that share an input name it
    once.
    """
    has_relu = layers[0].activation is tf.nn.relu
    inputs = list(dict.fromkeys(layer.inputs for layer in layers))
    input_of = [inputs.index(layer.inputs) for layer in layers]
    kernels, biases = zip(*variables)
    precision = dense_kernel.precision(config.toggles.bf16)
    outputs = dense_kernel.dense(inputs, kernels, biases, input_of, has_relu, precision)
    if has_relu:
        return list(outputs)
    return [_activate(layer, y) for layer, y in zip(layers, outputs)]


def _plain(
        layers: Sequence[_Layer],
        variables: Sequence[Variables],
        config: Dense,
) -> List[tf.Tensor]:
    """The layers in TensorFlow's own ops."""
    product = bf16_matmul if config.toggles.bf16 else tf.matmul
    outputs = []
    for layer, (kernel, offset) in zip(layers, variables):
        outputs.append(tf.nn.bias_add(product(layer.inputs, kernel), offset))
    return [_activate(layer, y) for layer, y in zip(layers, outputs)]


def _activate(layer: _Layer, outputs: tf.Tensor) -> tf.Tensor:
    return layer.activation(outputs) if layer.activation else outputs


def logit(inputs: tf.Tensor, name: str, base_rate: float, config: Dense) -> tf.Tensor:
    """A dense layer with one output, always in FP32, whose bias starts at the logit of base_rate:
    [B, H] to [B].
    """
    toggles = config.toggles._replace(bf16=False)
    bias = math.log(base_rate / (1 - base_rate))
    outputs = dense(inputs, 1, name, config._replace(toggles=toggles), bias=bias)
    return tf.squeeze(outputs, axis=1)

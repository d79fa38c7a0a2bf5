"""Dense layers, alone and side by side.

Layers that stand side by side are made by one call, so that op_fusion can compute them in one native op. Without it,
or without native ops, each is made of TensorFlow's own; the variables are the same.
"""

import argparse
import math
from typing import Callable, List, NamedTuple, Optional, Sequence, Tuple

import tensorflow.compat.v1 as tf

from common.config.flag_types import FEATURES, TRAINING, FlagParser, amount, count
from common.config.toggles import Toggles
from common.deeprec import symbols as deeprec
from common.kernels import native
from common.kernels.layers import dense as dense_kernel
from common.layers import initializers
from common.layers.gradients import Gradient, custom_gradient

Activation = Callable[[tf.Tensor], tf.Tensor]
_SHARDS = 1 << 20


def add_flags(parser: FlagParser) -> None:
    """Adds the flags of dense layers."""
    parser.group(TRAINING).add_argument(
        "--l2_regularization", type=amount, default=None, metavar="SCALE",
        help="adds SCALE * sum(kernel ** 2) / 2 of every dense kernel to the loss (default none)")
    parser.group(FEATURES).add_argument(
        "--dense_layer_partitioner", type=count, default=0, metavar="KB",
        help="largest slice of a dense layer's variable in kB; 0: whole (default 0)")


class Dense(NamedTuple):
    """How dense layers are built: the toggles, the L2 scale of their kernels, and their variables' partitioner."""

    toggles: Toggles
    l2: float = 0.0
    partitioner: Optional[Callable[..., List[int]]] = None

    @classmethod
    def from_flags(cls, args: argparse.Namespace) -> "Dense":
        """What flags say, whose toggles are parsed."""
        slices = partitioner(args.dense_layer_partitioner << 10)
        return cls(args.toggles, args.l2_regularization or 0.0, slices)

    @property
    def fused(self) -> bool:
        """Whether native ops compute the layers."""
        return self.toggles.op_fusion and native.load().ops is not None

    @property
    def in_bfloat16(self) -> bool:
        """Whether native ops multiply bfloat16."""
        return not deeprec.has("bf16") and dense_kernel.precision(self.toggles.bf16) == "bfloat16"

    def exported(self) -> "Dense":
        """The same with TensorFlow's own ops, as exported models need them."""
        return self._replace(toggles=self.toggles.plain())


def partitioner(slice_bytes: int) -> Optional[Callable[..., List[int]]]:
    """Cuts variables along their first axis into slices of at most slice_bytes; None for 0."""
    if not slice_bytes:
        return None
    return tf.variable_axis_size_partitioner(slice_bytes, max_shards=_SHARDS)


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
    return dense_group([inputs], [units], [name], config, activation, bias)[0]


def dense_group(inputs: Sequence[tf.Tensor], units: Sequence[int], names: Sequence[str], config: Dense,
                activation: Optional[Activation] = None, bias: float = 0.0) -> List[tf.Tensor]:
    """Dense layers side by side, as dense makes them one by one; several may have one input."""
    if config.toggles.tf:
        return [_community_dense(*layer, config, activation, bias) for layer in zip(inputs, units, names)]
    if config.toggles.bf16 and deeprec.has("bf16"):
        return [_kept_dense(*layer, config, activation, bias) for layer in zip(inputs, units, names)]
    kernels, biases = zip(*[dense_variables(x.shape[-1].value, size, name, config, bias)
                            for x, size, name in zip(inputs, units, names)])
    if config.fused and all(x.shape.ndims == 2 for x in inputs):
        relu = activation is tf.nn.relu
        distinct = list(dict.fromkeys(inputs))
        outputs = dense_kernel.dense(distinct, kernels, biases, [distinct.index(x) for x in inputs], relu,
                                     dense_kernel.precision(config.toggles.bf16))
        return list(outputs) if relu or not activation else [activation(y) for y in outputs]
    product = bf16_matmul if config.toggles.bf16 else tf.matmul
    outputs = [tf.nn.bias_add(product(*layer), offset) for *layer, offset in zip(inputs, kernels, biases)]
    return [activation(y) for y in outputs] if activation else outputs


def _community_dense(inputs: tf.Tensor, units: int, name: str, config: Dense, activation: Optional[Activation],
                     bias: float) -> tf.Tensor:
    with tf.variable_scope(tf.get_variable_scope(), partitioner=config.partitioner):
        return tf.layers.dense(inputs, units, activation, name=name, kernel_initializer=_kernel_initializer(name),
                               bias_initializer=tf.constant_initializer(bias), kernel_regularizer=_regularizer(config))


def _kept_dense(inputs: tf.Tensor, units: int, name: str, config: Dense, activation: Optional[Activation],
                bias: float) -> tf.Tensor:
    """A dense layer of bfloat16 tensors and float32 variables, as DeepRec's BF16 kernels take it."""
    with deeprec.kept_weights():
        kernel, offset = dense_variables(inputs.shape[-1].value, units, name, config, bias, tf.bfloat16)
    outputs = tf.nn.bias_add(tf.matmul(tf.cast(inputs, tf.bfloat16), kernel), offset)
    return tf.cast(activation(outputs) if activation else outputs, tf.float32)


def dense_variables(width: int, units: int, name: str, config: Dense, bias: float = 0.0,
                    dtype: tf.DType = tf.float32) -> Tuple[tf.Tensor, tf.Tensor]:
    """The kernel [width, units] and the bias [units] of a dense layer, as tf.layers.dense makes them."""
    initializer = _kernel_initializer(name)
    with tf.variable_scope(name, partitioner=config.partitioner):
        kernel = tf.get_variable("kernel", [width, units], dtype, initializer=initializer,
                                 regularizer=_regularizer(config))
        offset = tf.get_variable("bias", [units], dtype, initializer=tf.constant_initializer(bias))
        return tf.convert_to_tensor(kernel), tf.convert_to_tensor(offset)


def _kernel_initializer(name: str) -> initializers.Initializer:
    return initializers.glorot_uniform("/".join(filter(None, [tf.get_variable_scope().name, name])))


def _regularizer(config: Dense) -> Optional[Callable]:
    return tf.keras.regularizers.l2(config.l2 / 2) if config.l2 else None


@custom_gradient
def bf16_matmul(x: tf.Tensor, kernel: tf.Tensor) -> Tuple[tf.Tensor, Gradient]:
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

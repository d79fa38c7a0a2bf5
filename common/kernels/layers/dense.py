"""Dense layers side by side in one native op, forward and backward."""

import functools
from typing import List, Optional, Sequence

import numpy as np
import tensorflow.compat.v1 as tf

from common.kernels import native

Tensors = Sequence[tf.Tensor]

_TOLERANCE = 0.02  # of the largest value: bfloat16 has 8 significant bits


def precision(bf16: bool) -> str:
    """How products are computed: 'float', 'bfloat16' or 'rounded'.

    The last has the same numerics as 'bfloat16' on a CPU that cannot multiply it: inputs are
    rounded to bfloat16 and multiplied as float32.
    """
    if not bf16:
        return "float"
    works = native.has_bfloat16() and is_right("bfloat16")
    return "bfloat16" if works else "rounded"


@functools.lru_cache(maxsize=None)
def is_right(tried: str) -> bool:
    """Whether layers of a precision, and their gradients, agree with those of 'rounded'.

    A CPU's claim, and what oneDNN makes of it, are tried before a model relies on them.
    """
    config = tf.ConfigProto(inter_op_parallelism_threads=1, use_per_session_threads=True)
    with tf.Graph().as_default(), tf.Session(config=config) as session:
        fetches = [_sample(tried), _sample("rounded")]
        try:
            values, expected = session.run(fetches)
        except tf.errors.OpError:
            return False
    return all(_agree(*pair) for pair in zip(values, expected))


def _sample(precision: str) -> List[tf.Tensor]:
    """The outputs of two layers and their gradients, without and with a relu."""
    random = np.random.RandomState(0)
    shapes = [(130, 133), (133, 64), (64,), (133, 1), (1,)]
    draws = [random.standard_normal(shape) for shape in shapes]
    x, *layers = [tf.constant(draw, tf.float32) for draw in draws]
    fetches: List[tf.Tensor] = []
    for relu in (False, True):
        outputs = dense([x], layers[::2], layers[1::2], [0, 0], relu, precision)
        gradients = tf.gradients(outputs, [x] + layers, list(outputs))
        fetches += list(outputs) + gradients
    return fetches


def _agree(value: np.ndarray, expected: np.ndarray) -> bool:
    error = np.abs(value - expected).max()
    return bool(error <= _TOLERANCE * np.abs(expected).max())


def dense(inputs: Tensors, kernels: Tensors, biases: Tensors, input_of: Sequence[int], relu: bool,
          precision: str) -> List[tf.Tensor]:
    """N dense layers on M inputs.

    Args:
      inputs: float32 [B, I] each; their I may differ.
      kernels, biases: of each layer, float32 [I, H] and [H].
      input_of: the index of each layer's input.
      relu: whether a relu follows.
      precision: as the function of that name returns it.

    Returns:
      each layer's outputs, float32 [B, H].
    """
    bf16 = precision == "bfloat16"
    copies = [_bf16_copy(x) for x in inputs] if bf16 else []
    num_kernel_copies = len(kernels) if bf16 else 0
    # Outputs of a relu are kept as bfloat16 too: the gradient needs them, as does a next layer.
    num_output_copies = len(kernels) if bf16 and relu else 0
    return native.load().ops.zoo_dense(
        x=inputs, x_shortened=copies, kernel=kernels, bias=biases, input_of=list(input_of),
        relu=relu, precision=precision, outputs_shortened=num_output_copies,
        kernels_shortened=num_kernel_copies).y


def _bf16_copy(x: tf.Tensor) -> tf.Tensor:
    """A tensor as bfloat16: the copy that its own op has made, else that of another op."""
    op = x.op
    lists_before = {"ZooDense": 1, "ZooNorm": 3}  # of outputs, N each, before the copies
    if op.type in lists_before and op.get_attr("outputs_shortened"):
        size = op.get_attr("N")
        if x.value_index < size:
            return op.outputs[lists_before[op.type] * size + x.value_index]
    return native.load().ops.zoo_shorten(x=x)


@tf.RegisterGradient("ZooDense")
def _gradient(op: tf.Operation, *upstream: tf.Tensor) -> List[Optional[tf.Tensor]]:
    num_inputs, num_copies = op.get_attr("M"), op.get_attr("inputs_shortened")
    num_layers, relu = op.get_attr("N"), op.get_attr("relu")
    inputs, outputs = list(op.inputs), list(op.outputs)
    before_kernels = num_inputs + num_copies
    if num_copies:
        x, kernels = inputs[num_inputs:before_kernels], outputs[-num_layers:]
        y = outputs[num_layers:2 * num_layers]
    else:
        x, kernels = inputs[:num_inputs], inputs[before_kernels:before_kernels + num_layers]
        y = outputs[:num_layers]
    dy = upstream[:num_layers]
    gradients = native.load().ops.zoo_dense_grad(
        x=x, kernel=kernels, y=y if relu else [], dy=dy, input_of=op.get_attr("input_of"),
        relu=relu, precision=op.get_attr("precision"))
    of_copies = [None] * num_copies
    return [*gradients.dx, *of_copies, *gradients.dkernel, *gradients.dbias]

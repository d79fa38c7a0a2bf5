"""Dense layers side by side in one native op, forward and backward."""

import functools
from typing import List, Optional, Sequence

import numpy as np
import tensorflow.compat.v1 as tf

from common.kernels import native


def precision(bf16: bool) -> str:
    """How a product's inputs are kept: 'float', or for BF16 'bfloat16' where the CPU multiplies it, else 'rounded'."""
    if not bf16:
        return "float"
    return "bfloat16" if native.has_bfloat16() and is_right("bfloat16") else "rounded"


@functools.lru_cache(maxsize=None)
def is_right(tried: str) -> bool:
    """Whether layers of that precision, and their gradients, come out as those of rounded inputs do.

    What a CPU claims and what oneDNN makes of it are tried before a model is trusted to them.
    """
    random = np.random.RandomState(0)
    arrays = [random.standard_normal(shape).astype(np.float32)
              for shape in ((130, 133), (133, 64), (64,), (133, 1), (1,))]
    with tf.Graph().as_default(), tf.Session(config=tf.ConfigProto(
            inter_op_parallelism_threads=1, use_per_session_threads=True)) as session:
        x, *layers = [tf.constant(array) for array in arrays]
        fetches = []
        for one in (tried, "rounded"):
            for relu in (False, True):
                outputs = dense([x], layers[::2], layers[1::2], [0, 0], relu, one)
                fetches += list(outputs) + tf.gradients(outputs, [x] + layers, list(outputs))
        try:
            values = session.run(fetches)
        except tf.errors.OpError:
            return False
    half = len(values) // 2
    return all(np.abs(a - b).max() <= 0.02 * np.abs(b).max() for a, b in zip(values[:half], values[half:]))


def dense(inputs: Sequence[tf.Tensor], kernels: Sequence[tf.Tensor], biases: Sequence[tf.Tensor],
          input_of: Sequence[int], relu: bool, precision: str) -> List[tf.Tensor]:
    """N dense layers on M inputs.

    Args:
      inputs: float32 [B, I] each; they need not be of one size.
      kernels, biases: of each layer, float32 [I, H] and [H].
      input_of: the index of each layer's input.
      relu: whether a relu follows.
      precision: one of those that the function of that name gives.

    Returns:
      each layer's outputs, float32 [B, H].
    """
    shortened = precision == "bfloat16"
    return native.load().ops.zoo_dense(
        x=inputs, x_shortened=[_shortened(x) for x in inputs] if shortened else [], kernel=kernels, bias=biases,
        input_of=list(input_of), relu=relu, precision=precision,
        outputs_shortened=len(kernels) if shortened and relu else 0,
        kernels_shortened=len(kernels) if shortened else 0).y


def _shortened(x: tf.Tensor) -> tf.Tensor:
    """The bfloat16 of a tensor: what the op that made it has made of it already, else an op of its own."""
    lists = {"ZooDense": 1, "ZooNorm": 3}.get(x.op.type)  # of N outputs each, behind which those of bfloat16 stand
    if lists and x.op.get_attr("outputs_shortened") and x.value_index < x.op.get_attr("N"):
        return x.op.outputs[lists * x.op.get_attr("N") + x.value_index]
    return native.load().ops.zoo_shorten(x=x)


@tf.RegisterGradient("ZooDense")
def _gradient(op: tf.Operation, *upstream: tf.Tensor) -> List[Optional[tf.Tensor]]:
    num_inputs, num_shortened, num_layers = [op.get_attr(name) for name in ("M", "inputs_shortened", "N")]
    kernels, relu = num_inputs + num_shortened, op.get_attr("relu")
    x, kernel, y = op.inputs[:num_inputs], op.inputs[kernels:kernels + num_layers], op.outputs[:num_layers]
    if num_shortened:
        x, kernel = op.inputs[num_inputs:kernels], op.outputs[-num_layers:]
        y = op.outputs[num_layers:2 * num_layers]
    gradients = native.load().ops.zoo_dense_grad(
        x=x, kernel=kernel, y=y if relu else [], dy=upstream[:num_layers], input_of=op.get_attr("input_of"), relu=relu,
        precision=op.get_attr("precision"))
    return [*gradients.dx, *[None] * num_shortened, *gradients.dkernel, *gradients.dbias]

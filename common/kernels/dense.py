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
def is_right(kept: str) -> bool:
    """Whether layers whose inputs are kept so, and their gradients, come out as those of rounded inputs do.

    What a CPU claims and what oneDNN makes of it are tried before a model is trusted to them.
    """
    random = np.random.RandomState(0)
    arrays = [random.standard_normal(shape).astype(np.float32)
              for shape in ((130, 133), (133, 47), (47,), (133, 30), (30,))]
    with tf.Graph().as_default(), tf.Session(config=tf.ConfigProto(
            inter_op_parallelism_threads=1, use_per_session_threads=True)) as session:
        x, *layers = [tf.constant(array) for array in arrays]
        fetches = []
        for one in (kept, "rounded"):
            outputs = dense([x], layers[::2], layers[1::2], [0, 0], False, one)
            fetches.append(list(outputs) + tf.gradients(outputs, [x] + layers, list(outputs)))
        try:
            tried, expected = session.run(fetches)
        except tf.errors.OpError:
            return False
    return all(np.abs(a - b).max() <= 0.02 * np.abs(b).max() for a, b in zip(tried, expected))


def dense(inputs: Sequence[tf.Tensor], kernels: Sequence[tf.Tensor], biases: Sequence[tf.Tensor],
          input_of: Sequence[int], relu: bool, kept: str) -> List[tf.Tensor]:
    """N dense layers on M inputs.

    Args:
      inputs: float32 [B, I] each; they need not be of one size.
      kernels, biases: of each layer, float32 [I, H] and [H].
      input_of: the index of each layer's input.
      relu: whether a relu follows.
      kept: one of those that precision gives.

    Returns:
      each layer's outputs, float32 [B, H].
    """
    shortened = kept == "bfloat16"
    return native.load().ops.zoo_dense(
        x=inputs, x_kept=[_shortened(x) for x in inputs] if shortened else [], kernel=kernels, bias=biases,
        input_of=list(input_of), relu=relu, precision=kept, outputs_kept=len(kernels) if shortened and relu else 0,
        kernels_kept=len(kernels) if shortened else 0).y


def _shortened(x: tf.Tensor) -> tf.Tensor:
    """The bfloat16 of a tensor: what the op that made it keeps beside it, else of an op of its own."""
    lists = {"ZooDense": 1, "ZooNorm": 3}.get(x.op.type)  # how many lists of outputs stand before what is kept
    if lists and x.op.get_attr("outputs_kept"):
        return x.op.outputs[lists * x.op.get_attr("N") + x.value_index]
    return native.load().ops.zoo_shorten(x=x)


@tf.RegisterGradient("ZooDense")
def _gradient(op: tf.Operation, *upstream: tf.Tensor) -> List[Optional[tf.Tensor]]:
    num_inputs, num_kept, num_layers = [op.get_attr(name) for name in ("M", "inputs_kept", "N")]
    kernels = num_inputs + num_kept
    x, kernel, y = op.inputs[:num_inputs], op.inputs[kernels:kernels + num_layers], op.outputs[:num_layers]
    if num_kept:
        x, kernel = op.inputs[num_inputs:kernels], op.outputs[-num_layers:]
        y = op.outputs[num_layers:num_layers + op.get_attr("outputs_kept")]
    relu = op.get_attr("relu")
    gradients = native.load().ops.zoo_dense_grad(
        x=x, kernel=kernel, y=y if relu else [], dy=upstream[:num_layers], input_of=op.get_attr("input_of"), relu=relu,
        precision=op.get_attr("precision"))
    return [*gradients.dx, *[None] * num_kept, *gradients.dkernel, *gradients.dbias]

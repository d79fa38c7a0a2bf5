"""Batch normalisation by the batch's own statistics in a native op, forward and backward."""

from typing import List, Sequence, Tuple

import tensorflow.compat.v1 as tf

from common.kernels import native

Tensors = List[tf.Tensor]


def normalise(inputs: Sequence[tf.Tensor], gammas: Sequence[tf.Tensor], betas: Sequence[tf.Tensor], epsilon: float,
              relu: bool, shortened: bool = False) -> Tuple[Tensors, Tensors, Tensors]:
    """Normalises each of H features over the rows: N inputs, float32 [B, H], scaled by gammas [H], moved by betas [H].

    Args:
      epsilon: what is added to each variance.
      relu: whether a relu follows.
      shortened: whether the outputs are made as bfloat16 too, for dense layers that multiply it.

    Returns:
      outputs [B, H], means [H] and variances [H] of each input; the last two have no gradient.
    """
    made = native.load().ops.zoo_norm(
        x=inputs, gamma=gammas, beta=betas, epsilon=epsilon, relu=relu,
        outputs_shortened=len(inputs) if shortened else 0)
    return made.y, made.mean, made.variance


@tf.RegisterGradient("ZooNorm")
def _gradient(op: tf.Operation, *upstream: tf.Tensor) -> Tensors:
    count = op.get_attr("N")
    gradients = native.load().ops.zoo_norm_grad(
        x=op.inputs[:count], gamma=op.inputs[count:2 * count], mean=op.outputs[count:2 * count],
        variance=op.outputs[2 * count:3 * count], beta=op.inputs[2 * count:], dy=upstream[:count],
        epsilon=op.get_attr("epsilon"), relu=op.get_attr("relu"))
    return list(gradients.dx) + list(gradients.dgamma) + list(gradients.dbeta)

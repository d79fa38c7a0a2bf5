"""Batch normalisation by the batch's own statistics in a native op, forward and backward."""

from typing import List, Sequence, Tuple

import tensorflow.compat.v1 as tf

from common.kernels import native

Tensors = Sequence[tf.Tensor]
Outputs = List[tf.Tensor]


def normalise(inputs: Tensors, gammas: Tensors, betas: Tensors, epsilon: float, relu: bool,
              bf16_copies: bool = False) -> Tuple[Outputs, Outputs, Outputs]:
    """Normalises each of H features over the rows of N inputs, float32 [B, H].

    Args:
      gammas, betas: what each input's features are then multiplied with and added to, [H].
      epsilon: what is added to each variance.
      relu: whether a relu follows.
      bf16_copies: whether the op makes its outputs as bfloat16 too, for dense layers that follow.

    Returns:
      outputs [B, H], means [H] and variances [H] of each input; only the first have gradients.
    """
    num_copies = len(inputs) if bf16_copies else 0
    normal = native.load().ops.zoo_norm(
        x=inputs, gamma=gammas, beta=betas, epsilon=epsilon, relu=relu,
        outputs_shortened=num_copies)
    return normal.y, normal.mean, normal.variance


@tf.RegisterGradient("ZooNorm")
def _gradient(op: tf.Operation, *upstream: tf.Tensor) -> Outputs:
    size = op.get_attr("N")
    x, gamma, beta = op.inputs[:size], op.inputs[size:2 * size], op.inputs[2 * size:]
    mean, variance = op.outputs[size:2 * size], op.outputs[2 * size:3 * size]
    dy = upstream[:size]  # means and variances have no gradients
    epsilon, relu = op.get_attr("epsilon"), op.get_attr("relu")
    gradients = native.load().ops.zoo_norm_grad(
        x=x, gamma=gamma, mean=mean, variance=variance, beta=beta, dy=dy,
        epsilon=epsilon, relu=relu)
    return list(gradients.dx) + list(gradients.dgamma) + list(gradients.dbeta)

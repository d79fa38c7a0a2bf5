"""Mixtures of experts in a native op, forward and backward."""

from typing import List, Sequence

import tensorflow.compat.v1 as tf

from common.kernels import native


def mix(experts: Sequence[tf.Tensor], logits: Sequence[tf.Tensor], members: Sequence[Sequence[int]]) -> List[tf.Tensor]:
    """Each gate's mixture of its experts, float32 [B, H].

    Args:
      experts: float32 [B, H] each.
      logits: of each gate over its experts, float32 [B, E].
      members: each gate's experts, as indices, in the order of its logits.
    """
    return native.load().ops.zoo_mix(
        expert=experts, logits=logits, members=[i for indices in members for i in indices])


@tf.RegisterGradient("ZooMix")
def _gradient(op: tf.Operation, *upstream: tf.Tensor) -> List[tf.Tensor]:
    experts = op.get_attr("E")
    gradients = native.load().ops.zoo_mix_grad(
        expert=op.inputs[:experts], logits=op.inputs[experts:], dy=upstream, members=op.get_attr("members"))
    return list(gradients.dexpert) + list(gradients.dlogits)

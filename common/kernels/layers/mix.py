"""Mixtures of experts in a native op, forward and backward."""

from typing import List, Sequence

import tensorflow.compat.v1 as tf

from common.kernels import native


def mix(experts: Sequence[tf.Tensor], logits: Sequence[tf.Tensor],
        members: Sequence[Sequence[int]]) -> List[tf.Tensor]:
    """Each gate's mixture of its experts, float32 [B, H].

    Args:
      experts: float32 [B, H] each.
      logits: of each gate over its experts, float32 [B, E].
      members: each gate's experts, as indices, in the order of its logits.
    """
    joined = [expert for indices in members for expert in indices]
    return native.load().ops.zoo_mix(expert=experts, logits=logits, members=joined)


@tf.RegisterGradient("ZooMix")
def _gradient(op: tf.Operation, *upstream: tf.Tensor) -> List[tf.Tensor]:
    num_experts = op.get_attr("E")
    members = op.get_attr("members")
    experts, logits = op.inputs[:num_experts], op.inputs[num_experts:]
    gradients = native.load().ops.zoo_mix_grad(
        expert=experts, logits=logits, dy=upstream, members=members)
    return list(gradients.dexpert) + list(gradients.dlogits)

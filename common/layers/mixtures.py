"""Mixtures of experts: sums weighted by gates."""

from typing import List, Sequence

import tensorflow.compat.v1 as tf

from common.kernels.layers import mix as mix_kernel
from common.layers.config import Dense


def mix(
        experts: Sequence[tf.Tensor],
        gates: Sequence[tf.Tensor],
        members: Sequence[Sequence[int]],
        config: Dense,
) -> List[tf.Tensor]:
    """For each gate, its experts weighted with the softmax of its logits: [B, H].

    Args:
      experts: outputs of all experts, [B, H] each.
      gates: logits [B, E] of each gate over its own experts.
      members: which experts these are, as indices.
    """
    if config.fused:
        return list(mix_kernel.mix(experts, gates, members))
    mixtures = []
    for gate, indices in zip(gates, members):
        its_experts = [experts[i] for i in indices]
        mixtures.append(_weighted_sum(its_experts, gate))
    return mixtures


def _weighted_sum(experts: Sequence[tf.Tensor], gate: tf.Tensor) -> tf.Tensor:
    weights = tf.expand_dims(tf.nn.softmax(gate), 1)  # [B, 1, E]
    outputs = tf.stack(experts, axis=1)  # [B, E, H]
    return tf.squeeze(tf.matmul(weights, outputs), axis=1)

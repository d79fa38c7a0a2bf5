"""Dense layers with relu one after another, alone and side by side."""

from typing import List, Optional, Sequence

import tensorflow.compat.v1 as tf

from common.layers.dense_layers import Dense, dense_group
from common.layers.norms import Norm, batch_norms


def mlp(inputs: tf.Tensor, sizes: Sequence[int], name: str, config: Dense, norm: Optional[Norm] = None) -> tf.Tensor:
    """Dense layers with relu one after another: float32 [B, I] to [B, sizes[-1]].

    Args:
      norm: batch normalisation before each relu, None for none.
    """
    return mlps([inputs], [sizes], [name], config, norm)[0]


def mlps(inputs: Sequence[tf.Tensor], sizes: Sequence[Sequence[int]], names: Sequence[str], config: Dense,
         norm: Optional[Norm] = None) -> List[tf.Tensor]:
    """Several mlp side by side, each with its input, sizes and name."""
    hidden = list(inputs)
    for depth in range(max(len(one) for one in sizes)):
        at = [i for i, one in enumerate(sizes) if depth < len(one)]
        outputs = dense_group([hidden[i] for i in at], [sizes[i][depth] for i in at],
                              ["{}/dense_{}".format(names[i], depth) for i in at], config,
                              None if norm else tf.nn.relu)
        if norm:
            outputs = batch_norms(outputs, ["{}/norm_{}".format(names[i], depth) for i in at], norm, config, relu=True,
                                  before_dense=any(depth + 1 < len(sizes[i]) for i in at))
        for i, y in zip(at, outputs):
            hidden[i] = y
    return hidden

"""Dense layers with relu one after another, alone and side by side."""

from typing import List, NamedTuple, Optional, Sequence

import tensorflow.compat.v1 as tf

from common.layers.config import Dense
from common.layers.dense_layers import dense_group
from common.layers.norms import Norm, batch_norms


class _Level(NamedTuple):
    """The layers at one depth of several mlps.

    Attributes:
      depth: from 0.
      inputs: float32 [B, I] each.
      units: their outputs.
      names: of the mlps.
      is_last: whether no dense layer follows any of them.
    """

    depth: int
    inputs: Sequence[tf.Tensor]
    units: Sequence[int]
    names: Sequence[str]
    is_last: bool

    def named(self, layer: str) -> List[str]:
        """The names of the variables of a layer at this depth."""
        return ["{}/{}_{}".format(name, layer, self.depth) for name in self.names]


def mlp(
        inputs: tf.Tensor,
        sizes: Sequence[int],
        name: str,
        config: Dense,
        norm: Optional[Norm] = None,
) -> tf.Tensor:
    """Dense layers with relu one after another: float32 [B, I] to [B, sizes[-1]].

    Args:
      norm: batch normalisation before each relu, None for none.
    """
    return mlps([inputs], [sizes], [name], config, norm)[0]


def mlps(
        inputs: Sequence[tf.Tensor],
        sizes: Sequence[Sequence[int]],
        names: Sequence[str],
        config: Dense,
        norm: Optional[Norm] = None,
) -> List[tf.Tensor]:
    """Several mlp side by side, each with its input, sizes and name."""
    hidden = list(inputs)
    depths = [len(each) for each in sizes]
    for depth in range(max(depths)):
        deep = [i for i, total in enumerate(depths) if total > depth]
        level = _Level(
            depth,
            inputs=[hidden[i] for i in deep],
            units=[sizes[i][depth] for i in deep],
            names=[names[i] for i in deep],
            is_last=all(depths[i] == depth + 1 for i in deep))
        for i, outputs in zip(deep, _outputs(level, config, norm)):
            hidden[i] = outputs
    return hidden


def _outputs(level: _Level, config: Dense, norm: Optional[Norm]) -> List[tf.Tensor]:
    names = level.named("dense")
    if not norm:
        return dense_group(level.inputs, level.units, names, config, tf.nn.relu)
    outputs = dense_group(level.inputs, level.units, names, config)
    return batch_norms(outputs, level.named("norm"), norm, config, relu=True,
                       before_dense=not level.is_last)

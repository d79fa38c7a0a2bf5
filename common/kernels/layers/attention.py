"""Target attention over lists of items in a native op, forward and backward."""

from typing import List, Optional, Sequence, Tuple

import tensorflow.compat.v1 as tf

from common.kernels import native


def attend(query: tf.Tensor, items: tf.Tensor, row_splits: tf.Tensor, kernels: Sequence[tf.Tensor],
           biases: Sequence[tf.Tensor], precision: str) -> Tuple[tf.Tensor, tf.Tensor]:
    """Sums of each row's items: weighted with the softmax of what an MLP makes of [q, h, q - h, q * h], and plain.

    Args:
      query: each row's q, float32 [B, W].
      items: all rows' items h, float32 [P, W].
      row_splits: row i has the items row_splits[i] to before row_splits[i + 1], int64 [B + 1].
      kernels, biases: of the MLP's layers, float32 [4 W, H], [H, H'] ... [H'', 1] and [H], [H'] ... [1]; all layers
        but the last have sigmoids.
      precision: of the products, one of those that dense.precision gives.

    Returns:
      both sums, float32 [B, W]; zeros for a row without items.
    """
    made = native.load().ops.zoo_attention(
        query=query, items=items, row_splits=row_splits, kernel=kernels, bias=biases, precision=precision)
    return made.y, made.total


@tf.RegisterGradient("ZooAttention")
def _gradient(op: tf.Operation, dy: tf.Tensor, dtotal: tf.Tensor, *_: tf.Tensor) -> List[Optional[tf.Tensor]]:
    query, items, row_splits = op.inputs[:3]
    layers = op.get_attr("N")
    gradients = native.load().ops.zoo_attention_grad(
        query=query, items=items, row_splits=row_splits, kernel=op.inputs[3:3 + layers], activations=op.outputs[2:],
        dy=dy, dtotal=dtotal, precision=op.get_attr("precision"))
    return [gradients.dquery, gradients.ditems, None] + list(gradients.dkernel) + list(gradients.dbias)

"""Target attention over lists of items in a native op, forward and backward."""

from typing import List, Optional, Sequence, Tuple

import tensorflow.compat.v1 as tf

from common.kernels import native

Tensors = Sequence[tf.Tensor]


def attend(query: tf.Tensor, items: tf.Tensor, row_splits: tf.Tensor, kernels: Tensors,
           biases: Tensors, precision: str) -> Tuple[tf.Tensor, tf.Tensor]:
    """Two sums of each row's items: weighted by attention, and plain.

    The weights are the softmax over the row's items h of an MLP of [q, h, q - h, q * h].

    Args:
      query: each row's q, float32 [B, W].
      items: all rows' items h, float32 [P, W].
      row_splits: row i has the items row_splits[i] to before row_splits[i + 1], int64 [B + 1].
      kernels, biases: of the MLP's layers, float32 [4 W, H], [H, H'] ... [H'', 1] and [H],
        [H'] ... [1]; all layers but the last have sigmoids.
      precision: of the products, as dense.precision returns it.

    Returns:
      both sums, float32 [B, W]; zeros for a row without items.
    """
    sums = native.load().ops.zoo_attention(
        query=query, items=items, row_splits=row_splits, kernel=kernels, bias=biases,
        precision=precision)
    return sums.y, sums.total


@tf.RegisterGradient("ZooAttention")
def _gradient(op: tf.Operation, dy: tf.Tensor, dtotal: tf.Tensor,
              *_: tf.Tensor) -> List[Optional[tf.Tensor]]:
    num_layers = op.get_attr("N")
    precision = op.get_attr("precision")
    query, items, row_splits, *variables = op.inputs
    kernels = variables[:num_layers]
    activations = op.outputs[2:]
    gradients = native.load().ops.zoo_attention_grad(
        query=query, items=items, row_splits=row_splits, kernel=kernels, activations=activations,
        dy=dy, dtotal=dtotal, precision=precision)
    of_inputs = [gradients.dquery, gradients.ditems, None]  # row_splits have none
    return of_inputs + list(gradients.dkernel) + list(gradients.dbias)

"""--clip_norm: gradients scaled down together, so that their global norm is at most a number.

The norm is that of the gradient of all variables and embedding variables as one vector (Pascanu et
al., arXiv 1211.5063). TensorFlow takes a sparse gradient as it is, and of a row that is named twice
the norm of neither the sum nor the parts is that of the gradient; so rows are summed before.
"""

from typing import List, Tuple

import tensorflow.compat.v1 as tf

from common.kernels.embedding import lookup
from common.optimizers.micro_batch import Gradient, Gradients
from common.optimizers.table_updates import TableUpdate


def clip(
        gradients: Gradients,
        tables: List[TableUpdate],
        norm: float) -> Tuple[Gradients, List[TableUpdate]]:
    """The gradients of a step, scaled so that their global norm is at most a number > 0.

    In a cluster each trainer clips the gradient of its own batch.

    Args:
      gradients: with their variables; None where the loss does not depend on one.
      tables: of embedding variables.

    Returns:
      both, in which sparse gradients name each row once. The norm of all before is in the events
      as gradient_norm.
    """
    distinct = [_distinct(gradient, variable) for gradient, variable in gradients]
    of_tables = [table.gradient for table in tables]
    clipped, before = tf.clip_by_global_norm(distinct + of_tables, norm)
    tf.summary.scalar("gradient_norm", before)
    variables = [variable for _, variable in gradients]
    pairs = list(zip(clipped, variables))
    clipped_tables = []
    for table, gradient in zip(tables, clipped[len(pairs):]):
        clipped_tables.append(table.with_gradient(gradient))
    return pairs, clipped_tables


def _distinct(gradient: Gradient, variable: tf.Variable) -> Gradient:
    """The same gradient, which names each row once, where it is sparse."""
    if not isinstance(gradient, tf.IndexedSlices):
        return gradient
    with tf.device(gradient.values.device):
        if lookup.is_of_lookups(gradient):
            return lookup.summed(gradient, variable)
        rows, places = tf.unique(gradient.indices)
        sums = tf.math.unsorted_segment_sum(gradient.values, places, tf.size(rows))
        return tf.IndexedSlices(sums, rows, gradient.dense_shape)

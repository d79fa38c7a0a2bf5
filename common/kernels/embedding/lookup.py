"""Embeddings of all columns of an input layer in one native op.

Its gradient names each row of a table once.
"""

from typing import List, NamedTuple, Optional, Sequence

import tensorflow.compat.v1 as tf

from common.kernels import native

_GRADIENT = "ZooLookupGrad"


class Lookup(NamedTuple):
    """One column of an input layer.

    Attributes:
      table: index of its table.
      ids: int32 [B], or of a list's items [V].
      row_splits: of a list, int64 [B + 1]: row i holds items row_splits[i] to before
        row_splits[i + 1]; else None.
      weights: of a list's items, float32 [V]; else None.
      mean: whether a list's weighted sum is divided by the sum of its weights.
    """

    table: int
    ids: tf.Tensor
    row_splits: tf.Tensor = None
    weights: tf.Tensor = None
    mean: bool = False


def lookup(tables: Sequence[tf.Tensor], columns: Sequence[Lookup]) -> tf.Tensor:
    """The columns' embeddings, joined in their order: float32 [B, sum of D] of tables [V, D].

    Raises:
      tf.errors.InvalidArgumentError: at run time: an id is outside of its table, or columns differ
        in their rows.
    """
    # The op takes single ids before lists; sorting keeps the order within both.
    places = sorted(range(len(columns)), key=lambda i: columns[i].row_splits is not None)
    ordered = [columns[i] for i in places]
    ids = [tf.cast(column.ids, tf.int32) for column in ordered]
    ragged = [column for column in ordered if column.row_splits is not None]
    num_singles = len(ordered) - len(ragged)
    return native.load().ops.zoo_lookup(
        table=tables, id=ids[:num_singles], item=ids[num_singles:],
        split=[column.row_splits for column in ragged],
        weight=[column.weights for column in ragged],
        table_of=[column.table for column in ordered], place_of=places,
        mean=[column.mean for column in ragged])


@tf.RegisterGradient("ZooLookup")
def _gradient(op: tf.Operation, upstream: tf.Tensor) -> List[Optional[tf.IndexedSlices]]:
    num_tables, num_singles, num_lists = [op.get_attr(name) for name in ("T", "C", "L")]
    groups, start = [], 0
    for size in (num_tables, num_singles, num_lists, num_lists, num_lists):
        end = start + size
        groups.append(list(op.inputs[start:end]))
        start = end
    attributes = {name: op.get_attr(name) for name in ("table_of", "place_of", "mean")}
    rows = native.load().ops.zoo_lookup_grad(*groups, dy=upstream, **attributes)
    gradients: List[Optional[tf.IndexedSlices]] = []
    for table, ids, values in zip(groups[0], rows.row, rows.drow):
        gradients.append(tf.IndexedSlices(values, ids, tf.shape(table)))
    num_others = len(op.inputs) - num_tables
    return gradients + [None] * num_others


def is_of_lookups(slices: tf.IndexedSlices) -> bool:
    """Whether a table's gradient comes from lookups of this module alone."""
    return _are_rows_of_lookups(slices.indices.op)


def _are_rows_of_lookups(op: tf.Operation) -> bool:
    # TensorFlow joins the slices of a table that is used twice; micro batches join them again.
    if op.type == "ConcatV2":
        parts = op.inputs[:-1]  # the last is the axis
        return all(_are_rows_of_lookups(part.op) for part in parts)
    return op.type == _GRADIENT


def summed(slices: tf.IndexedSlices, table: tf.Tensor) -> tf.IndexedSlices:
    """The gradient of a table [V, D] for which is_of_lookups holds, with each row once."""
    if slices.indices.op.type == _GRADIENT:
        return slices
    # The gradient of a lookup of these rows adds up what falls on the same row.
    rows = native.load().ops.zoo_lookup_grad(
        [table], [slices.indices], [], [], [], slices.values, table_of=[0], place_of=[0], mean=[])
    return tf.IndexedSlices(rows.drow[0], rows.row[0], slices.dense_shape)

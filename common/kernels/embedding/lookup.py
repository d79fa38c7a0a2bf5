"""Embeddings of all columns of an input layer in one native op, whose gradient names each row of a table once."""

from typing import List, NamedTuple, Sequence

import tensorflow.compat.v1 as tf

from common.kernels import native

_GRADIENT = "ZooLookupGrad"


class Lookup(NamedTuple):
    """One column of an input layer.

    Attributes:
      table: index of its table.
      ids: int32 [B], or of a list's items [V].
      row_splits: of a list, int64 [B + 1]: row i holds items row_splits[i] to before row_splits[i + 1]; else None.
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
      tf.errors.InvalidArgumentError: at run time: an id is outside of its table, or columns differ in their rows.
    """
    singles = [i for i, column in enumerate(columns) if column.row_splits is None]
    lists = [i for i, column in enumerate(columns) if column.row_splits is not None]
    order = singles + lists
    return native.load().ops.zoo_lookup(
        table=tables, id=[tf.cast(columns[i].ids, tf.int32) for i in singles],
        item=[tf.cast(columns[i].ids, tf.int32) for i in lists], split=[columns[i].row_splits for i in lists],
        weight=[columns[i].weights for i in lists], table_of=[columns[i].table for i in order], place_of=order,
        mean=[columns[i].mean for i in lists])


@tf.RegisterGradient("ZooLookup")
def _gradient(op: tf.Operation, upstream: tf.Tensor) -> List[object]:
    tables, singles, lists = [op.get_attr(name) for name in ("T", "C", "L")]
    parts, low = [], 0
    for size in (tables, singles, lists, lists, lists):
        parts.append(list(op.inputs[low:low + size]))
        low += size
    made = native.load().ops.zoo_lookup_grad(
        *parts, dy=upstream, table_of=op.get_attr("table_of"), place_of=op.get_attr("place_of"),
        mean=op.get_attr("mean"))
    rows = [tf.IndexedSlices(values, ids, tf.shape(table)) for table, ids, values in zip(parts[0], made.row, made.drow)]
    return rows + [None] * (low - tables)


def is_of_lookups(slices: tf.IndexedSlices) -> bool:
    """Whether a table's gradient comes from lookups of this module alone."""
    return _names_looked_up(slices.indices.op)


def _names_looked_up(op: tf.Operation) -> bool:
    """Whether an op's rows are those of lookups, or of several joined, which slices of a batch join again."""
    if op.type == "ConcatV2":
        return all(_names_looked_up(part.op) for part in op.inputs[:-1])  # the last is the axis
    return op.type == _GRADIENT


def summed(slices: tf.IndexedSlices, table: tf.Tensor) -> tf.IndexedSlices:
    """The gradient of a table [V, D] for which is_of_lookups holds, with each row once."""
    if slices.indices.op.type == _GRADIENT:
        return slices
    made = native.load().ops.zoo_lookup_grad([table], [slices.indices], [], [], [], slices.values, table_of=[0],
                                             place_of=[0], mean=[])
    return tf.IndexedSlices(made.drow[0], made.row[0], slices.dense_shape)

"""Lookups to embeddings: one row an id, or the sum or mean of a list's rows."""

from typing import Dict, List, Sequence

import tensorflow.compat.v1 as tf

from common.embedding import deeprec_tables, gather, history
from common.embedding.column_tables import ColumnLookup
from common.embedding.config import Embedding
from common.embedding.deeprec_tables import DeepRecTable
from common.kernels.embedding import lookup as lookup_kernel


def joined(lookups: Sequence[ColumnLookup], config: Embedding) -> tf.Tensor:
    """The columns' embeddings, joined in their order: float32 [B, sum of D]; zeros for an empty
    list.
    """
    if config.fused and all(gather.is_local(lookup.table) for lookup in lookups):
        return _in_one_op(lookups)
    return tf.concat(_one_by_one(lookups, config), axis=1)


def _in_one_op(lookups: Sequence[ColumnLookup]) -> tf.Tensor:
    """The same in a native op; columns that share a table name it once."""
    tables = list(dict.fromkeys(lookup.table for lookup in lookups))
    places = {table: place for place, table in enumerate(tables)}
    columns = []
    for table, column, ids, row_splits, weights in lookups:
        is_mean = row_splits is not None and column.combiner == "mean"
        columns.append(lookup_kernel.Lookup(places[table], ids, row_splits, weights, is_mean))
    return lookup_kernel.lookup(tables, columns)


def _one_by_one(lookups: Sequence[ColumnLookup], config: Embedding) -> List[tf.Tensor]:
    """Each column's embeddings, float32 [B, D]."""
    embedded: Dict[int, tf.Tensor] = {}
    for place, lookup in enumerate(lookups):
        if lookup.is_list and _combines(lookup, config):
            embedded[place] = _combined_by_tensorflow(lookup, config)
    others = [place for place in range(len(lookups)) if place not in embedded]
    tables = [lookups[place].table for place in others]
    ids = [lookups[place].ids for place in others]
    for place, rows in zip(others, gather.rows_of(tables, ids)):
        embedded[place] = _combined(lookups[place], rows)
    return [embedded[place] for place in range(len(lookups))]


def _combines(lookup: ColumnLookup, config: Embedding) -> bool:
    """Whether an op of TensorFlow's or DeepRec's combines a list, instead of rows that are looked
    up first.
    """
    if isinstance(lookup.table, DeepRecTable):
        return lookup.table.combines
    return not config.toggles.emb_fusion


def _combined_by_tensorflow(lookup: ColumnLookup, config: Embedding) -> tf.Tensor:
    """The sum or mean of each list's rows, float32 [B, D]."""
    table, combiner = lookup.table, lookup.column.combiner
    items = tf.RaggedTensor.from_row_splits(lookup.ids, lookup.row_splits, validate=False)
    if isinstance(table, DeepRecTable):
        return deeprec_tables.combined(table, items, lookup.weights, combiner,
                                       config.toggles.emb_fusion)
    if isinstance(table, tf.Tensor):
        # TensorFlow looks up row 0 for an empty list and drops it, so a batch without any key must
        # have one.
        table = tf.pad(table, [[0, 1], [0, 0]])
    ids = tf.cast(items, tf.int64).to_sparse()
    weights = items.with_values(lookup.weights).to_sparse()
    return tf.nn.safe_embedding_lookup_sparse(table, ids, weights, combiner,
                                              partition_strategy="div")


def _combined(lookup: ColumnLookup, rows: tf.Tensor) -> tf.Tensor:
    """Rows as they are, float32 [B, D], or the weighted sum or mean of those of each list, [V, D]
    to [B, D].
    """
    if not lookup.is_list:
        return rows
    lists = history.ragged(rows, lookup.row_splits)
    weights = tf.expand_dims(lookup.weights, 1)  # [V, 1]
    sums = lists.sum(rows * weights)
    if lookup.column.combiner == "sum":
        return sums
    return sums / tf.maximum(lists.sum(weights), 1.0)

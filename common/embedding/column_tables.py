"""The table that has each column's rows, however it is stored.

All ways make the same variables for the same columns:
SCOPE/input_layer/TABLE_embedding/embedding_weights, float32 [buckets, D], where the table is of
fixed size.
"""

from typing import Dict, List, NamedTuple, Optional, Sequence

import tensorflow.compat.v1 as tf

from common.config.schema import Column
from common.embedding import deeprec_tables, storage
from common.embedding.column_ids import ColumnIds
from common.embedding.config import Embedding
from common.embedding.gather import Table
from common.embedding.graph_record import GraphRecord
from common.embedding.table_spec import TableSpec, table_name, variable_name
from common.layers import initializers


class ColumnLookup(NamedTuple):
    """A column's ids and the table in which they are looked up.

    Attributes:
      table: a variable, one of DeepRec's tables, or the rows of this batch alone, float32 [U, D].
      column, ids, row_splits, weights: of ColumnIds; with the rows of a batch, ids say which of
        them, int32.
    """

    table: Table
    column: Column
    ids: tf.Tensor
    row_splits: Optional[tf.Tensor] = None
    weights: Optional[tf.Tensor] = None

    @property
    def is_list(self) -> bool:
        """Whether the rows of several ids make one embedding."""
        return self.row_splits is not None

    def items(self) -> "ColumnLookup":
        """The lookup of a list's items, each for itself."""
        return self._replace(row_splits=None, weights=None)


def bind(
        batch: Sequence[ColumnIds],
        scope: str,
        config: Embedding,
        record: GraphRecord,
) -> List[ColumnLookup]:
    """Finds or makes the table of each column of a batch, in the current variable scope.

    Args:
      scope: the outermost variable scope, which seeds initial values.
    """
    # AUTO_REUSE, as columns may share a table, and as each slice of a batch and each mode comes by
    # here.
    with tf.variable_scope(tf.get_variable_scope(), reuse=tf.AUTO_REUSE):
        stored = _bind_stored(batch, scope, config, record)
        lookups = []
        for one in batch:
            name = one.column.name
            lookups.append(stored[name] if name in
                           stored else _bind_variable(one, scope, config, record))
        return lookups


def _bind_stored(
        batch: Sequence[ColumnIds],
        scope: str,
        config: Embedding,
        record: GraphRecord,
) -> Dict[str, ColumnLookup]:
    """The lookups of columns whose keys are stored otherwise than in a table of fixed size, by
    column.

    A table is read once for all of its columns, so that no key goes twice to a parameter server.
    """
    by_table: Dict[str, List[ColumnIds]] = {}
    for one in batch:
        if config.storage.holds(one.column):
            by_table.setdefault(table_name(one.column), []).append(one)
    lookups: Dict[str, ColumnLookup] = {}
    for _, members in sorted(by_table.items()):
        spec = _spec(members[0].column, scope, config)
        keys = [member.ids for member in members]
        rows, places = storage.rows_of_batch(spec, keys, config.storage, record)
        for member, place in zip(members, places):
            lookups[member.column.name] = ColumnLookup(rows, *member._replace(ids=place))
    return lookups


def _bind_variable(
        one: ColumnIds,
        scope: str,
        config: Embedding,
        record: GraphRecord,
) -> ColumnLookup:
    """The lookup of a column in a table of fixed size or in one of DeepRec's own."""
    spec = _spec(one.column, scope, config)
    if config.deeprec_tables and one.column.may_grow:
        table = deeprec_tables.get(record.deeprec_tables, config.deeprec_tables, spec)
        return ColumnLookup(table, *one)
    initializer = initializers.truncated_normal(spec.stddev, spec.seed_name)
    shape = [spec.buckets, spec.width]
    variable = tf.get_variable(spec.name, shape, initializer=initializer)
    return ColumnLookup(variable, *one)


def _spec(column: Column, scope: str, config: Embedding) -> TableSpec:
    table = table_name(column)
    seed_name = "{}/{}".format(scope, table)
    return TableSpec(
        variable_name(column), column.buckets, config.width(column), config.stddev, seed_name)

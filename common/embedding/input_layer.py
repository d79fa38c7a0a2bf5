"""Columns to embeddings: tf.feature_column for --tf, lookups on ids otherwise.

Both make the same variables: SCOPE/input_layer/TABLE_embedding/embedding_weights, float32 [buckets, D].
"""

from typing import Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

import tensorflow.compat.v1 as tf

from common.config.schema import Column
from common.config.toggles import Toggles
from common.embedding import deeprec_tables, graph_record, history, lookup, storage
from common.embedding.deeprec_tables import DeepRecTables
from common.embedding.history import History, PaddedHistory
from common.embedding.storage import Storage
from common.embedding.table_spec import TableSpec
from common.kernels import native
from common.kernels.embedding import lookup as lookup_kernel
from common.layers import initializers
from common.pipeline.encoder import feature_names
from common.pipeline.lists import Ragged
from common.pipeline.raw import lengths_name


class Embedding(NamedTuple):
    """How columns are embedded.

    Attributes:
      dimension: the width D.
      toggles: which kernels look them up.
      partitioner: cuts the tables.
      stddev: of the initial values. Small, so that a row that was rarely seen adds little noise.
      storage: what stands behind hashed and vocabulary columns.
      deeprec_tables: which of DeepRec's tables stand in place of those of hash and vocabulary columns, None for none.
    """

    dimension: int
    toggles: Toggles
    partitioner: Optional[Callable[..., List[int]]] = None
    stddev: float = 0.01
    storage: Storage = Storage()
    deeprec_tables: Optional[DeepRecTables] = None

    @property
    def fused(self) -> bool:
        """Whether a native op looks columns up, where their tables are whole and in this process."""
        return self.toggles.emb_fusion and native.load().ops is not None

    def alone(self) -> "Embedding":
        """The same in a process without parameter servers."""
        settings = self.storage.settings._replace(servers=0)
        return self._replace(storage=self.storage._replace(settings=settings))

    def exported(self) -> "Embedding":
        """The same with TensorFlow's own ops, as exported models need them."""
        return self._replace(toggles=self.toggles.plain(), storage=self.storage._replace(exported=True))


def embed(features: Dict[str, tf.Tensor], columns: Sequence[Column], scope: str, config: Embedding) -> tf.Tensor:
    """The embeddings of some columns, joined in the order of tf.feature_column.input_layer.

    Args:
      features: as common.pipeline.dataset makes them, for --tf or columnar.
      columns: without vocabulary files. Those that name one table share it.
      scope: of the tables' variables.

    Returns:
      float32 [B, columns * D]; a list is the mean (or sum) of its items' embeddings, zeros if it has none.
    """
    with tf.variable_scope(scope, partitioner=config.partitioner):
        if config.toggles.tf:
            wanted = {column.name: features[column.name] for column in columns}
            return tf.feature_column.input_layer(wanted, _feature_columns(columns, scope, config))
        with tf.variable_scope("input_layer"):
            shared = _shared_tables(columns)
            ordered = sorted(columns, key=lambda c: c.name + ("_shared" if c.table in shared else "") + "_embedding")
            tables, features = _tables(features, ordered, scope, config)
            if config.fused and all(lookup.is_local(table) for table in tables):
                return _look_up_as_one(tables, [_as_lookup(features, column) for column in ordered])
            return tf.concat(_embed_columns(features, ordered, tables, config), axis=1)


def look_up(features: Dict[str, tf.Tensor], columns: Sequence[Column], scope: str, config: Embedding) -> tf.Tensor:
    """The embeddings of vocabulary columns with one value a row, in their order, float32 [B, columns * D]."""
    with tf.variable_scope(scope, partitioner=config.partitioner), tf.variable_scope("input_layer"):
        tables, features = _tables(features, columns, scope, config)
    return _join_rows(tables, [features[column.name] for column in columns], config)


def look_up_history(features: Dict[str, tf.Tensor], columns: Sequence[Column], scope: str,
                    config: Embedding) -> History:
    """The embeddings of aligned lists of vocabulary columns, joined in their order to items of width columns * D."""
    name = columns[0].name
    with tf.variable_scope(scope, partitioner=config.partitioner), tf.variable_scope("input_layer"):
        tables, features = _tables(features, columns, scope, config)
    if config.toggles.tf:
        items = [tf.nn.embedding_lookup(table, features[c.name], "div") for table, c in zip(tables, columns)]
        mask = tf.sequence_mask(features[lengths_name(name)], tf.shape(features[name])[1], tf.float32)
        return PaddedHistory(tf.concat(items, axis=2), tf.expand_dims(mask, 2))
    lists = [_ragged(features, column) for column in columns]
    items = _join_rows(tables, [ragged.values for ragged in lists], config)
    return history.ragged(items, lists[0].row_splits)


def _join_rows(tables: Sequence[lookup.Table], ids: Sequence[tf.Tensor], config: Embedding) -> tf.Tensor:
    """The rows of tables [V, D] at ids [N], joined to [N, sum of D]."""
    if config.fused and all(lookup.is_local(table) for table in tables):
        return _look_up_as_one(tables, [lookup_kernel.Lookup(0, wanted) for wanted in ids])
    return tf.concat(lookup.rows_of(tables, ids), axis=1)


def _look_up_as_one(tables: Sequence[tf.Variable], columns: Sequence[lookup_kernel.Lookup]) -> tf.Tensor:
    """The columns' embeddings from their tables, joined; columns may share a table."""
    distinct = list(dict.fromkeys(tables))
    return lookup_kernel.lookup(distinct, [column._replace(table=distinct.index(table))
                                           for table, column in zip(tables, columns)])


def _as_lookup(features: Dict[str, tf.Tensor], column: Column) -> lookup_kernel.Lookup:
    """A column's ids as the native lookup takes them."""
    if not column.is_list:
        return lookup_kernel.Lookup(0, features[column.name])
    return lookup_kernel.Lookup(0, *_ragged(features, column), mean=column.combiner == "mean")


def _shared_tables(columns: Sequence[Column]) -> List[str]:
    tables = [column.table for column in columns if column.table]
    return [table for table in tables if tables.count(table) > 1]


def _initializer(table: str, scope: str, config: Embedding) -> initializers.Initializer:
    return initializers.truncated_normal(config.stddev, "{}/{}".format(scope, table))


def _tables(features: Dict[str, tf.Tensor], columns: Sequence[Column], scope: str,
            config: Embedding) -> Tuple[List[lookup.Table], Dict[str, tf.Tensor]]:
    """The tables of columns, and the features with the rows of these as ids."""
    of_batch: Dict[str, tf.Tensor] = {}
    stored = [column for column in columns if config.storage.holds(column)]
    for table in sorted({column.table or column.name for column in stored}):
        members = [column for column in stored if (column.table or column.name) == table]
        names = [feature_names(c.name).values if c.is_list else c.name for c in members]
        wanted = TableSpec(table + "_embedding/embedding_weights", members[0].buckets, config.dimension,
                           config.stddev, "{}/{}".format(scope, table))
        with tf.variable_scope(tf.get_variable_scope(), reuse=tf.AUTO_REUSE):
            rows, index = storage.rows_of_batch(wanted, [features[name] for name in names], config.storage,
                                                graph_record.of_graph())
        features = {**features, **dict(zip(names, index))}
        of_batch.update((column.name, rows) for column in members)
    return [of_batch[column.name] if column in stored else _table(column, scope, config)
            for column in columns], features


def _table(column: Column, scope: str, config: Embedding) -> lookup.Table:
    """The embedding table of a column, made at its first use, float32 [buckets, D]."""
    name = column.table or column.name
    with tf.variable_scope(name + "_embedding", reuse=tf.AUTO_REUSE):
        if config.deeprec_tables and column.may_grow:
            return deeprec_tables.table(graph_record.of_graph().deeprec_tables, config.deeprec_tables,
                                        config.dimension, column.buckets, config.stddev)
        return tf.get_variable("embedding_weights", [column.buckets, config.dimension],
                               initializer=_initializer(name, scope, config))


def _feature_columns(columns: Sequence[Column], scope: str, config: Embedding) -> List[object]:
    """The columns as tf.feature_column knows them."""
    made: List[object] = []
    shared = _shared_tables(columns)
    for column in columns:
        if column.table not in shared:
            made.append(tf.feature_column.embedding_column(
                _categorical(column), config.dimension, column.combiner,
                _initializer(column.table or column.name, scope, config)))
    for table in sorted(set(shared)):
        members = [column for column in columns if column.table == table]
        made.extend(tf.feature_column.shared_embedding_columns(
            [_categorical(column) for column in members], config.dimension, members[0].combiner,
            _initializer(table, scope, config), shared_embedding_collection_name=table + "_embedding"))
    return made


def _categorical(column: Column) -> object:
    if column.kind == "identity":
        return tf.feature_column.categorical_column_with_identity(column.name, column.buckets)
    if column.kind == "words":
        return tf.feature_column.categorical_column_with_vocabulary_list(
            column.name, column.words, default_value=-1 if column.is_list else 0)
    return tf.feature_column.categorical_column_with_hash_bucket(column.name, column.buckets)


def _embed_columns(features: Dict[str, tf.Tensor], columns: Sequence[Column], of_columns: Sequence[lookup.Table],
                   config: Embedding) -> List[tf.Tensor]:
    """The embeddings of each column from its table, float32 [B, D]."""
    tables = {column.name: table for column, table in zip(columns, of_columns)}
    embedded: Dict[str, tf.Tensor] = {}
    for column in filter(lambda column: column.is_list, columns):
        table = tables[column.name]
        if isinstance(table, deeprec_tables.DeepRecTable):
            if table.combines:
                embedded[column.name] = deeprec_tables.combined(table, *_ragged(features, column), column.combiner,
                                                                config.toggles.emb_fusion)
        elif not config.toggles.emb_fusion:
            if config.storage.holds(column):  # row 0, which stands in for an empty list, must be there
                table = tf.pad(table, [[0, 1], [0, 0]])
            ids, weights = _to_sparse(_ragged(features, column))
            embedded[column.name] = tf.nn.safe_embedding_lookup_sparse(
                table, ids, weights, column.combiner, partition_strategy="div")
    direct = [column for column in columns if column.name not in embedded]
    lists = {column.name: _ragged(features, column) for column in direct if column.is_list}
    wanted = [lists[column.name].values if column.is_list else features[column.name] for column in direct]
    rows = lookup.rows_of([tables[column.name] for column in direct], wanted)
    for column, found in zip(direct, rows):
        embedded[column.name] = _combine(found, lists[column.name], column.combiner) if column.is_list else found
    return [embedded[column.name] for column in columns]


def _combine(items: tf.Tensor, ragged: Ragged, combiner: str) -> tf.Tensor:
    """The weighted sum or mean of each list's items [V, D], float32 [B, D]."""
    lists = history.ragged(items, ragged.row_splits)
    weights = tf.expand_dims(ragged.weights, 1)
    sums = lists.sum(items * weights)
    return sums if combiner == "sum" else sums / tf.maximum(lists.sum(weights), 1.0)


def _ragged(features: Dict[str, tf.Tensor], column: Column) -> Ragged:
    return Ragged(*[features[name] for name in feature_names(column.name)])


def _to_sparse(ragged: Ragged) -> List[tf.SparseTensor]:
    """Ids and weights of lists of tensors as SparseTensors [B, longest list]."""
    ids = tf.RaggedTensor.from_row_splits(tf.cast(ragged.values, tf.int64), ragged.row_splits, validate=False)
    return [ids.to_sparse(), ids.with_values(ragged.weights).to_sparse()]

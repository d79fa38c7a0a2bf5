"""The embeddings of --tf: tf.feature_column.input_layer, as a TF 1.15.5 user writes it."""

from typing import List, Sequence

import tensorflow.compat.v1 as tf

from common.config.schema import Column
from common.embedding.column_ids import Features
from common.embedding.config import Embedding
from common.embedding.table_spec import table_name
from common.layers import initializers


def input_layer(
        features: Features,
        columns: Sequence[Column],
        scope: str,
        config: Embedding,
) -> tf.Tensor:
    """The embeddings of columns, joined in `joined_order`: float32 [B, sum of widths]."""
    inputs = {column.name: features[column.name] for column in columns}
    return tf.feature_column.input_layer(inputs, _feature_columns(columns, scope, config))


def joined_order(columns: Sequence[Column]) -> List[Column]:
    """Columns in the order in which tf.feature_column.input_layer joins them: that of their feature
    columns' names.
    """
    shared = _shared_tables(columns)

    def name(column: Column) -> str:
        ending = "_shared_embedding" if column.table in shared else "_embedding"
        return column.name + ending

    return sorted(columns, key=name)


def _shared_tables(columns: Sequence[Column]) -> List[str]:
    """The tables of several columns, sorted."""
    tables = [column.table for column in columns if column.table]
    return sorted(table for table in set(tables) if tables.count(table) > 1)


def _feature_columns(columns: Sequence[Column], scope: str, config: Embedding) -> List[object]:
    """The columns as tf.feature_column knows them."""
    shared = _shared_tables(columns)
    embedded: List[object] = []
    for column in columns:
        if column.table not in shared:
            embedded.append(_embedding_column(column, scope, config))
    for table in shared:
        members = [column for column in columns if column.table == table]
        embedded.extend(_shared_columns(members, table, scope, config))
    return embedded


def _embedding_column(column: Column, scope: str, config: Embedding) -> object:
    initializer = _initializer(table_name(column), scope, config)
    return tf.feature_column.embedding_column(
        _categorical(column), config.width(column), column.combiner, initializer)


def _shared_columns(
        members: Sequence[Column],
        table: str,
        scope: str,
        config: Embedding,
) -> List[object]:
    categorical = [_categorical(column) for column in members]
    combiners = [column.combiner for column in members if column.is_list]
    return tf.feature_column.shared_embedding_columns(
        categorical, config.width(members[0]), combiners[0] if combiners else "mean",
        initializer=_initializer(table, scope, config),
        shared_embedding_collection_name=table + "_embedding")


def _initializer(table: str, scope: str, config: Embedding) -> initializers.Initializer:
    return initializers.truncated_normal(config.stddev, "{}/{}".format(scope, table))


def _categorical(column: Column) -> object:
    if column.kind == "identity":
        return tf.feature_column.categorical_column_with_identity(column.name, column.buckets)
    if column.kind == "words":
        default = -1 if column.is_list else 0
        return tf.feature_column.categorical_column_with_vocabulary_list(
            column.name, column.words, default_value=default)
    return tf.feature_column.categorical_column_with_hash_bucket(column.name, column.buckets)

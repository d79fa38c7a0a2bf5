"""Columns to embeddings: tf.feature_column for --tf, one lookup a column on ids otherwise.

Both make the same variables: <group>/input_layer/<column>_embedding/embedding_weights, float32 [buckets, D].
"""

from typing import Callable, Dict, List, NamedTuple, Optional

import tensorflow.compat.v1 as tf

from common import layers
from common.deeprec import Toggles
from common.encoder import Ragged, feature_names
from common.schema import Column, Schema


class Embedding(NamedTuple):
    """How columns are embedded.

    Attributes:
      dimension: the width D.
      toggles: which kernels look them up.
      partitioner: cuts the tables.
      stddev: of the initial values. Small, so that a row that was rarely seen adds little noise.
    """

    dimension: int
    toggles: Toggles
    partitioner: Optional[Callable[..., List[int]]] = None
    stddev: float = 0.01


def embed_group(features: Dict[str, tf.Tensor], schema: Schema, group: str, config: Embedding) -> tf.Tensor:
    """The embeddings of a group's columns, joined in the order of their names.

    Args:
      features: as common.dataset makes them, for --tf or columnar.

    Returns:
      float32 [B, columns * D]; a list is the mean (or sum) of its items' embeddings, zeros if it has none.
    """
    columns = schema.group(group)
    with tf.variable_scope(group, partitioner=config.partitioner):
        if config.toggles.tf:
            wanted = {column.name: features[column.name] for column in columns}
            return tf.feature_column.input_layer(wanted, [_feature_column(c, group, config) for c in columns])
        with tf.variable_scope("input_layer"):
            return tf.concat([_lookup(features, column, group, config) for column in columns], axis=1)


def _initializer(column: Column, group: str, config: Embedding) -> layers.Initializer:
    return layers.truncated_normal(config.stddev, "{}/{}".format(group, column.name))


def _feature_column(column: Column, group: str, config: Embedding) -> object:
    if column.kind == "identity":
        categorical = tf.feature_column.categorical_column_with_identity(column.name, column.buckets)
    else:
        categorical = tf.feature_column.categorical_column_with_hash_bucket(column.name, column.buckets)
    return tf.feature_column.embedding_column(
        categorical, config.dimension, combiner=column.combiner, initializer=_initializer(column, group, config))


def _lookup(features: Dict[str, tf.Tensor], column: Column, group: str, config: Embedding) -> tf.Tensor:
    """The embeddings of one column, float32 [B, D]."""
    with tf.variable_scope(column.name + "_embedding"):
        table = tf.get_variable("embedding_weights", [column.buckets, config.dimension],
                                initializer=_initializer(column, group, config))
        if not column.is_list:
            return tf.nn.embedding_lookup(table, features[column.name], partition_strategy="div")
        ids, weights = _to_sparse(Ragged(*[features[name] for name in feature_names(column.name)]))
        return tf.nn.safe_embedding_lookup_sparse(table, ids, weights, column.combiner, partition_strategy="div")


def _to_sparse(ragged: Ragged) -> List[tf.SparseTensor]:
    """Ids and weights of lists of tensors as SparseTensors [B, longest list]."""
    ids = tf.RaggedTensor.from_row_splits(tf.cast(ragged.values, tf.int64), ragged.row_splits, validate=False)
    return [ids.to_sparse(), ids.with_values(ragged.weights).to_sparse()]

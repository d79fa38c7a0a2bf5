"""What models call: columns of a batch to embeddings.

There is one way down: column -> its ids -> its table, however stored -> rows -> embeddings. With
--tf, tf.feature_column does all of it, and makes the same variables.
"""

import contextlib
from typing import Iterator, List, Sequence

import tensorflow.compat.v1 as tf

from common.config.schema import Column
from common.embedding import (column_ids, column_tables, combine, feature_columns, graph_record,
                              history)
from common.embedding.column_ids import ColumnIds, Features
from common.embedding.column_tables import ColumnLookup
from common.embedding.config import Embedding
from common.embedding.history import History, PaddedHistory
from common.pipeline.features import lengths_name


def embed(
        features: Features,
        columns: Sequence[Column],
        scope: str,
        config: Embedding,
) -> tf.Tensor:
    """The embeddings of some columns, joined in the order of tf.feature_column.input_layer.

    Args:
      features: as common.pipeline.dataset makes them, for --tf or columnar.
      columns: without vocabulary files. Those that name one table share it.
      scope: of the tables' variables.

    Returns:
      float32 [B, sum of widths D]; a list is the mean (or sum) of its items' embeddings, zeros
      if it has none.
    """
    if config.toggles.tf:
        with tf.variable_scope(scope, partitioner=config.partitioner):
            return feature_columns.input_layer(features, columns, scope, config)
    return look_up(features, feature_columns.joined_order(columns), scope, config)


def embed_any(
        features: Features,
        columns: Sequence[Column],
        scope: str,
        config: Embedding,
) -> List[tf.Tensor]:
    """The embeddings of columns of any kind but histories, in parts to be joined.

    Returns:
      float32 [B, sum of widths D] of those with a vocabulary file, which tf.feature_column does not
      know, and of the others; a part without columns is left out.
    """
    words = [column for column in columns if column.vocabulary]
    others = [column for column in columns if not column.vocabulary]
    embedded = []
    if words:
        embedded.append(look_up(features, words, scope, config))
    if others:
        embedded.append(embed(features, others, scope, config))
    return embedded


def look_up(
        features: Features,
        columns: Sequence[Column],
        scope: str,
        config: Embedding,
) -> tf.Tensor:
    """The embeddings of some columns, joined in the order given: float32 [B, sum of widths D].

    Args:
      columns: of any kind; with --tf, only hash and vocabulary columns of one value a row.
    """
    batch = column_ids.of_features(features, columns)
    with _variables(scope, config):
        return combine.joined(_bind(batch, scope, config), config)


def look_up_history(
        features: Features,
        columns: Sequence[Column],
        scope: str,
        config: Embedding,
) -> History:
    """The embeddings of aligned lists that keep their order, joined in their order to items of
    width columns * D.
    """
    if config.toggles.tf:
        return _padded_history(features, columns, scope, config)
    batch = column_ids.of_features(features, columns)
    with _variables(scope, config):
        items = [lookup.items() for lookup in _bind(batch, scope, config)]
        return history.ragged(combine.joined(items, config), batch[0].row_splits)


def _padded_history(
        features: Features,
        columns: Sequence[Column],
        scope: str,
        config: Embedding,
) -> PaddedHistory:
    """The same for --tf: TensorFlow's own lookups in lists that are padded, ids [B, T]."""
    batch = [ColumnIds(column, features[column.name]) for column in columns]
    with _variables(scope, config):
        lookups = _bind(batch, scope, config)
    items = [tf.nn.embedding_lookup(lookup.table, lookup.ids, "div")
             for lookup in lookups]  # [B, T, D] each
    longest = tf.shape(batch[0].ids)[1]
    lengths = features[lengths_name(columns[0].name)]
    mask = tf.sequence_mask(lengths, longest, tf.float32)
    return PaddedHistory(tf.concat(items, axis=2), tf.expand_dims(mask, 2))


def _bind(batch: Sequence[ColumnIds], scope: str, config: Embedding) -> List[ColumnLookup]:
    return column_tables.bind(batch, scope, config, graph_record.of_graph())


@contextlib.contextmanager
def _variables(scope: str, config: Embedding) -> Iterator[None]:
    """The variable scope of an input layer, named as tf.feature_column.input_layer names it."""
    with tf.variable_scope(scope, partitioner=config.partitioner), tf.variable_scope("input_layer"):
        yield

"""A batch's features, column by column."""

from typing import Dict, List, NamedTuple, Optional, Sequence

import tensorflow.compat.v1 as tf

from common.config.schema import Column
from common.pipeline.features import feature_names

Features = Dict[str, tf.Tensor]


class ColumnIds(NamedTuple):
    """The ids of one column in a batch.

    Attributes:
      column: which.
      ids: int32 or int64 [B], or of a list's items [V]; with --tf the items are padded, [B, T].
      row_splits: of a list, int64 [B + 1]: row i has the items row_splits[i] to before row_splits[i
        + 1]; else None.
      weights: of a list, how often each item stands in it, float32 [V]; else None.
    """

    column: Column
    ids: tf.Tensor
    row_splits: Optional[tf.Tensor] = None
    weights: Optional[tf.Tensor] = None


def of_features(features: Features, columns: Sequence[Column]) -> List[ColumnIds]:
    """Each column's ids.

    Args:
      features: as common.pipeline.dataset.columnar_input makes them, or hashed columns as strings.
    """
    return [_of_column(features, column) for column in columns]


def _of_column(features: Features, column: Column) -> ColumnIds:
    if not column.is_list:
        ids = features[column.name]
        if ids.dtype == tf.string:
            ids = tf.strings.to_hash_bucket_fast(ids, column.buckets)
        return ColumnIds(column, ids)
    names = feature_names(column.name)
    ids, row_splits = features[names.values], features[names.row_splits]
    return ColumnIds(column, ids, row_splits, features[names.weights])

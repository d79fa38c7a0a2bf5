"""Embedding variables in exported models: tables of TensorFlow's own, which any server of models
has.
"""

from typing import Dict, NamedTuple, Tuple

import numpy as np
import tensorflow.compat.v1 as tf

from common.embedding import embedding_variable
from common.embedding.table_spec import TableSpec
from common.tf_private import MutableHashTable


class ServedTable(NamedTuple):
    """A table that holds the values of the embedding variable of that name."""

    name: str
    table: MutableHashTable


def look_up(
        tables: Dict[str, ServedTable],
        spec: TableSpec,
        keys: tf.Tensor,
) -> Tuple[tf.Tensor, tf.Tensor]:
    """Which keys int64 [U] the table of that name holds, bool [U], and their rows, float32 [U, D].

    The table's variables are name-keys and name-values, those of an embedding variable in a
    checkpoint.

    Args:
      tables: those of the graph by full name; a new one is added.
    """
    name = embedding_variable.full_name(spec)
    if name not in tables:
        missing = tf.constant(np.nan, tf.float32, [spec.width])
        table = MutableHashTable(tf.int64, tf.float32, missing, name)
        tables[name] = ServedTable(name, table)
    rows = tf.reshape(tables[name].table.lookup(keys), [-1, spec.width])  # its shape is not known
    return tf.logical_not(tf.is_nan(rows[:, 0])), rows


def defaults(spec: TableSpec, keys: tf.Tensor) -> tf.Tensor:
    """What keys without a row read as, float32 [U, D]."""
    seed = tf.get_default_graph().seed or 0
    rows = embedding_variable.default_rows(embedding_variable.full_name(spec), spec.width,
                                           spec.stddev, seed)
    return tf.gather(tf.constant(rows), keys % embedding_variable.DEFAULT_ROWS)

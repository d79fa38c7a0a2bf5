"""Embedding variables in exported models: tables of TensorFlow's own, which any server of models has."""

from typing import Dict, NamedTuple, Tuple

import numpy as np
import tensorflow.compat.v1 as tf
from tensorflow.python.ops import lookup_ops

from common.embedding.embedding_variable import DEFAULT_ROWS, default_rows


class ServedTable(NamedTuple):
    """A table that holds the values of the embedding variable of that name."""

    name: str
    table: lookup_ops.MutableHashTable


def look_up(tables: Dict[str, ServedTable], name: str, keys: tf.Tensor, width: int) -> Tuple[tf.Tensor, tf.Tensor]:
    """Which keys int64 [U] the table of that name holds, bool [U], and their rows, float32 [U, width].

    The table's variables are name-keys and name-values, those of an embedding variable in a checkpoint.

    Args:
      tables: those of the graph by full name; a new one is added.
    """
    full_name = "/".join(filter(None, [tf.get_variable_scope().name, name]))
    if full_name not in tables:
        table = lookup_ops.MutableHashTable(tf.int64, tf.float32, tf.constant(np.nan, tf.float32, [width]), full_name)
        tables[full_name] = ServedTable(full_name, table)
    rows = tf.reshape(tables[full_name].table.lookup(keys), [-1, width])
    return tf.logical_not(tf.is_nan(rows[:, 0])), rows


def defaults(name: str, keys: tf.Tensor, width: int, stddev: float) -> tf.Tensor:
    """What keys without a row read as, float32 [U, width]."""
    full_name = "/".join(filter(None, [tf.get_variable_scope().name, name]))
    rows = default_rows(full_name, width, stddev, tf.get_default_graph().seed or 0)
    return tf.gather(tf.constant(rows), keys % DEFAULT_ROWS)

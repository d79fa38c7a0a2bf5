"""Embedding variables in exported models: tables of TensorFlow's own, which any server of models has."""

from typing import List, Tuple

import numpy as np
import tensorflow.compat.v1 as tf
from tensorflow.python.ops import lookup_ops

from common.embedding_variable import DEFAULT_ROWS, default_rows

_TABLES = ("served_tables",)  # not a string, so that no MetaGraph holds it


def tables() -> List[lookup_ops.MutableHashTable]:
    """Those of the default graph; `saved_as` is the name of the embedding variable."""
    return tf.get_collection(_TABLES)


def look_up(name: str, keys: tf.Tensor, width: int) -> Tuple[tf.Tensor, tf.Tensor]:
    """Which keys int64 [U] the table of that name holds, bool [U], and their rows, float32 [U, width].

    The table's variables are name-keys and name-values, those of an embedding variable in a checkpoint.
    """
    full_name = "/".join(filter(None, [tf.get_variable_scope().name, name]))
    known = {table.saved_as: table for table in tables()}
    if full_name not in known:
        known[full_name] = lookup_ops.MutableHashTable(
            tf.int64, tf.float32, tf.constant(np.nan, tf.float32, [width]), shared_name=full_name, name=full_name)
        known[full_name].saved_as = full_name
        tf.add_to_collection(_TABLES, known[full_name])
    rows = tf.reshape(known[full_name].lookup(keys), [-1, width])
    return tf.logical_not(tf.is_nan(rows[:, 0])), rows


def defaults(name: str, keys: tf.Tensor, width: int, stddev: float) -> tf.Tensor:
    """What keys without a row read as, float32 [U, width]."""
    full_name = "/".join(filter(None, [tf.get_variable_scope().name, name]))
    rows = default_rows(full_name, width, stddev, tf.get_default_graph().seed or 0)
    return tf.gather(tf.constant(rows), keys % DEFAULT_ROWS)

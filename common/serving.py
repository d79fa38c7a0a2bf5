"""SavedModels of plain TensorFlow ops: raw columns or tf.Examples in, probabilities out."""

import json
from typing import Callable, Dict, List

import pyarrow as pa
import tensorflow.compat.v1 as tf

from common import reader
from common.encoder import Ragged, feature_names
from common.schema import Column, Schema

SAMPLE_REQUEST = "sample_request.json"
_SAMPLE_ROWS = 3


def receiver_fn(schema: Schema, as_columns: bool) -> Callable[[], tf.estimator.export.ServingInputReceiver]:
    """What an exported model takes.

    Signature `serving_default` takes each feature column by name, [B], as it stands in a CSV file (strings; integers
    as int64); signature `examples:serving_default` takes serialized tf.Examples of the same columns, string [B].

    Args:
      as_columns: give the model the columns themselves (--tf) instead of ids.
    """
    columns = schema.scalars + schema.lists

    def receive() -> tf.estimator.export.ServingInputReceiver:
        examples = tf.placeholder(tf.string, [None], "examples")
        parsed = tf.io.parse_example(examples, {column.name: _example_feature(column) for column in columns})
        raw = {name: tf.placeholder_with_default(tensor, [None], name) for name, tensor in parsed.items()}
        return tf.estimator.export.ServingInputReceiver(
            encode_columns(raw, schema, as_columns), raw,
            receiver_tensors_alternatives={"examples": {"examples": examples}})

    return receive


def encode_columns(raw: Dict[str, tf.Tensor], schema: Schema, as_columns: bool) -> Dict[str, tf.Tensor]:
    """Raw columns [B] to what the models take: the same as common.dataset gives, from strings in the graph."""
    features: Dict[str, tf.Tensor] = {}
    for column in schema.scalars + schema.lists:
        values = raw[column.name]
        if column.dtype == "string":
            values = tf.where(tf.equal(values, ""), tf.fill(tf.shape(values), column.default), values)
        if column.is_list:
            values = tf.string_split(values, column.separator)
        if as_columns or column.kind == "identity":
            features[column.name] = values
        elif column.is_list:
            features.update(zip(feature_names(column.name), _ragged(values, column)))
        else:
            features[column.name] = tf.strings.to_hash_bucket_fast(values, column.buckets)
    return features


def _ragged(items: tf.SparseTensor, column: Column) -> Ragged:
    """The ids of lists of strings; equal ones of a row are not merged, which changes no mean."""
    ids = tf.strings.to_hash_bucket_fast(items.values, column.buckets)
    row_splits = tf.searchsorted(items.indices[:, 0], tf.range(items.dense_shape[0] + 1), out_type=tf.int64)
    return Ragged(ids, row_splits, tf.ones_like(ids, tf.float32))


def _example_feature(column: Column) -> tf.io.FixedLenFeature:
    if column.dtype == "int32":
        return tf.io.FixedLenFeature([], tf.int64, int(column.default))
    return tf.io.FixedLenFeature([], tf.string, column.default)


def write_sample_request(path: str, file: reader.InputFile, schema: Schema) -> None:
    """Writes a request with a file's first rows, as TensorFlow Serving's REST interface takes it."""
    columns = schema.scalars + schema.lists
    arrays = file.read(file.chunks[0], [column.name for column in columns]).arrays
    instances: List[Dict[str, object]] = []
    for row in range(min(_SAMPLE_ROWS, len(arrays[columns[0].name]))):
        instances.append({column.name: _json_value(arrays[column.name][row], column) for column in columns})
    with open(path, "w") as out:
        json.dump({"signature_name": "serving_default", "instances": instances}, out, indent=2)


def _json_value(value: pa.Scalar, column: Column) -> object:
    given = value.as_py()
    if isinstance(given, bytes):
        given = given.decode("utf-8", "replace")
    if column.dtype == "int32":
        return int(column.default if given in (None, "") else given)
    return given or ""

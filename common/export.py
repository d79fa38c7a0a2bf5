"""SavedModels of plain TensorFlow ops: raw columns or tf.Examples in, probabilities out."""

import json
import math
from typing import Callable, Dict, List

import pyarrow as pa
import tensorflow.compat.v1 as tf

from common.config.schema import Column, Schema
from common.pipeline import raw, reader

SAMPLE_REQUEST = "sample_request.json"
_SAMPLE_ROWS = 3


def receiver_fn(schema: Schema, vocabularies: raw.Vocabularies,
                as_columns: bool) -> Callable[[], tf.estimator.export.ServingInputReceiver]:
    """What an exported model takes.

    Signature `serving_default` takes each column by name, [B], as it stands in a text file (strings, lists as joined
    strings; integers as int64; numbers as float32). Signature `examples:serving_default` takes serialized tf.Examples
    of the same columns, string [B].

    Args:
      as_columns: give the model the columns themselves (--tf) instead of ids.
    """
    def receive() -> tf.estimator.export.ServingInputReceiver:
        examples = tf.placeholder(tf.string, [None], "examples")
        parsed = tf.io.parse_example(examples, {column.name: _example_feature(column) for column in _taken(schema)})
        columns = {name: tf.placeholder_with_default(tensor, [None], name) for name, tensor in parsed.items()}
        return tf.estimator.export.ServingInputReceiver(
            raw.decode(columns, schema, raw.make_tables(schema, vocabularies), as_columns), columns,
            receiver_tensors_alternatives={"examples": {"examples": examples}})

    return receive


def _taken(schema: Schema) -> List[Column]:
    """The columns that a model takes, in file order."""
    return [column for column in schema.columns if column.is_feature or column.kind == "number"]


def _example_feature(column: Column) -> tf.io.FixedLenFeature:
    if column.dtype == "int32":
        return tf.io.FixedLenFeature([], tf.int64, int(column.default))
    if column.dtype == "float" and not column.is_list:
        return tf.io.FixedLenFeature([], tf.float32, float(column.default))
    return tf.io.FixedLenFeature([], tf.string, column.default)


def write_sample_request(path: str, file: reader.InputFile, schema: Schema) -> None:
    """Writes a request with a file's first rows, as TensorFlow Serving's REST interface takes it."""
    columns = _taken(schema)
    arrays = file.read(file.chunks[0], [column.name for column in columns]).arrays
    instances: List[Dict[str, object]] = []
    for row in range(min(_SAMPLE_ROWS, len(arrays[columns[0].name]))):
        instances.append({column.name: _json_value(arrays[column.name][row], column) for column in columns})
    with open(path, "w") as out:
        json.dump({"signature_name": "serving_default", "instances": instances}, out, indent=2)


def _json_value(value: pa.Scalar, column: Column) -> object:
    """A value as a request holds it; the default where a number is missing or is none."""
    given = value.as_py()
    if isinstance(given, list):
        return column.separator.join(_json_text(item) for item in given)
    if column.dtype == "string" or column.is_list:
        return _json_text(given)
    try:
        number = float(_json_text(given))
    except ValueError:
        number = math.nan
    number = number if math.isfinite(number) else float(column.default)
    return int(number) if column.dtype == "int32" else number


def _json_text(given: object) -> str:
    if isinstance(given, bytes):
        return given.decode("utf-8", "replace")
    return "" if given is None else str(given)

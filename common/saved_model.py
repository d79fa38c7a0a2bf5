"""SavedModels of plain TensorFlow ops: raw columns or tf.Examples in, probabilities out."""

import contextlib
import json
import math
import os
import shutil
import tempfile
from typing import Callable, Dict, Iterator, List, Optional

import pyarrow as pa
import tensorflow.compat.v1 as tf

from common.config.schema import Column, Schema
from common.errors import BadInput, in_one_line
from common.formats.files import Files
from common.pipeline import raw
from common.pipeline.source import Data

SAMPLE_REQUEST = "sample_request.json"
_SAMPLE_ROWS = 3


def receiver_fn(
    schema: Schema,
    vocabularies: raw.Vocabularies,
    as_columns: bool,
) -> Callable[[], tf.estimator.export.ServingInputReceiver]:
    """What an exported model takes.

    Signature `serving_default` takes each column by name, [B], as a text file holds it (strings,
    lists as joined strings; integers as int64; numbers as float32). Signature
    `examples:serving_default` takes serialized tf.Examples of the same columns, string [B].

    Args:
      as_columns: give the model the columns themselves (--tf) instead of ids.
    """
    def receive() -> tf.estimator.export.ServingInputReceiver:
        examples = tf.placeholder(tf.string, [None], "examples")
        inputs = _inputs(schema)
        example_features = {column.name: _example_feature(column) for column in inputs}
        parsed = tf.io.parse_example(examples, example_features)
        columns = {}
        for name, tensor in parsed.items():
            columns[name] = tf.placeholder_with_default(tensor, [None], name)
        tables = raw.make_tables(schema, vocabularies)
        features = raw.decode(columns, schema, tables, as_columns)
        alternatives = {"examples": {"examples": examples}}
        return tf.estimator.export.ServingInputReceiver(
            features,
            columns,
            receiver_tensors_alternatives=alternatives,
        )

    return receive


def write(estimator: tf.estimator.Estimator, folder: str, data: Data, as_columns: bool,
          checkpoint: Optional[str]) -> None:
    """Writes FOLDER/TIMESTAMP with a sample request among its extra assets.

    Args:
      as_columns: as receiver_fn takes it.
      checkpoint: that is exported; None for the newest.
    """
    with tempfile.TemporaryDirectory() as temporary:
        sample = os.path.join(temporary, SAMPLE_REQUEST)
        write_sample_request(sample, data.test or data.train, data.schema)
        receiver = receiver_fn(data.schema, data.vocabularies, as_columns)
        with moved_when_whole(folder) as unfinished:
            estimator.export_saved_model(
                unfinished, receiver, checkpoint_path=checkpoint,
                assets_extra={SAMPLE_REQUEST: sample})


@contextlib.contextmanager
def moved_when_whole(folder: str) -> Iterator[str]:
    """Yields a folder for an Estimator's export, which becomes FOLDER/TIMESTAMP at the end.

    An Estimator leaves what it could not finish, under a name that sorts behind all models.
    """
    unfinished = os.path.join(folder, ".tmp{}".format(os.getpid()))
    try:
        yield unfinished
        for name in sorted(os.listdir(unfinished)):
            target = os.path.join(folder, name)
            while os.path.exists(target):  # two models of one second
                target = os.path.join(folder, str(int(os.path.basename(target)) + 1))
            os.rename(os.path.join(unfinished, name), target)
    except tf.errors.ResourceExhaustedError as error:
        raise BadInput(
            "{}: there is no space for the exported model, and what was half written is removed. "
            "Free some: the same command exports it. TensorFlow says: {}".format(
                folder, in_one_line(error.message)))
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _inputs(schema: Schema) -> List[Column]:
    """The columns that a model takes, in file order."""
    inputs = schema.features + schema.numbers
    return [column for column in schema.columns if column in inputs]


def _example_feature(column: Column) -> tf.io.FixedLenFeature:
    if column.dtype == "int32":
        return tf.io.FixedLenFeature([], tf.int64, int(column.default))
    if column.dtype == "float" and not column.is_list:
        return tf.io.FixedLenFeature([], tf.float32, float(column.default))
    return tf.io.FixedLenFeature([], tf.string, column.default)


def write_sample_request(path: str, file: Files, schema: Schema) -> None:
    """Writes a request with a file's first rows, as TensorFlow Serving's REST API takes it."""
    columns = _inputs(schema)
    names = [column.name for column in columns]
    first = file.first_chunk()
    arrays = file.read(first, names).arrays
    num_rows = len(arrays[names[0]])
    instances: List[Dict[str, object]] = []
    for row in range(min(_SAMPLE_ROWS, num_rows)):
        instance = {}
        for column in columns:
            scalar = arrays[column.name][row]
            instance[column.name] = _json_value(scalar, column)
        instances.append(instance)
    request = {"signature_name": "serving_default", "instances": instances}
    with open(path, "w") as out:
        json.dump(request, out, indent=2)


def _json_value(scalar: pa.Scalar, column: Column) -> object:
    """A value as a request holds it; the default where a number is missing or is none."""
    value = scalar.as_py()
    if isinstance(value, list):
        items = [_json_text(item) for item in value]
        return column.separator.join(items)
    if column.dtype == "string" or column.is_list:
        return _json_text(value)
    number = _json_number(value, float(column.default))
    return int(number) if column.dtype == "int32" else number


def _json_number(value: object, default: float) -> float:
    try:
        number = float(_json_text(value))
    except ValueError:
        return default
    return number if math.isfinite(number) else default


def _json_text(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return "" if value is None else str(value)

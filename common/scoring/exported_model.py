"""The probabilities of rows by a SavedModel, which takes columns as text files hold them."""

import itertools
import os
from typing import Any, Dict, Iterable, Iterator, List, NamedTuple, Sequence

import numpy as np
import pyarrow as pa
import tensorflow.compat.v1 as tf

from common.config.schema import Column, Schema
from common.formats.chunks import RawColumns
from common.pipeline import row_order, source
from common.pipeline.features import Block
from common.pipeline.row_order import Part, Stream
from common.pipeline.source import Data
from common.scoring.scores import Scores

FILE = "saved_model.pb"
Columns = Dict[str, np.ndarray]


class Texts(NamedTuple):
    """Rows that can be used: their numbers, int64 [N], and each input column [N]."""

    rows: np.ndarray
    columns: Columns


def find(folder: str) -> str:
    """The export that a folder is or, of the exports in it, the newest; empty where there is none.
    """
    if os.path.exists(os.path.join(folder, FILE)):
        return folder
    inner = os.listdir(folder) if os.path.isdir(folder) else []
    stamps = [name for name in inner
              if name.isdigit() and os.path.exists(os.path.join(folder, name, FILE))]
    return os.path.join(folder, max(stamps, key=int)) if stamps else ""


def scores(folder: str, data: Data, stream: Stream) -> Iterator[Scores]:
    """The probabilities of a stream of rows in file order, in batches.

    Args:
      folder: of the SavedModel.
      data: whose training files are the rows.

    Raises:
      BadInput: rows that cannot be read.
    """
    return scores_of(folder, _chunks(data, stream), stream.batch_size)


def scores_of(folder: str, texts: Iterable[Texts], batch_size: int) -> Iterator[Scores]:
    """The probabilities of rows whose columns are as text files hold them, in batches.

    Args:
      folder: of the SavedModel.
    """
    with tf.Graph().as_default(), tf.Session() as session:
        loaded = tf.saved_model.loader.load(session, [tf.saved_model.tag_constants.SERVING], folder)
        signature = loaded.signature_def["serving_default"]
        fetches = {task: info.name for task, info in signature.outputs.items()}
        for some in texts:
            for low in range(0, len(some.rows), batch_size):
                high = low + batch_size
                feeds = {info.name: some.columns[name][low:high]
                         for name, info in signature.inputs.items()}
                yield Scores(some.rows[low:high], session.run(fetches, feeds))


def texts_of(data: Data, rows: np.ndarray) -> Texts:
    """Some rows, checked as training checks them.

    Args:
      data: whose training files have them.
      rows: their numbers, int64 [N], ascending.

    Raises:
      BadInput: they cannot be read.
    """
    parts = []
    for some in _chunks(data, Stream(1)):
        places = np.flatnonzero(np.isin(some.rows, rows))
        parts.append(Texts(some.rows[places], _at(some.columns, places)))
    columns = {}
    for name in parts[0].columns:
        columns[name] = np.concatenate([part.columns[name] for part in parts])
    return Texts(np.concatenate([part.rows for part in parts]), columns)


def _at(columns: Columns, places: np.ndarray) -> Columns:
    return {name: values[places] for name, values in columns.items()}


def _chunks(data: Data, stream: Stream) -> Iterator[Texts]:
    """The rows of a stream, checked as training checks them."""
    files = data.train
    names = source.used_columns(data.schema)
    encoder = source.make_encoder(files, data)
    windows = row_order.windows(files, (), stream)
    parts = (part for window in windows for part in window.parts)
    for chunk, its_parts in itertools.groupby(parts, lambda part: part.chunk):
        first, *others = its_parts
        last = others[-1] if others else first
        raw = files.read(chunk, names)
        block = encoder.encode(raw)
        yield _chunk(raw, block, Part(chunk, first.low, last.high), data.schema)


def _chunk(raw: RawColumns, block: Block, part: Part, schema: Schema) -> Texts:
    first = part.chunk.first_row
    low, high = np.searchsorted(block.rows, [first + part.low, first + part.high])
    rows = block.rows[low:high]
    places = pa.array(np.searchsorted(raw.rows, rows))
    columns: Columns = {}
    for column, ids in zip(schema.scalars, block.ids.T):
        if column.kind == "identity":
            columns[column.name] = ids[low:high].astype(np.int64)
    for column, numbers in zip(schema.numbers, block.numbers.T):
        if not column.is_list:
            columns[column.name] = numbers[low:high]
    for column in schema.inputs:
        if column.name not in columns:
            columns[column.name] = _texts(raw.arrays[column.name].take(places), column)
    return Texts(rows, columns)


def _texts(array: Any, column: Column) -> np.ndarray:
    """A column as a text file holds it: bytes [N]; lists are joined, and what is missing is empty.
    """
    if pa.types.is_list(array.type):
        separator = column.separator.encode()
        texts = [_joined(items, separator) for items in array.to_pylist()]
        return np.array(texts, object)
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    texts = [_text(value) for value in array.to_pylist()]
    return np.array(texts, object)


def _joined(items: Sequence[Any], separator: bytes) -> bytes:
    texts: List[bytes] = [_text(item) for item in items or ()]
    return separator.join(texts)


def _text(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    return b"" if value is None else str(value).encode()

"""Columns of a chunk to embedding ids and numbers: each distinct value is checked and decoded once, rows gather it.

Strings are hashed as tf.strings.to_hash_bucket_fast hashes them, so that ids are the same whichever path reads a file.
"""

import re
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
import pyarrow as pa
import pyarrow.compute

from common import hashing, lists
from common.checks import BadRows
from common.lists import Lists, Ragged
from common.reader import Columns, Reject
from common.schema import Column, Schema

_INTEGER = re.compile(rb"\s*-?[0-9]{1,18}\s*")
_NUMBER = re.compile(rb"\s*[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]{1,4})?\s*")


def feature_names(column: str) -> Ragged:
    """The names under which a list column's three tensors stand among a model's features."""
    return Ragged(*["{}.{}".format(column, field) for field in Ragged._fields])


class Block(NamedTuple):
    """Decoded rows.

    Attributes:
      rows: the rows' numbers in their file from 0, int64 [N].
      labels: float32 [N, K], in the order of Schema.labels.
      users: the fingerprint of each row's user, int64 [N].
      ids: int32 [N, C], in the order of Schema.scalars.
      numbers: float32 [N, M], in the order of Schema.numbers.
      lists: one Ragged of N rows for each of Schema.lists.
    """

    rows: np.ndarray
    labels: np.ndarray
    users: np.ndarray
    ids: np.ndarray
    numbers: np.ndarray
    lists: Tuple[Ragged, ...]

    def take(self, rows: np.ndarray) -> "Block":
        """The given rows (indices into this block, int [M]), in their order."""
        dense = [array[rows] for array in self[:5]]
        return Block(*dense, lists=tuple(ragged.take(rows) for ragged in self.lists))  # type: ignore[misc]


def concat(blocks: Sequence[Block]) -> Block:
    """The rows of several blocks, one after another."""
    if len(blocks) == 1:
        return blocks[0]
    joined = []
    for parts in zip(*[block.lists for block in blocks]):
        starts = np.cumsum([0] + [part.row_splits[-1] for part in parts])
        splits = [[0]] + [part.row_splits[1:] + start for part, start in zip(parts, starts)]
        joined.append(Ragged(np.concatenate([part.values for part in parts]), np.concatenate(splits).astype(np.int64),
                             np.concatenate([part.weights for part in parts])))
    dense = [np.concatenate(parts) for parts in zip(*[block[:5] for block in blocks])]
    return Block(*dense, lists=tuple(joined))  # type: ignore[misc]


class Encoder:
    """Checks and decodes the chunks of one file.

    Args:
      path: the file's, for messages.
      schema: its columns.
      vocabularies: name -> (word -> id); id 0 stands for the words that are not in it.
      bad_rows: counts the rows that cannot be used and the words that are in no vocabulary.
    """

    def __init__(self, path: str, schema: Schema, vocabularies: Dict[str, Dict[bytes, int]],
                 bad_rows: BadRows) -> None:
        self._path, self._schema, self._bad_rows = path, schema, bad_rows
        self._words = dict(vocabularies)
        for column in schema.features:
            if column.words:
                self._words[column.name] = {word.encode(): i for i, word in enumerate(column.words)}
        self._fingerprint = hashing.make_fingerprint()

    def encode(self, columns: Columns) -> Block:
        """Decodes one chunk; rows that cannot be used go to bad_rows and are left out.

        Raises:
          BadInput: more rows than bad_rows allows cannot be used.
        """
        schema, chunk = self._schema, _Chunk(columns)
        labels = [chunk.integers(c) for c in schema.labels]
        ids = [chunk.integers(c) if c.kind == "identity" else self._scalar(chunk, c) for c in schema.scalars]
        numbers = [chunk.list_means(c) if c.is_list else chunk.numbers(c) for c in schema.numbers]
        ragged = tuple(self._list(chunk, c) for c in schema.lists)
        chunk.check_aligned(schema)
        users, index = chunk.strings(schema.named([schema.user_column])[0])
        block = Block(columns.rows, np.stack(labels, 1).astype(np.float32),
                      self._fingerprint(users).view(np.int64)[index], _stack(ids, chunk.size, np.int32),
                      _stack(numbers, chunk.size, np.float32), ragged)
        return self._without_rejects(block, chunk.rejects)

    def read_labels(self, columns: Columns) -> np.ndarray:
        """Decodes the labels of one chunk alone, float32 [N, K], checked as encode checks them."""
        chunk = _Chunk(columns)
        labels = [chunk.integers(c) for c in self._schema.labels]
        self._bad_rows.add(self._path, chunk.rejects)
        good = ~np.isin(columns.rows, [reject.row for reject in chunk.rejects])
        return np.stack(labels, 1)[good].astype(np.float32)

    def _without_rejects(self, block: Block, rejects: List[Reject]) -> Block:
        if not rejects:
            return block
        self._bad_rows.add(self._path, rejects)
        return block.take(np.flatnonzero(~np.isin(block.rows, [reject.row for reject in rejects])))

    def _scalar(self, chunk: "_Chunk", column: Column) -> np.ndarray:
        """The ids of a column of strings, int64 [N]."""
        values, index = chunk.strings(column)
        ids = self._ids(values, column)[index]
        if column.kind == "words":
            chunk.reject(ids < 0, column, "one of " + ", ".join(column.words))
        return self._known(chunk, ids, column)

    def _list(self, chunk: "_Chunk", column: Column) -> Ragged:
        """The ids of a column of lists of strings."""
        items = chunk.lists(column)
        ids = self._ids(items.names, column)
        if column.newest:
            ragged = lists.sequence(items.newest(column.newest), ids)
            return ragged._replace(values=self._known(chunk, ragged.values, column))
        empty = np.array(pa.compute.equal(pa.compute.binary_length(items.names), 0), bool)
        ids[empty] = -1
        chunk.reject_items(items, (ids < 0) & ~empty, column, "items out of " + ", ".join(column.words))
        return lists.merge(items, ids, column.buckets)

    def _ids(self, values: pa.Array, column: Column) -> np.ndarray:
        """The ids of distinct binary strings, int64 [D]; -1 for what is in no vocabulary."""
        if column.kind == "hash":
            return (self._fingerprint(values) % np.uint64(column.buckets)).astype(np.int64)
        words = self._words[column.vocabulary or column.name]
        return np.array([words.get(value, -1) for value in values.to_pylist()], np.int64)

    def _known(self, chunk: "_Chunk", ids: np.ndarray, column: Column) -> np.ndarray:
        """The ids with 0 for -1, which is counted if the column has a vocabulary."""
        unknown = ids < 0
        if column.vocabulary:
            self._bad_rows.add_unknown(self._path, column.name, chunk.first_row, int(np.count_nonzero(unknown)))
        return np.where(unknown, 0, ids)


class _Chunk:
    """The columns of a chunk, and the rejects among its rows."""

    def __init__(self, columns: Columns) -> None:
        self.rejects = list(columns.rejects)
        self.size = len(columns.rows)
        self.first_row = int(columns.rows[0]) if self.size else 0
        self._arrays, self._rows = columns.arrays, columns.rows
        self._lengths: Dict[str, np.ndarray] = {}

    def integers(self, column: Column) -> np.ndarray:
        """A label or identity column as int32 [N]; values out of range become rejects and 0."""
        array, default = self._arrays[column.name], b"" if column.kind == "label" else column.default.encode()
        limit, expected = column.buckets, "a whole number from 0 to {}".format(column.buckets - 1)
        if column.kind == "label":
            limit, expected = 2, "0 or 1"
        if pa.types.is_dictionary(array.type):
            values, index = _with_missing(array, default)
            texts = [text or default for text in values.to_pylist()]
            numbers = np.array([int(t) if _INTEGER.fullmatch(t) else -1 for t in texts] or [-1], np.int64)[index]
        else:
            numbers = array.fill_null(int(default or -1)).cast(pa.int64(), safe=False).to_numpy()
        bad = (numbers < 0) | (numbers >= limit)
        self.reject(bad, column, expected)
        return np.where(bad, 0, numbers).astype(np.int32)

    def numbers(self, column: Column) -> np.ndarray:
        """A number column as float64 [N]; what is no finite number becomes a reject and 0."""
        array = self._arrays[column.name]
        if pa.types.is_dictionary(array.type):
            values, index = _with_missing(array, b"")
            numbers = _parse(values)[index]
            empty = np.array([not text.strip() for text in values.to_pylist()] or [True])[index]
        else:
            empty = array.is_null().to_numpy(zero_copy_only=False)
            numbers = array.cast(pa.float64()).to_numpy(zero_copy_only=False)
        numbers = np.where(empty, float(column.default), numbers)
        return self._finite(numbers, column)

    def list_means(self, column: Column) -> np.ndarray:
        """The means of a column of lists of numbers, float64 [N]."""
        items = self.lists(column)
        if pa.types.is_floating(items.names.type):
            numbers = items.names.to_numpy()
            bad = np.isinf(numbers)
        else:
            numbers = _parse(items.names)
            bad = np.isnan(numbers) & np.array(pa.compute.greater(pa.compute.binary_length(items.names), 0), bool)
        self.reject_items(items, bad, column, "finite numbers")
        return self._finite(lists.mean(items, np.where(bad, np.nan, numbers), float(column.default)), column)

    def _finite(self, numbers: np.ndarray, column: Column) -> np.ndarray:
        with np.errstate(invalid="ignore"):
            bad = ~(np.abs(numbers) <= np.finfo(np.float32).max)
        self.reject(bad, column, "a finite number")
        return np.where(bad, 0.0, numbers)

    def strings(self, column: Column) -> Tuple[pa.Array, np.ndarray]:
        """A string column's distinct values, missing ones replaced, and each row's index into them."""
        missing = column.default.encode()
        values, index = _with_missing(self._arrays[column.name], missing)
        empty = pa.compute.equal(pa.compute.binary_length(values), 0)
        values = pa.compute.if_else(empty, pa.scalar(missing, pa.binary()), values)
        bad = _not_utf8(values)
        if bad is not None:
            self.reject(bad[index], column, "UTF-8 text")
        return values, index

    def lists(self, column: Column) -> Lists:
        """A column of lists, split and not decoded."""
        array = self._arrays[column.name]
        if pa.types.is_list(array.type):
            items = lists.of_list_array(array)
            bad = _not_utf8(items.names) if pa.types.is_binary(items.names.type) else None
            if bad is not None:
                self.reject_items(items, bad, column, "UTF-8 text")
        else:
            empty_default = column._replace(default="") if column.kind == "number" else column
            values, index = self.strings(empty_default)
            items = lists.of_text(values, index, column.separator.encode(), keep_runs=column.newest > 0)
        if column.aligned:
            self._lengths[column.name] = items.lengths
        return items

    def check_aligned(self, schema: Schema) -> None:
        """Rejects the rows in which the aligned lists differ in length."""
        aligned = [column for column in schema.columns if column.name in self._lengths]
        for column in aligned[1:]:
            first = aligned[0].name
            for at in np.flatnonzero(self._lengths[column.name] != self._lengths[first]):
                self.rejects.append(Reject(
                    int(self._rows[at]), column.name, "{} items".format(self._lengths[column.name][at]),
                    "{} as in column {!r}".format(self._lengths[first][at], first)))

    def reject(self, bad: np.ndarray, column: Column, expected: str) -> None:
        """Rejects the rows that bad, bool [N], marks."""
        for at in np.flatnonzero(bad):
            self.rejects.append(Reject(int(self._rows[at]), column.name, _text(self._arrays[column.name][int(at)]),
                                       expected))

    def reject_items(self, items: Lists, bad: np.ndarray, column: Column, expected: str) -> None:
        """Rejects the rows in whose lists a name stands that bad, bool [D], marks."""
        if bad.any():
            lengths = len(items.row_splits) - 1
            self.reject(np.bincount(items.owners, bad[items.codes], lengths)[items.index] > 0, column, expected)


def _stack(columns: List[np.ndarray], size: int, dtype: type) -> np.ndarray:
    return np.stack(columns, 1).astype(dtype) if columns else np.zeros([size, 0], dtype)


def _with_missing(array: pa.DictionaryArray, missing: bytes) -> Tuple[pa.Array, np.ndarray]:
    """The dictionary's values and each row's index into them; nulls index an added last value."""
    values, indices = array.dictionary, array.indices
    if indices.null_count:
        indices = indices.fill_null(len(values))
        values = pa.concat_arrays([values, pa.array([missing], pa.binary())])
    return values, indices.to_numpy()


def _parse(values: pa.Array) -> np.ndarray:
    """Binary texts as float64 [D], NaN for those that are no decimal number."""
    try:
        numbers = values.cast(pa.string()).cast(pa.float64()).to_numpy(zero_copy_only=False)
        if np.isfinite(numbers).all():
            return numbers
    except pa.ArrowInvalid:
        pass
    return np.array([float(text) if _NUMBER.fullmatch(text) else np.nan for text in values.to_pylist()], np.float64)


def _not_utf8(values: pa.Array) -> Optional[np.ndarray]:
    """Which binary values are no UTF-8, bool [D]; None if all are."""
    try:
        values.cast(pa.string())
        return None
    except pa.ArrowInvalid:
        return np.array([not _is_utf8(value) for value in values.to_pylist()])


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _text(value: pa.Scalar) -> str:
    """A rejected value as a message shows it, at most 80 characters."""
    given = value.as_py()
    if isinstance(given, bytes):
        given = given.decode("utf-8", "backslashreplace")
    text = "" if given is None else str(given)
    return text if len(text) <= 80 else text[:77] + "..."

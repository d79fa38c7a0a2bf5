"""The columns of one chunk of rows, decoded as far as their kinds say, and the rows that cannot be used.

Each distinct value is decoded once, and rows gather it.
"""

import collections
import re
from typing import Dict, NamedTuple, Optional, Tuple

import numpy as np
import pyarrow as pa
import pyarrow.compute

from common.config.schema import Column, Schema
from common.pipeline import lists
from common.pipeline import native_columns as compiled
from common.pipeline import string_views
from common.pipeline.chunks import RawColumns, Reject
from common.pipeline.lists import Lists
from common.pipeline.string_views import StringViews

_INTEGER = re.compile(rb"\s*-?[0-9]{1,18}\s*")
_NUMBER = re.compile(rb"\s*[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]{1,4})?\s*")


class Found(NamedTuple):
    """The distinct texts of a column for C++, the index of each row's among them (None if row i has text i)."""

    texts: StringViews
    index: np.ndarray

    def by_row(self, values: np.ndarray) -> np.ndarray:
        """The values [D] of the texts, of each row's text [N]."""
        return values if self.index is None else values.take(self.index)


class ColumnDecoder:
    """The columns of a chunk, and the rejects among its rows.

    Columns are decoded in C++ where they can be. Where that meets a value that is not as it should be, the column is
    decoded once more the long way, which names the value.

    Attributes:
      rejects: the rows that cannot be used, found so far.
      size: the number of rows N.
      first_row: the number of the first row in its file.
    """

    def __init__(self, columns: RawColumns) -> None:
        self.rejects = list(columns.rejects)
        self.size = len(columns.rows)
        self.first_row = int(columns.rows[0]) if self.size else 0
        self._arrays, self._rows = columns.arrays, columns.rows
        self._encoded: Dict[str, pa.Array] = {}
        self._lengths: Dict[str, np.ndarray] = {}

    def _array(self, name: str) -> pa.Array:
        """A column as a pyarrow array, its texts dictionary-encoded."""
        array = self._arrays[name]
        if not isinstance(array, StringViews):
            return array
        if name not in self._encoded:
            self._encoded[name] = array.to_arrow().dictionary_encode()
        return self._encoded[name]

    def found(self, column: Column) -> Optional[Found]:
        """A column's texts for C++; None where they have to go the long way."""
        array = self._arrays[column.name]
        if isinstance(array, StringViews):
            return Found(array, None)
        if (compiled.library() is None or not pa.types.is_dictionary(array.type)
                or _not_utf8(array.dictionary) is not None):
            return None
        return Found(*_distinct(array))

    def integers(self, column: Column) -> np.ndarray:
        """A label or identity column as int32 [N]; values out of range become rejects and 0."""
        default = b"" if column.kind == "label" else column.default.encode()
        limit, expected = column.buckets, "a whole number from 0 to {}".format(column.buckets - 1)
        if column.kind == "label":
            limit, expected = 2, "0 or 1"
        plain = self._plain_integers(column, limit, default)
        if plain is not None:
            return plain
        array = self._array(column.name)
        if pa.types.is_dictionary(array.type):
            values, index = _with_missing(array, default)
            texts = [text or default for text in values.to_pylist()]
            numbers = np.array([int(t) if _INTEGER.fullmatch(t) else -1 for t in texts] or [-1], np.int64)[index]
        else:
            numbers = array.cast(pa.int64(), safe=False).fill_null(int(default or -1)).to_numpy()
        bad = (numbers < 0) | (numbers >= limit)
        self.reject(bad, column, expected)
        return np.where(bad, 0, numbers).astype(np.int32)

    def _plain_integers(self, column: Column, limit: int, default: bytes) -> Optional[np.ndarray]:
        """Integers of which none is missing in Parquet, none out of range and none written in an unusual way."""
        array, found = self._arrays[column.name], self.found(column)
        if found is not None:
            numbers = compiled.integers(found.texts, limit, default)
            return None if numbers is None else found.by_row(numbers)
        if not pa.types.is_int32(array.type) or array.null_count or not len(array):
            return None
        numbers = array.to_numpy()
        return numbers if numbers.min() >= 0 and numbers.max() < limit else None

    def numbers(self, column: Column) -> np.ndarray:
        """A number column as float64 [N]; what is no finite number becomes a reject and 0."""
        found = self.found(column)
        plain = None if found is None else compiled.numbers(found.texts, float(column.default))
        if found is not None and plain is not None:
            return self._finite(found.by_row(plain), column)
        array = self._array(column.name)
        if pa.types.is_dictionary(array.type):
            values, index = _with_missing(array, b"")
            numbers = parse_numbers(values)[index]
            empty = np.array([not text.strip() for text in values.to_pylist()] or [True])[index]
        else:
            empty = array.is_null().to_numpy(zero_copy_only=False)
            numbers = array.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        numbers = np.where(empty, float(column.default), numbers)
        return self._finite(numbers, column)

    def list_means(self, column: Column) -> np.ndarray:
        """The means of a column of lists of numbers, float64 [N]."""
        found = self.found(column)
        plain = None if found is None else compiled.list_means(
            found.texts, column.separator.encode(), float(column.default))
        if found is not None and plain is not None:
            self.set_lengths(column, found.by_row(plain[1]))
            return self._finite(found.by_row(plain[0]), column)
        items = self.lists(column)
        if pa.types.is_floating(items.names.type):
            numbers = items.names.to_numpy(zero_copy_only=False)
            missing = np.array(items.names.is_null(), bool)
        else:
            numbers = parse_numbers(items.names)
            missing = np.array(pa.compute.equal(pa.compute.binary_length(items.names), 0), bool)
        bad = ~(np.isfinite(numbers) | missing)
        self.reject_items(items, bad, column, "finite numbers")
        return self._finite(lists.mean(items, np.where(bad, np.nan, numbers), float(column.default)), column)

    def _finite(self, numbers: np.ndarray, column: Column) -> np.ndarray:
        with np.errstate(invalid="ignore"):
            bad = ~(np.abs(numbers) <= np.finfo(np.float32).max)
        if not bad.any():
            return numbers
        self.reject(bad, column, "a finite number")
        return np.where(bad, 0.0, numbers)

    def strings(self, column: Column) -> Tuple[pa.Array, np.ndarray]:
        """A string column's distinct values, missing ones replaced, and each row's index into them."""
        missing = column.default.encode()
        values, index = _with_missing(self._array(column.name), missing)
        empty = pa.compute.equal(pa.compute.binary_length(values), 0)
        values = pa.compute.if_else(empty, pa.scalar(missing, pa.binary()), values)
        bad = _not_utf8(values)
        if bad is not None:
            self.reject(bad[index], column, "UTF-8 text")
        return values, index

    def lists(self, column: Column) -> Lists:
        """A column of lists, split and not decoded."""
        array = self._array(column.name)
        if pa.types.is_list(array.type):
            items = lists.of_list_array(array)
            bad = _not_utf8(items.names) if pa.types.is_binary(items.names.type) else None
            if bad is not None:
                self.reject_items(items, bad, column, "UTF-8 text")
        else:
            empty_default = column._replace(default="") if column.kind == "number" else column
            values, index = self.strings(empty_default)
            items = lists.of_text(values, index, column.separator.encode(), keep_runs=column.newest > 0)
        self.set_lengths(column, items.lengths)
        return items

    def set_lengths(self, column: Column, lengths: np.ndarray) -> None:
        """Says how many items each row of a column of lists has, int [N]."""
        if column.aligned:
            self._lengths[column.name] = lengths

    def check_aligned(self, schema: Schema) -> None:
        """Rejects the rows in which the aligned lists differ in length, and names those that differ from most.

        Beside lists of one item, an empty list in which order does not count stands for one missing item.
        """
        aligned = [column for column in schema.columns if column.name in self._lengths]
        if not aligned or all(np.array_equal(self._lengths[aligned[0].name], self._lengths[column.name])
                              for column in aligned[1:]):
            return
        lengths = np.stack([self._lengths[column.name] for column in aligned], 1)  # [N, lists]
        lengths[np.ix_(lengths.max(1) == 1, [not column.newest for column in aligned])] = 1
        for at in np.flatnonzero(lengths.min(1) != lengths.max(1)):
            given = lengths[at].tolist()
            usual = collections.Counter(given).most_common(1)[0][0]
            for column, length in zip(aligned, given):
                if length != usual:
                    self._reject(at, column, "{} item{} as in column {!r}, not {}".format(
                        usual, "" if usual == 1 else "s", aligned[given.index(usual)].name, length))

    def reject(self, bad: np.ndarray, column: Column, expected: str) -> None:
        """Rejects the rows that bad, bool [N], marks."""
        for at in np.flatnonzero(bad):
            self._reject(at, column, expected)

    def _reject(self, at: int, column: Column, expected: str) -> None:
        value = _text(self._array(column.name)[int(at)])
        self.rejects.append(Reject(int(self._rows[at]), column.name, value, expected))

    def reject_items(self, items: Lists, bad: np.ndarray, column: Column, expected: str) -> None:
        """Rejects the rows in whose lists a name stands that bad, bool [D], marks."""
        if bad.any():
            lengths = len(items.row_splits) - 1
            self.reject(items.by_row(np.bincount(items.owners, bad[items.codes], lengths)) > 0, column, expected)


def _with_missing(array: pa.DictionaryArray, missing: bytes) -> Tuple[pa.Array, np.ndarray]:
    """The dictionary's values and each row's index into them; nulls index an added last value."""
    values, indices = array.dictionary, array.indices
    if indices.null_count:
        indices = indices.fill_null(len(values))
        values = pa.concat_arrays([values, pa.array([missing], pa.binary())])
    return values, indices.to_numpy()


def _distinct(array: pa.DictionaryArray) -> Tuple[StringViews, np.ndarray]:
    """The values of a dictionary and each row's index into them; nulls index an empty text."""
    values, index = _with_missing(array, b"")
    return string_views.from_arrow(values), index


def parse_numbers(values: pa.BinaryArray) -> np.ndarray:
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
    if string_views.is_utf8(values):
        return None
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

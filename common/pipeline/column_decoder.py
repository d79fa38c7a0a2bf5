"""The columns of one chunk, decoded as their kinds say, and the rows that cannot be used.

Each distinct value is decoded once, and rows gather it.
"""

import collections
from typing import Dict, List, Optional, Sequence, Tuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy import ndarray

from common.config.schema import Column, Schema
from common.formats import native_columns as compiled
from common.formats import parsing, string_views
from common.formats.chunks import RawColumns, Reject
from common.formats.splits import splits_of
from common.formats.string_views import StringColumn, StringViews
from common.pipeline import list_items, lists
from common.pipeline.lists import Lists

_MAX_FLOAT = np.finfo(np.float32).max


class ColumnDecoder:
    """Decodes the columns of a chunk and collects the rejects among its rows.

    Columns are decoded in C++ where possible. Where that meets a value that is not as it should be,
    the column is decoded once more by NumPy, which finds the value.

    Attributes:
      rejects: the rows that cannot be used, so far.
      size: the number of rows N.
      starts: where the rows of each chunk begin among the N, int [C].
    """

    def __init__(self, columns: RawColumns) -> None:
        self.rejects = list(columns.rejects)
        self.size = len(columns.rows)
        self.starts = np.zeros(1, np.int64) if columns.starts is None else columns.starts
        self._arrays = columns.arrays
        self._rows = columns.rows
        self._dictionaries: Dict[str, pa.Array] = {}
        self._lengths: Dict[str, ndarray] = {}

    def count_by_chunk(self, is_counted: ndarray, splits: Optional[ndarray]) -> Dict[int, int]:
        """How many values of each chunk are counted, by the number of the chunk's first row.

        Args:
          is_counted: bool [V].
          splits: row i has the values splits[i] to before splits[i + 1]; None if row i has value i.
        """
        bounds = np.append(self.starts, self.size)
        if splits is not None:
            bounds = splits[bounds]
        counted_before = splits_of(is_counted)[bounds]
        counts = np.diff(counted_before)
        counted = np.flatnonzero(counts)
        first_rows = self._rows[self.starts[counted]]
        return dict(zip(first_rows.tolist(), counts[counted].tolist()))

    def _array(self, name: str) -> pa.Array:
        """A column as a pyarrow array, its strings dictionary-encoded."""
        array = self._arrays[name]
        if not isinstance(array, StringViews):
            return array
        dictionary = self._dictionaries.get(name)
        if dictionary is None:
            strings = array.to_arrow()
            dictionary = strings.dictionary_encode()
            self._dictionaries[name] = dictionary
        return dictionary

    def native_strings(self, column: Column) -> Optional[StringColumn]:
        """A column's strings for C++; None where NumPy has to decode the column."""
        array = self._arrays[column.name]
        if isinstance(array, StringViews):
            return StringColumn(array, None)
        is_encoded = pa.types.is_dictionary(array.type)
        if compiled.library() is None or not is_encoded:
            return None
        if not string_views.is_utf8(array.dictionary):
            return None
        values, index = parsing.with_missing(array, b"")
        views = string_views.from_arrow(values)
        return StringColumn(views, index)

    def labels(self, column: Column) -> List[ndarray]:
        """The labels that are read from a column, 0 or 1 [N] each; missing ones become rejects."""
        if column.dtype == "int32":
            return [self.integers(column)]
        if column.dtype == "float":
            numbers = self.numbers(column)
            return [numbers >= label.at_least for label in column.outcomes]
        values, index = parsing.with_missing(self._array(column.name), b"")
        is_blank = parsing.is_blank(values)
        self.reject(is_blank[index], column, "a label's text")
        return [_is_any(values, label.positive)[index] for label in column.outcomes]

    def integers(self, column: Column) -> ndarray:
        """A label or identity column as int32 [N]; values out of range become rejects and 0."""
        is_label = column.kind == "label"
        limit = 2 if is_label else column.buckets
        default = b"" if is_label else column.default.encode()
        valid = self._valid_integers(column, limit, default)
        if valid is not None:
            return valid
        array = self._array(column.name)
        integers = parsing.any_integers(array, default)
        bad = (integers < 0) | (integers >= limit)
        expected = "a whole number from 0 to {}".format(limit - 1)
        if is_label:
            expected = "0 or 1"
        self.reject(bad, column, expected)
        usable = np.where(bad, 0, integers)
        return usable.astype(np.int32)

    def _valid_integers(
        self,
        column: Column,
        limit: int,
        default: bytes,
    ) -> Optional[ndarray]:
        """The usual case, in one pass: integers in range and written as usual; else None."""
        strings = self.native_strings(column)
        if strings is None:
            array = self._arrays[column.name]
            return parsing.small_integers(array, limit)
        integers = compiled.integers(strings.values, limit, default)
        if integers is None:
            return None
        return strings.by_row(integers)

    def numbers(self, column: Column) -> ndarray:
        """A column as float64 [N]; what is no finite number becomes a reject and 0."""
        default = float(column.default) if column.kind == "number" else np.nan
        numbers = self._native_numbers(column, default)
        if numbers is None:
            array = self._array(column.name)
            numbers = parsing.any_numbers(array, default)
        return self._finite(numbers, column)

    def _native_numbers(self, column: Column, default: float) -> Optional[ndarray]:
        strings = self.native_strings(column)
        if strings is None:
            return None
        numbers = compiled.numbers(strings.values, default)
        if numbers is None:
            return None
        return strings.by_row(numbers)

    def list_means(self, column: Column) -> ndarray:
        """The means of a column of lists of numbers, float64 [N]."""
        default = float(column.default)
        means = self._native_means(column, default)
        if means is None:
            means = self._means(column, default)
        return self._finite(means, column)

    def _native_means(self, column: Column, default: float) -> Optional[ndarray]:
        strings = self.native_strings(column)
        if strings is None:
            return None
        separator = column.separator.encode()
        means_and_lengths = compiled.list_means(strings.values, separator, default)
        if means_and_lengths is None:
            return None
        means, lengths = means_and_lengths
        self.set_lengths(column, strings.by_row(lengths))
        return strings.by_row(means)

    def _means(self, column: Column, default: float) -> ndarray:
        items = self.lists(column)
        numbers, is_missing = parsing.item_numbers(items.names)
        bad = ~(np.isfinite(numbers) | is_missing)
        self.reject_items(items, bad, column, "finite numbers")
        usable = np.where(bad, np.nan, numbers)
        return lists.mean(items, usable, default)

    def _finite(self, numbers: ndarray, column: Column) -> ndarray:
        with np.errstate(invalid="ignore"):
            is_finite = np.abs(numbers) <= _MAX_FLOAT
        if is_finite.all():
            return numbers
        self.reject(~is_finite, column, "a finite number")
        return np.where(is_finite, numbers, 0.0)

    def strings(self, column: Column) -> Tuple[pa.Array, ndarray]:
        """A string column's distinct values, missing ones replaced, and each row's index."""
        missing = column.default.encode()
        array = self._array(column.name)
        values, index = parsing.with_missing(array, missing)
        lengths = pc.binary_length(values)
        is_empty = pc.equal(lengths, 0)
        replacement = pa.scalar(missing, pa.binary())
        values = pc.if_else(is_empty, replacement, values)
        bad = parsing.not_utf8(values)
        if bad is not None:
            self.reject(bad[index], column, "UTF-8 text")
        return values, index

    def lists(self, column: Column) -> Lists:
        """A column of lists, split and not decoded."""
        array = self._array(column.name)
        if pa.types.is_list(array.type):
            items = self._stored_lists(column)
        else:
            items = self._joined_lists(column)
        self.set_lengths(column, items.lengths)
        return items

    def _stored_lists(self, column: Column) -> Lists:
        array = self._array(column.name)
        default = "" if column.kind == "number" else column.default
        items = list_items.from_arrow(array, default.encode())
        bad = None
        if pa.types.is_binary(items.names.type):
            bad = parsing.not_utf8(items.names)
        if bad is not None:
            self.reject_items(items, bad, column, "UTF-8 text")
        return items

    def _joined_lists(self, column: Column) -> Lists:
        if column.kind == "number":
            column = column._replace(default="")
        values, index = self.strings(column)
        separator = column.separator.encode()
        is_ordered = column.newest > 0
        return list_items.from_text(values, index, separator, keep_runs=is_ordered)

    def set_lengths(self, column: Column, lengths: ndarray) -> None:
        """Says how many items each row of a column of lists has, int [N]."""
        if column.aligned:
            self._lengths[column.name] = lengths

    def check_aligned(self, schema: Schema) -> None:
        """Rejects the rows whose aligned lists differ in length, and names those that are unusual.

        Where the longest list has one item, an empty list in which order does not count holds one
        missing item.
        """
        names = self._lengths.keys()
        aligned = [column for column in schema.columns if column.name in names]
        by_column = [self._lengths[column.name] for column in aligned]
        if _are_equal(by_column):
            return
        lengths = np.stack(by_column, 1)  # [N, lists]
        at_most_one = lengths.max(1) == 1
        is_unordered = [not column.newest for column in aligned]
        lengths[np.ix_(at_most_one, is_unordered)] = 1
        shortest = lengths.min(1)
        longest = lengths.max(1)
        for row in np.flatnonzero(shortest != longest):
            row_lengths = lengths[row].tolist()
            self._reject_unusual(row, aligned, row_lengths)

    def _reject_unusual(
        self,
        row: int,
        aligned: List[Column],
        lengths: List[int],
    ) -> None:
        """Rejects a row for each of its lists that is not as long as most."""
        counts = collections.Counter(lengths)
        (usual, _), = counts.most_common(1)
        first = lengths.index(usual)
        example = aligned[first]
        items = "item" if usual == 1 else "items"
        like = "{} {} as in column {!r}".format(usual, items, example.name)
        for column, length in zip(aligned, lengths):
            if length != usual:
                expected = "{}, not {}".format(like, length)
                self._reject(row, column, expected)

    def reject(self, bad: ndarray, column: Column, expected: str) -> None:
        """Rejects the rows that bad, bool [N], marks."""
        for position in np.flatnonzero(bad):
            self._reject(position, column, expected)

    def _reject(self, position: int, column: Column, expected: str) -> None:
        array = self._array(column.name)
        value = array[int(position)].as_py()
        row = int(self._rows[position])
        shown = parsing.shown(value)
        reject = Reject(row, column.name, shown, expected)
        self.rejects.append(reject)

    def reject_items(
        self,
        items: Lists,
        bad: ndarray,
        column: Column,
        expected: str,
    ) -> None:
        """Rejects the rows whose lists hold a name that bad, bool [D], marks."""
        if bad.any():
            is_bad_item = bad[items.codes]
            num_bad = np.bincount(items.owners, is_bad_item, items.size)
            bad_rows = items.by_row(num_bad) > 0
            self.reject(bad_rows, column, expected)


def _is_any(values: pa.BinaryArray, texts: Sequence[str]) -> ndarray:
    """Which strings are one of some texts, bool [D]."""
    wanted = pa.array([text.encode() for text in texts], pa.binary())
    return np.array(pc.is_in(values, value_set=wanted), bool)


def _are_equal(arrays: Sequence[ndarray]) -> bool:
    for first, second in zip(arrays, arrays[1:]):
        if not np.array_equal(first, second):
            return False
    return True

"""The columns of one chunk, decoded as their kinds say, and the rows that cannot be used.

Each distinct value is decoded once, and rows gather it.
"""

from typing import Any, Dict, Optional, Tuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy import ndarray

from common.config.schema import Column, Schema
from common.formats import native_columns as compiled
from common.formats import parsing, string_views
from common.formats.chunks import RawColumns, Reject
from common.formats.splits import splits_of
from common.formats.string_views import StringColumn, Strings, StringViews
from common.pipeline import alignment, list_items, lists
from common.pipeline.lists import Lists
from common.pipeline.missing_texts import MissingTexts

_NO_TEXTS = MissingTexts(())
_MAX_FLOAT = np.finfo(np.float32).max


class ColumnDecoder:
    """Decodes the columns of a chunk and collects the rejects among its rows.

    Columns are decoded in C++ where possible. Where that meets a value that is not as it should be,
    the column is decoded once more by NumPy, which finds the value.

    Args:
      columns: as a file holds them.
      missing: texts that count as empty values.

    Attributes:
      rejects: the rows that cannot be used, so far.
      size: the number of rows N.
      starts: where the rows of each chunk begin among the N, int [C].
    """

    def __init__(self, columns: RawColumns, missing: MissingTexts = _NO_TEXTS) -> None:
        self.rejects = list(columns.rejects)
        self.size = len(columns.rows)
        self.starts = np.zeros(1, np.int64) if columns.starts is None else columns.starts
        self._missing = missing
        self._given = columns.arrays
        self._arrays: Dict[str, Any] = {}  # of those that were asked for, without missing texts
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

    def _raw(self, column: Column) -> Any:
        """A column as RawColumns has it, with nothing where a text counts as an empty value."""
        name = column.name
        if name not in self._arrays:
            self._arrays[name] = self._missing.blanked(self._given[name], column)
        return self._arrays[name]

    def _array(self, column: Column) -> pa.Array:
        """A column as a pyarrow array, its strings dictionary-encoded."""
        array = self._raw(column)
        if not isinstance(array, StringViews):
            return array
        name = column.name
        dictionary = self._dictionaries.get(name)
        if dictionary is None:
            strings = array.to_arrow()
            dictionary = strings.dictionary_encode()
            self._dictionaries[name] = dictionary
        return dictionary

    def native_strings(self, column: Column, missing: bytes) -> Optional[StringColumn]:
        """A column's strings for C++; None where NumPy has to decode the column.

        Args:
          missing: what an empty string stands for.
        """
        nulls = self._missing.nulls(column)
        array = self._given[column.name] if nulls else self._raw(column)
        if isinstance(array, StringViews):
            return StringColumn(Strings(array, missing, nulls), None)
        is_encoded = pa.types.is_dictionary(array.type)
        if compiled.library() is None or not is_encoded:
            return None
        if not string_views.is_utf8(array.dictionary):
            return None
        values, index = parsing.with_missing(array, b"")
        views = string_views.from_arrow(values)
        return StringColumn(Strings(views, missing, nulls), index)

    def integers(self, column: Column) -> ndarray:
        """A label or identity column as int32 [N]; values out of range become rejects and 0."""
        is_label = column.kind == "label"
        limit = 2 if is_label else column.buckets
        default = b"" if is_label else column.default.encode()
        valid = self._valid_integers(column, limit, default)
        if valid is not None:
            return valid
        array = self._array(column)
        integers = parsing.any_integers(array, default)
        if not is_label:
            integers = self._with_default(integers, int(default))
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
        strings = self.native_strings(column, default)
        if strings is None:
            array = self._raw(column)
            integers = parsing.small_integers(array, limit)
            has_missing = integers is not None and self._missing.is_missing(integers).any()
            return None if has_missing else integers
        integers = compiled.integers(strings.values, limit)
        if integers is None:
            return None
        return strings.by_row(integers)

    def numbers(self, column: Column) -> ndarray:
        """A column as float64 [N]; what is no finite number becomes a reject and 0."""
        default = float(column.default) if column.kind == "number" else np.nan
        numbers = self._native_numbers(column, default)
        if numbers is None:
            array = self._array(column)
            numbers = parsing.any_numbers(array, default)
        numbers = self._with_default(numbers, default)
        return self._finite(numbers, column)

    def _with_default(self, numbers: ndarray, default: float) -> ndarray:
        """Numbers with the default for those that count as missing."""
        if not len(self._missing.numbers):
            return numbers
        return np.where(self._missing.is_missing(numbers), default, numbers)

    def _native_numbers(self, column: Column, default: float) -> Optional[ndarray]:
        strings = self.native_strings(column, b"")
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
        strings = self.native_strings(column, b"")
        if strings is None or len(self._missing.numbers):
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
        is_missing |= self._missing.is_missing(numbers)
        numbers = np.where(is_missing, np.nan, numbers)
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
        array = self._array(column)
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
        array = self._array(column)
        if pa.types.is_list(array.type):
            items = self._stored_lists(column)
        else:
            items = self._joined_lists(column)
        self.set_lengths(column, items.lengths)
        return items

    def _stored_lists(self, column: Column) -> Lists:
        array = self._array(column)
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
        """
        names = self._lengths.keys()
        aligned = [column for column in schema.columns if column.name in names]
        by_column = [self._lengths[column.name] for column in aligned]
        for row, column, expected in alignment.unusual(aligned, by_column):
            self._reject(row, column, expected)

    def reject(self, bad: ndarray, column: Column, expected: str) -> None:
        """Rejects the rows that bad, bool [N], marks."""
        for position in np.flatnonzero(bad):
            self._reject(position, column, expected)

    def _reject(self, position: int, column: Column, expected: str) -> None:
        array = self._given[column.name]
        is_view = isinstance(array, StringViews)
        value = array.value(position) if is_view else array[int(position)].as_py()
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

"""Texts that count as empty values, as `?` or NULL: raw columns with nothing in their place.

What comes after them sees empty values alone, whichever way a file says that there is none.
"""

import re
from typing import Any, List, Optional, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy import ndarray

from common.config.column import Column
from common.formats import native_columns as compiled
from common.formats import parsing, string_views
from common.formats.string_views import StringViews


class MissingTexts:
    """The texts of a schema that count as empty values.

    Args:
      texts: as they stand in a file.

    Attributes:
      numbers: those of them that are numbers, float64; in columns of numbers they count by their
        size, so that -1 is -1.0 too.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = [text.encode() for text in texts]
        self._nulls = compiled.make_nulls(self._texts)
        found = parsing.parse_numbers(pa.array(self._texts, pa.binary()))
        self.numbers = found[np.isfinite(found)]

    def nulls(self, column: Column) -> Optional[compiled.Nulls]:
        """The same for C++; None where none count, or where one holds the separator of lists."""
        separator = column.separator.encode()
        holds_separator = separator and any(separator in text for text in self._texts)
        return None if holds_separator or not self._count_in(column) else self._nulls

    def _count_in(self, column: Column) -> bool:
        is_number = column.dtype == "int32" and column.kind == "label"
        return bool(self._texts) and not is_number

    def blanked(self, array: Any, column: Column) -> Any:
        """A raw column, as RawColumns has it, with empty strings in place of these texts."""
        if not self._count_in(column):
            return array
        if isinstance(array, StringViews):
            return self._blanked_views(array, column.separator.encode())
        if isinstance(array, pa.ListArray):
            return pa.ListArray.from_arrays(array.offsets, self._blanked_array(array.values, b""))
        return self._blanked_array(array, column.separator.encode())

    def is_missing(self, numbers: ndarray) -> ndarray:
        """Which numbers stand for no value, bool [N]."""
        return np.isin(numbers, self.numbers)

    def _blanked_array(self, array: pa.Array, separator: bytes) -> pa.Array:
        """The same of strings, dictionary-encoded; numbers are left as they are."""
        if not pa.types.is_dictionary(array.type):
            return array
        values = self._blanked_strings(array.dictionary, separator)
        return pa.DictionaryArray.from_arrays(array.indices, values)

    def _blanked_strings(self, values: pa.BinaryArray, separator: bytes) -> pa.BinaryArray:
        """Strings without these texts; without a separator, a string is one of them as a whole."""
        if not separator:
            is_missing = pc.is_in(values, value_set=pa.array(self._texts, pa.binary()))
            return pc.if_else(is_missing, pa.scalar(b"", pa.binary()), values)
        pattern = item_pattern([text.decode() for text in self._texts], separator.decode())
        for _ in range(2):  # the separator between two of them belongs to the first one's match
            values = pc.replace_substring_regex(values, pattern, r"\1\2")
        return values

    def _blanked_views(self, views: StringViews, separator: bytes) -> StringViews:
        if separator:
            return string_views.from_arrow(self._blanked_strings(views.to_arrow(), separator))
        for text in self._texts:
            views = views._replace(ends=np.where(_equals(views, text), views.starts, views.ends))
        return views


def item_pattern(texts: Sequence[str], separator: str) -> str:
    """A regular expression of an item that is one of some texts, whose groups surround it."""
    divider = re.escape(separator)
    items: List[str] = [re.escape(text) for text in texts]
    return "(^|{0})(?:{1})({0}|$)".format(divider, "|".join(items))


def _equals(views: StringViews, text: bytes) -> ndarray:
    """Which strings are a text, bool [N]."""
    found = views.ends - views.starts == len(text)
    candidates = _places(found)
    for place, byte in enumerate(text):
        is_same = views.data[views.starts[candidates] + place] == byte
        found[candidates[~is_same]] = False
        candidates = candidates[is_same]
    return found


def _places(is_chosen: ndarray) -> ndarray:
    """The indices of what is chosen, int64; there are few, or none, which is soon seen."""
    if not is_chosen.any():
        return np.zeros(0, np.int64)
    return np.flatnonzero(is_chosen)

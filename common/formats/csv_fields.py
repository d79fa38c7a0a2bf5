"""The fields of a chunk of text, where they lie, and columns of them."""

from typing import Dict, Iterator, NamedTuple, Optional, Sequence, Tuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy import ndarray

from common.formats import native_lines, parsing
from common.formats.splits import starts_after
from common.formats.string_views import StringViews, is_utf8_text, split_at, without_last

_NEWLINE = ord("\n")
_RETURN = ord("\r")


class Fields(NamedTuple):
    """The fields of whole lines.

    Attributes:
      data: the text.
      ends: where each field ends, int [F].
      first, last: the indices of each line's first and last field, int [L].
    """

    data: bytes
    ends: ndarray
    first: ndarray
    last: ndarray

    @property
    def content(self) -> ndarray:
        """The text, uint8."""
        return np.frombuffer(self.data, np.uint8)

    @property
    def num_fields(self) -> ndarray:
        """How many fields each line has, int [L]."""
        return self.last - self.first + 1

    def text(self, low: int, high: int) -> bytes:
        """The fields low to high of one line."""
        start = 0
        if low:
            start = self.ends[low - 1] + 1
        end = self.ends[high]
        return self.data[start:end]

    def shown(self, low: int, high: int) -> str:
        """The fields low to high of one line as a message shows them, at most 80 characters."""
        text = self.text(low, high)
        return parsing.shown(text)


def split(data: bytes, delimiter: str) -> Fields:
    """Splits text, of which each line has its end."""
    ends, last = _split(data, delimiter)
    first = starts_after(last)
    return Fields(data, ends, first, last)


def _split(data: bytes, delimiter: str) -> Tuple[ndarray, ndarray]:
    """Where each field ends, and the index of each line's last field, int."""
    content = np.frombuffer(data, np.uint8)
    ends_and_last = native_lines.split(content, delimiter.encode())
    if ends_and_last is not None:
        return ends_and_last
    is_newline = content == _NEWLINE
    is_delimiter = content == ord(delimiter)
    ends = np.flatnonzero(is_delimiter | is_newline)
    last = np.flatnonzero(is_newline[ends])
    return ends, last


def stray_returns(fields: Fields) -> Iterator[Tuple[int, int]]:
    """Each line with a '\\r' elsewhere than at its end, and its first field with one, as indices.

    TextLineDataset drops every '\\r', so with it (--tf) such a field would be another one.
    """
    if b"\r" not in fields.data:
        return
    content = fields.content
    is_return = content[:-1] == _RETURN
    returns = np.flatnonzero(is_return)
    following = content[returns + 1]
    strays = returns[following != _NEWLINE]
    stray_fields = np.searchsorted(fields.ends, strays)
    stray_lines = np.searchsorted(fields.last, stray_fields)
    lines, positions = np.unique(stray_lines, return_index=True)
    first_fields = stray_fields[positions]
    yield from zip(lines, first_fields)


def plain_views(
    data: bytes,
    delimiter: str,
    columns: Sequence[str],
    names: Sequence[str],
    num_lines: int,
) -> Optional[Dict[str, StringViews]]:
    """The named columns of text, where they lie, in one pass by C++.

    Args:
      columns: of the lines.
      num_lines: how many there are; each has its end.

    Returns:
      None where something is to be said of a line, where text is not UTF-8, or without a native
      library: then Table has the columns.
    """
    places = [columns.index(name) for name in names]
    found = native_lines.fields(data, delimiter.encode(), len(columns), places, num_lines)
    if found is None:
        return None
    starts, ends, is_ascii = found
    if not is_ascii and not is_utf8_text(data):
        return None
    content = np.frombuffer(data, np.uint8)
    views = [StringViews(content, *bounds) for bounds in zip(starts, ends)]
    return dict(zip(names, views))


class Table(NamedTuple):
    """The lines of text that have one field for each column.

    Attributes:
      fields: of all lines.
      first: the indices of the first fields of the lines that count, int [N].
      columns: the names of the columns.
    """

    fields: Fields
    first: ndarray
    columns: Sequence[str]

    def views(self, names: Sequence[str]) -> Dict[str, StringViews]:
        """The named columns, where they lie."""
        columns = {}
        for name, position in self._positions(names).items():
            columns[name] = self._view(position)
        return columns

    def dictionaries(self, names: Sequence[str]) -> Dict[str, pa.DictionaryArray]:
        """The named columns, dictionary-encoded."""
        pieces = split_at(self.fields.data, self.fields.ends)
        columns = {}
        for name, position in self._positions(names).items():
            columns[name] = self._dictionary(pieces, position)
        return columns

    def _positions(self, names: Sequence[str]) -> Dict[str, int]:
        width = len(self.columns)
        positions = dict(zip(self.columns, range(width)))
        return {name: positions[name] for name in names}

    def _is_last(self, position: int) -> bool:
        width = len(self.columns)
        return position == width - 1

    def _view(self, position: int) -> StringViews:
        ends = self.fields.ends
        positions = self.first + position
        starts = _starts(ends, positions)
        stops = ends[positions]
        content = self.fields.content
        if self._is_last(position):  # a line may end in \r\n
            ends_in_return = content[stops - 1] == _RETURN
            is_filled = stops > starts
            stops -= is_filled & ends_in_return
        return StringViews(content, starts, stops)

    def _dictionary(self, pieces: pa.BinaryArray, position: int) -> pa.DictionaryArray:
        """A column of pieces that still have their separators."""
        positions = pa.array(self.first + position)
        chosen = pieces.take(positions)
        column = chosen.dictionary_encode()
        values = without_last(column.dictionary)
        if self._is_last(position):  # a line may end in \r\n
            ends_in_return = pc.ends_with(values, "\r")
            shortened = without_last(values)
            values = pc.if_else(ends_in_return, shortened, values)
        return pa.DictionaryArray.from_arrays(column.indices, values)


def _starts(ends: ndarray, positions: ndarray) -> ndarray:
    """Where some fields begin, one behind the end of the field before, int32."""
    behind_previous = ends[positions - 1] + 1
    starts = np.where(positions > 0, behind_previous, 0)
    return starts.astype(np.int32)

"""The fields of a chunk of text, where they lie, and columns of them."""

from typing import Dict, Iterator, NamedTuple, Sequence, Tuple, Union

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy import ndarray

from common.pipeline import native_columns as compiled
from common.pipeline import parsing
from common.pipeline.splits import starts_after
from common.pipeline.string_views import StringViews, split_at, without_last

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

    def shown(self, low: int, high: int) -> str:
        """The fields low to high of one line as a message shows them, at most 80 characters."""
        start = self.ends[low - 1] + 1 if low else 0
        end = self.ends[high]
        return parsing.shown(self.data[start:end])


def split(data: bytes, delimiter: str) -> Fields:
    """Splits text, of which each line has its end."""
    ends, last = _split(data, delimiter)
    first = starts_after(last)
    return Fields(data, ends, first, last)


def _split(data: bytes, delimiter: str) -> Tuple[ndarray, ndarray]:
    """Where each field ends, and the index of each line's last field, int."""
    content = np.frombuffer(data, np.uint8)
    ends_and_last = compiled.split(content, delimiter.encode())
    if ends_and_last is not None:
        return ends_and_last
    is_newline = content == _NEWLINE
    is_end = (content == ord(delimiter)) | is_newline
    ends = np.flatnonzero(is_end)
    return ends, np.flatnonzero(is_newline[ends])


def stray_returns(fields: Fields) -> Iterator[Tuple[int, int]]:
    """Each line with a '\\r' elsewhere than at its end, and its first field with one, as indices.

    TextLineDataset drops every '\\r', so with it (--tf) such a field would be another one.
    """
    if b"\r" not in fields.data:
        return
    content = fields.content
    returns = np.flatnonzero(content[:-1] == _RETURN)
    is_stray = content[returns + 1] != _NEWLINE
    stray_fields = np.searchsorted(fields.ends, returns[is_stray])
    stray_lines = np.searchsorted(fields.last, stray_fields)
    lines, positions = np.unique(stray_lines, return_index=True)
    yield from zip(lines, stray_fields[positions])


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
        return {name: self._view(position) for position, name in self._positions(names)}

    def dictionaries(self, names: Sequence[str]) -> Dict[str, pa.DictionaryArray]:
        """The named columns, dictionary-encoded."""
        pieces = split_at(self.fields.data, self.fields.ends)
        positions = self._positions(names)
        return {name: self._dictionary(pieces, position) for position, name in positions}

    def _positions(self, names: Sequence[str]) -> Sequence[Tuple[int, str]]:
        numbered = enumerate(self.columns)
        return [(position, name) for position, name in numbered if name in names]

    def _is_last(self, position: int) -> bool:
        return position == len(self.columns) - 1

    def _view(self, position: int) -> StringViews:
        ends = self.fields.ends
        width = len(self.columns)
        is_whole = len(ends) == len(self.first) * width  # no line was left out: a stride will do
        fields = slice(position, None, width) if is_whole else self.first + position
        content = self.fields.content
        starts = _starts(ends, fields)
        stops = np.ascontiguousarray(ends[fields])
        if self._is_last(position):  # a line may end in \r\n
            ends_in_return = content[stops - 1] == _RETURN
            stops -= (stops > starts) & ends_in_return
        return StringViews(content, starts, stops)

    def _dictionary(self, pieces: pa.BinaryArray, position: int) -> pa.DictionaryArray:
        """A column of pieces that still have their separators."""
        chosen = pieces.take(pa.array(self.first + position))
        column = chosen.dictionary_encode()
        values = without_last(column.dictionary)
        if self._is_last(position):  # a line may end in \r\n
            ends_in_return = pc.ends_with(values, "\r")
            values = pc.if_else(ends_in_return, without_last(values), values)
        return pa.DictionaryArray.from_arrays(column.indices, values)


def _starts(ends: ndarray, fields: Union[slice, ndarray]) -> ndarray:
    """Where some fields begin, one behind the end of the field before, int32."""
    if not isinstance(fields, slice):
        behind_previous = ends[fields - 1] + 1
        starts = np.where(fields > 0, behind_previous, 0)
        return starts.astype(np.int32)
    size = len(ends[fields])
    if fields.start:
        previous = ends[fields.start - 1::fields.step]
        return previous[:size] + np.int32(1)
    starts = np.zeros(size, np.int32)
    starts[1:] = ends[fields.step - 1:-1:fields.step] + 1
    return starts

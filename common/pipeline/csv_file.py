"""CSV files as chunks of columns; nothing here loads a whole file.

A chunk is a range of bytes that ends at a line's end.
"""

import os
from typing import Dict, Iterator, List, NamedTuple, Sequence, Tuple, Union

import numpy as np
import pyarrow as pa
import pyarrow.compute

from common.config.schema import Schema
from common.errors import BadInput
from common.pipeline import native_columns as compiled
from common.pipeline.chunks import Chunk, RawColumns, Reject
from common.pipeline.string_views import StringViews, is_utf8, split_at, without_last

CHUNK_ROWS = 16384
_SCAN_BYTES = 1 << 24
_MAX_CHUNK_BYTES = 1 << 30


class CsvFile(NamedTuple):
    """A text file without header and without quoting, one row a line."""

    path: str
    schema: Schema
    chunks: List[Chunk]

    def read(self, chunk: Chunk, names: Sequence[str], as_views: bool = False) -> RawColumns:
        """Reads the named columns of one chunk; lines of other widths or with a '\\r' within become rejects.

        Args:
          as_views: leave the columns where they lie in the file, if all of it is UTF-8.
        """
        data = self._content(chunk)
        ends, lines = _split(data, self.schema.delimiter)
        first = np.concatenate([[0], lines[:-1] + 1])
        num_columns = len(self.schema.columns)
        good = lines - first == num_columns - 1
        rejects = [Reject(chunk.first_row + int(line), "", _text(data, ends, first[line], lines[line]),
                          "{} columns, not {}".format(num_columns, lines[line] - first[line] + 1))
                   for line in np.flatnonzero(~good)]
        for line, field in _stray_returns(data, ends, lines):
            if good[line]:
                good[line] = False
                rejects.append(Reject(chunk.first_row + int(line), self.schema.columns[field - first[line]].name,
                                      _text(data, ends, field, field), "text without '\\r'"))
        as_views = as_views and compiled.library() is not None and _is_utf8(data)
        columns = (_text_columns if as_views else _encoded_columns)(data, ends, first[good], self.schema, names)
        return RawColumns(columns, chunk.first_row + np.flatnonzero(good).astype(np.int64), rejects)

    def _content(self, chunk: Chunk) -> bytes:
        if chunk.size > _MAX_CHUNK_BYTES:
            raise BadInput("{}, lines {} to {}: they have {} bytes, too many to be rows of {}. Is it another file?"
                           .format(self.path, chunk.first_row + 1, chunk.first_row + chunk.num_rows, chunk.size,
                                   self.schema.name))
        with open(self.path, "rb") as file:
            file.seek(chunk.start)
            data = file.read(chunk.size)
        return data if data.endswith(b"\n") else data + b"\n"


def open_csv(path: str, schema: Schema) -> CsvFile:
    """Opens a file and finds its chunks, in one buffered pass."""
    return CsvFile(path, schema, _chunks(path))


def _chunks(path: str) -> List[Chunk]:
    """Cuts a CSV file into chunks of CHUNK_ROWS lines; blank lines at its end do not count."""
    end = _content_end(path)
    chunks: List[Chunk] = []
    start = lines = first_row = offset = 0
    with open(path, "rb") as file:
        while offset < end:
            data = file.read(min(_SCAN_BYTES, end - offset))
            newlines = np.flatnonzero(np.frombuffer(data, np.uint8) == ord("\n"))
            for cut in newlines[CHUNK_ROWS - lines - 1::CHUNK_ROWS]:
                chunks.append(Chunk(first_row, CHUNK_ROWS, start, offset + int(cut) + 1 - start))
                start, first_row = offset + int(cut) + 1, first_row + CHUNK_ROWS
            lines = (lines + len(newlines)) % CHUNK_ROWS
            offset += len(data)
    if start < end:
        chunks.append(Chunk(first_row, lines + 1, start, end - start))
    return chunks


def _content_end(path: str) -> int:
    """The position behind the last byte of a file that is no line end."""
    end = os.path.getsize(path)
    with open(path, "rb") as file:
        while end > 0:
            begin = max(0, end - 4096)
            file.seek(begin)
            content = file.read(end - begin).rstrip(b"\r\n")
            if content:
                return begin + len(content)
            end = begin
    return 0


def _stray_returns(data: bytes, ends: np.ndarray, lines: np.ndarray) -> Iterator[Tuple[int, int]]:
    """Each line that has a '\\r' elsewhere than at its end, and the first of its fields with one, as indices.

    TextLineDataset drops every '\\r', so with it (--tf) such a field would be another one.
    """
    if b"\r" in data:
        content = np.frombuffer(data, np.uint8)
        at = np.flatnonzero(content[:-1] == ord("\r"))
        fields = np.searchsorted(ends, at[content[at + 1] != ord("\n")])
        found, first = np.unique(np.searchsorted(lines, fields), return_index=True)
        yield from zip(found, fields[first])


def _text(data: bytes, ends: np.ndarray, low: int, high: int) -> str:
    """The fields low to high as a message shows them, at most 80 characters."""
    text = data[ends[low - 1] + 1 if low else 0:ends[high]].decode("utf-8", "backslashreplace")
    return text if len(text) <= 80 else text[:77] + "..."


def _split(data: bytes, delimiter: str) -> Tuple[np.ndarray, np.ndarray]:
    """Where each field ends, and the index of each line's last field, int."""
    content = np.frombuffer(data, np.uint8)
    found = compiled.split(content, delimiter.encode())
    if found is not None:
        return found
    ends = np.flatnonzero((content == ord(delimiter)) | (content == ord("\n")))
    return ends, np.flatnonzero(content[ends] == ord("\n"))


def _is_utf8(data: bytes) -> bool:
    offsets = pa.py_buffer(np.array([0, len(data)], np.int32))
    return is_utf8(pa.Array.from_buffers(pa.binary(), 1, [None, offsets, pa.py_buffer(data)]))


def _text_columns(data: bytes, ends: np.ndarray, first: np.ndarray, schema: Schema,
                  names: Sequence[str]) -> Dict[str, StringViews]:
    """The named columns of the rows whose first fields are given, where they lie."""
    content = np.frombuffer(data, np.uint8)
    whole = len(ends) == len(first) * len(schema.columns)  # no row was left out, so the fields are a table
    columns = {}
    for position, column in enumerate(schema.columns):
        if column.name in names:
            at = slice(position, None, len(schema.columns)) if whole else first + position
            starts, stops = _starts(ends, at), np.ascontiguousarray(ends[at])
            if position == len(schema.columns) - 1:  # a line may end in \r\n
                stops -= (stops > starts) & (content[stops - 1] == ord("\r"))
            columns[column.name] = StringViews(content, starts, stops)
    return columns


def _starts(ends: np.ndarray, at: Union[slice, np.ndarray]) -> np.ndarray:
    """Where the fields that `at` picks begin, one behind the end of the field before, int32."""
    if not isinstance(at, slice):
        return np.where(at > 0, ends[at - 1] + 1, 0).astype(np.int32)
    if at.start:
        return ends[at.start - 1::at.step][:len(ends[at])] + np.int32(1)
    return np.concatenate([[0], ends[at.step - 1:-1:at.step] + 1]).astype(np.int32)


def _encoded_columns(data: bytes, ends: np.ndarray, first: np.ndarray, schema: Schema,
                     names: Sequence[str]) -> Dict[str, pa.Array]:
    """The named columns of the rows whose first fields are given, dictionary-encoded."""
    fields = split_at(data, ends)
    position = {column.name: i for i, column in enumerate(schema.columns)}
    last = len(position) - 1
    return {name: _encoded_column(fields, first + position[name], position[name] == last) for name in names}


def _encoded_column(fields: pa.BinaryArray, index: np.ndarray, is_last: bool) -> pa.DictionaryArray:
    """The given fields, dictionary-encoded and without their separators."""
    column = fields.take(pa.array(index)).dictionary_encode()
    values = without_last(column.dictionary)
    if is_last:  # a line may end in \r\n
        values = pa.compute.if_else(pa.compute.ends_with(values, "\r"), without_last(values), values)
    return pa.DictionaryArray.from_arrays(column.indices, values)

"""CSV files as chunks of columns; nothing here loads a whole file.

A chunk is a range of bytes that ends at a line's end.
"""

from typing import List, NamedTuple, Sequence

import numpy as np

from common.config.schema import Schema
from common.errors import BadInput
from common.pipeline import csv_fields, location
from common.pipeline import native_columns as compiled
from common.pipeline.chunks import Chunk, RawColumns, Reject
from common.pipeline.csv_fields import Fields, Table
from common.pipeline.string_views import is_utf8_text

CHUNK_ROWS = 16384
_SCAN_BYTES = 1 << 24
_MAX_CHUNK_BYTES = 1 << 30
_TAIL_BYTES = 4096


class CsvFile(NamedTuple):
    """A text file without header and without quoting, one row a line."""

    path: str
    schema: Schema
    chunks: List[Chunk]

    def read(
        self,
        chunk: Chunk,
        names: Sequence[str],
        as_views: bool = False,
    ) -> RawColumns:
        """Reads some columns of one chunk.

        Lines with another number of fields, or with a '\\r' within, become rejects.

        Args:
          as_views: leave the columns where they lie in the text, if all of it is UTF-8.
        """
        data = self._read_bytes(chunk)
        fields = csv_fields.split(data, self.schema.delimiter)
        num_columns = len(self.schema.columns)
        is_good = fields.num_fields == num_columns
        rejects = self._wrong_widths(chunk, fields, is_good)
        rejects += self._stray_returns(chunk, fields, is_good)
        first_fields = fields.first[is_good]
        table = Table(fields, first_fields, self._names)
        can_view = as_views and compiled.library() is not None
        if can_view and is_utf8_text(data):
            arrays = table.views(names)
        else:
            arrays = table.dictionaries(names)
        good_lines = np.flatnonzero(is_good)
        rows = good_lines.astype(np.int64)
        rows += chunk.first_row
        return RawColumns(arrays, rows, rejects)

    @property
    def _names(self) -> List[str]:
        return [column.name for column in self.schema.columns]

    def _read_bytes(self, chunk: Chunk) -> bytes:
        """The text of a chunk, with an end to its last line."""
        if chunk.size > _MAX_CHUNK_BYTES:
            message = ("{}, lines {} to {}: they have {} bytes, too many to be rows of {}. "
                       "Is it another file?")
            raise BadInput(message.format(
                self.path,
                chunk.first_row + 1,
                chunk.first_row + chunk.num_rows,
                chunk.size,
                self.schema.name,
            ))
        with location.open_binary(self.path) as file:
            file.seek(chunk.start)
            data = file.read(chunk.size)
        if not data.endswith(b"\n"):
            data += b"\n"
        return data

    def _wrong_widths(
        self,
        chunk: Chunk,
        fields: Fields,
        is_good: np.ndarray,
    ) -> List[Reject]:
        """The lines that have another number of fields."""
        num_columns = len(self.schema.columns)
        widths = fields.num_fields
        rejects = []
        for line in np.flatnonzero(~is_good):
            row = chunk.first_row + int(line)
            shown = fields.shown(fields.first[line], fields.last[line])
            expected = "{} columns, not {}".format(num_columns, widths[line])
            reject = Reject(row, "", shown, expected)
            rejects.append(reject)
        return rejects

    def _stray_returns(
        self,
        chunk: Chunk,
        fields: Fields,
        is_good: np.ndarray,
    ) -> List[Reject]:
        """The lines with a '\\r' within; they are no longer good."""
        rejects = []
        for line, field in csv_fields.stray_returns(fields):
            if is_good[line]:
                is_good[line] = False
                position = field - fields.first[line]
                row = chunk.first_row + int(line)
                shown = fields.shown(field, field)
                name = self._names[position]
                reject = Reject(row, name, shown, "text without '\\r'")
                rejects.append(reject)
        return rejects


def open_csv(path: str, schema: Schema) -> CsvFile:
    """Opens a file and finds its chunks, in one buffered pass."""
    return CsvFile(path, schema, _chunks(path))


def _chunks(path: str) -> List[Chunk]:
    """Cuts a CSV file into chunks of CHUNK_ROWS lines; blank lines at its end do not count."""
    end = _content_end(path)
    chunks: List[Chunk] = []
    start = lines = offset = 0
    with location.open_binary(path) as file:
        while offset < end:
            size = min(_SCAN_BYTES, end - offset)
            data = file.read(size)
            content = np.frombuffer(data, np.uint8)
            newlines = np.flatnonzero(content == ord("\n"))
            missing = CHUNK_ROWS - lines
            for cut in newlines[missing - 1::CHUNK_ROWS]:
                next_start = offset + int(cut) + 1
                num_bytes = next_start - start
                chunk = Chunk(_next_row(chunks), CHUNK_ROWS, start, num_bytes)
                chunks.append(chunk)
                start = next_start
            lines = (lines + len(newlines)) % CHUNK_ROWS
            offset += len(data)
    if start < end:
        last_chunk = Chunk(_next_row(chunks), lines + 1, start, end - start)
        chunks.append(last_chunk)
    return chunks


def _next_row(chunks: List[Chunk]) -> int:
    """The number of the row behind the last chunk."""
    if not chunks:
        return 0
    last = chunks[-1]
    return last.first_row + last.num_rows


def _content_end(path: str) -> int:
    """The position behind the last byte of a file that is no line end."""
    end = location.num_bytes(path)
    with location.open_binary(path) as file:
        while end > 0:
            begin = max(0, end - _TAIL_BYTES)
            file.seek(begin)
            tail = file.read(end - begin)
            content = tail.rstrip(b"\r\n")
            if content:
                return begin + len(content)
            end = begin
    return 0

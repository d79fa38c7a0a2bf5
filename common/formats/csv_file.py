"""Text files as chunks of columns; nothing here loads a whole file.

A chunk is a range of bytes that ends at a line's end.
"""

import threading
from typing import Iterator, List, Optional, Sequence

import numpy as np

from common.config.schema import Schema
from common.counts import counted
from common.errors import BadInput
from common.formats import csv_fields, csv_layout, line_chunks
from common.formats import native_columns as compiled
from common.formats import parsing
from common.formats.chunks import Chunk, RawColumns, Reject
from common.formats.column_names import ColumnNames
from common.formats.csv_fields import Fields, Table
from common.formats.csv_layout import Layout
from common.formats.string_views import is_utf8_text
from common.formats.text_bytes import TextBytes
from common.places import location

CHUNK_ROWS = 16384
_MAX_CHUNK_BYTES = 1 << 30


class CsvFile:
    """A text file without quoting, one row a line, compressed or not.

    It is read when something is asked for, no more of it than that takes. Threads may share it.

    Args:
      path: the file's.
      schema: its columns.
      header: finds the columns in its first line; None where it has the schema's in their order.
      elsewhere: columns that the header need not name, as their values come from elsewhere.

    Attributes:
      text: its bytes, unpacked.
    """

    def __init__(
        self,
        path: str,
        schema: Schema,
        header: Optional[ColumnNames] = None,
        elsewhere: Sequence[str] = (),
    ) -> None:
        self.path = path
        self.schema = schema
        self.text = TextBytes(path, location.opened_stamp(path))
        self._header = header
        self._elsewhere = elsewhere
        self._layout: Optional[Layout] = None
        self._chunks: Optional[List[Chunk]] = None
        self._lock = threading.Lock()

    @property
    def layout(self) -> Layout:
        """Its columns and where its rows begin, from its first lines.

        Raises:
          BadInput: it is no text of these columns.
        """
        if self._layout is None:
            self._layout = csv_layout.find(
                self.text, self.schema, self._header, self._elsewhere)
        return self._layout

    @property
    def columns(self) -> List[str]:
        """The columns of its lines, as its layout has them."""
        return self.layout.columns

    @property
    def chunks(self) -> List[Chunk]:
        """All of it in chunks, for which its lines are counted, once."""
        with self._lock:
            if self._chunks is None:
                self._chunks = list(self._cut())
            return self._chunks

    @property
    def first_chunk(self) -> Optional[Chunk]:
        """The first of its chunks, without counting all lines; None where it has no rows."""
        if self._chunks is not None:
            return next(iter(self._chunks), None)
        return next(self._cut(), None)

    def _cut(self) -> Iterator[Chunk]:
        return line_chunks.cut(self.text, self.layout.start, CHUNK_ROWS)

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

        Raises:
          BadInput: the file changed since it was opened, or cannot be unpacked; its header does not
            name one of the columns, which may be so if it is unused.
        """
        self._check_named(names)
        data = self._read_bytes(chunk)
        if as_views:
            views = csv_fields.plain_views(
                data, self.schema.delimiter, self.layout.columns, names, chunk.num_rows)
            if views is not None:
                rows = np.arange(chunk.first_row, chunk.first_row + chunk.num_rows)
                return RawColumns(views, rows, [])
        return self._read_any(chunk, data, names, as_views)

    def _read_any(
        self,
        chunk: Chunk,
        data: bytes,
        names: Sequence[str],
        as_views: bool,
    ) -> RawColumns:
        """Columns of text in which something may be to be said of a line."""
        fields = csv_fields.split(data, self.schema.delimiter)
        is_good = fields.num_fields == self._width
        rejects = self._wrong_widths(chunk, fields, is_good)
        rejects += self._stray_returns(chunk, fields, is_good)
        first_fields = fields.first[is_good]
        table = Table(fields, first_fields, self.layout.columns)
        can_view = as_views and compiled.library() is not None
        if can_view and is_utf8_text(data):
            arrays = table.views(names)
        else:
            arrays = table.dictionaries(names)
        good_lines = np.flatnonzero(is_good)
        rows = good_lines.astype(np.int64)
        rows += chunk.first_row
        return RawColumns(arrays, rows, rejects)

    def fetch(self, chunk: Chunk, names: Sequence[str]) -> RawColumns:
        """Reads some columns of one chunk, left where they lie in the text if all of it is UTF-8.

        Raises:
          BadInput: as `read`.
        """
        return self.read(chunk, names, as_views=True)

    def close(self) -> None:
        """Gives up the unpacked text of a compressed file until it is read again."""
        self.text.close()

    def _check_named(self, names: Sequence[str]) -> None:
        columns = self.layout.columns
        for name in names:
            if name not in columns:
                message = "{}: column {!r} is missing. Add it, or leave it out of the schema."
                raise BadInput(message.format(self.path, name))

    @property
    def _width(self) -> int:
        return len(self.layout.columns)

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
        data = self.text.read(chunk.start, chunk.size)
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
        widths = fields.num_fields
        rejects = []
        for line in np.flatnonzero(~is_good):
            row = chunk.first_row + int(line)
            text = fields.text(fields.first[line], fields.last[line])
            expected = "{}, not {}".format(counted(self._width, "column"), widths[line])
            if widths[line] == self._width + len(self._elsewhere):
                expected += " (its folders name {})".format(", ".join(self._elsewhere))
            if b'"' in text:
                expected += (" (quotes are read as they are and hold no field together: of text "
                             "with a header, data/schema.py convert makes Parquet)")
            reject = Reject(row, "", parsing.shown(text), expected)
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
                name = self.layout.columns[position]
                reject = Reject(row, name, shown, "text without '\\r'")
                rejects.append(reject)
        return rejects


def open_csv(
    path: str,
    schema: Schema,
    header: Optional[ColumnNames] = None,
    elsewhere: Sequence[str] = (),
) -> CsvFile:
    """Opens a file; its arguments are those of CsvFile, which reads it as it is needed."""
    return CsvFile(path, schema, header, elsewhere)

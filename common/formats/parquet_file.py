"""Parquet files as chunks of columns; nothing here loads a whole file.

A chunk is a row group.
"""

import threading
from typing import Dict, List, Optional, Sequence

import pyarrow as pa
import pyarrow.parquet

from common.config.schema import Schema
from common.errors import BadInput, in_one_line
from common.formats import parquet_damage, parquet_footer, unchanged
from common.formats.chunks import Chunk, RawColumns
from common.formats.column_names import ColumnNames
from common.formats.parquet_columns import RowGroup
from common.formats.parquet_footer import ENCRYPTED_MAGIC, MAGIC, Footer, NotParquet
from common.formats.parquet_reader import Columns, ParquetReader
from common.formats.parquet_types import Layout, Layouts, Place
from common.naming import row_files
from common.places import location
from common.places.location import Stamp

_ERRORS = (pa.ArrowException, OSError)
_KEPT_BYTES = 1 << 16  # of a footer, of each file that was opened


class ParquetFile:
    """A Parquet file with the schema's columns, in any order.

    It is opened at the first read, and again after close(), which leaves the bytes of its footer if
    they are few: those of thousands of files would fill the memory.
    Threads may read it at the same time.

    Attributes:
      path: the file's.
      schema: the columns.
      chunks: its row groups that have rows.
      columns: the names of the schema's columns that it has.
    """

    def __init__(
        self,
        path: str,
        schema: Schema,
        stamp: Stamp,
        content: bytes,
        footer: Footer,
        layouts: Layouts,
        layout: Layout,
    ) -> None:
        self.path = path
        self.schema = schema
        self.chunks = _chunks(footer.metadata)
        self.columns = list(layout)
        self._stamp = stamp
        self._content = content if len(content) <= _KEPT_BYTES else None
        self._footer: Optional[Footer] = footer
        self._layouts = layouts
        self._layout = layout
        self._reader: Optional[ParquetReader] = None
        self._lock = threading.Lock()

    def read(self, chunk: Chunk, names: Sequence[str], as_views: bool = False) -> RawColumns:
        """Reads some columns of one row group.

        Args:
          as_views: leave strings that are not read as a dictionary where they lie, if they are
            UTF-8.

        Raises:
          BadInput: as `fetch`, or a list column holds printed lists.
        """
        return self.fetch(chunk, names).raw_columns(as_views)

    def fetch(self, chunk: Chunk, names: Sequence[str]) -> RowGroup:
        """Reads some columns of one row group as pyarrow gives them.

        Raises:
          BadInput: the data are damaged, or written in a way that pyarrow cannot read; the file
            changed since it was opened; an unused column is missing or cannot be read as text.
        """
        places = [self._place(name) for name in names]
        columns = self._read_columns(chunk, places)
        if self.chunks and chunk == self.chunks[0]:
            self._layouts.warn_of_nulls(self.path, places, columns)
        return RowGroup(self.path, chunk, places, columns)

    def fetch_stored(self, chunk: Chunk, names: Sequence[str]) -> Dict[str, pa.ChunkedArray]:
        """Some columns of one row group in the types that the file has for them.

        Raises:
          BadInput: as `fetch`, but for types that no schema's column can have.
        """
        places = [self._find(name) for name in names]
        columns = self._read_columns(chunk, places)
        stored = {}
        for place in places:
            kind = place.kind.value_type if pa.types.is_dictionary(place.kind) else place.kind
            stored[place.column.name] = columns[place.column.name].cast(kind)
        return stored

    def close(self) -> None:
        """Closes the file until it is read again, as soon as no thread is reading it."""
        with self._lock:
            self._footer = None
            self._reader = None  # a thread that reads holds it until it is done

    def _place(self, name: str) -> Place:
        place = self._find(name)
        if place.misfit:
            created_by = self._open().metadata.created_by
            raise BadInput(place.misfit.message(self.path, created_by))
        return place

    def _find(self, name: str) -> Place:
        place = self._layout.get(name)
        if place is None:
            message = "{}: column {!r} is missing. Add it, or leave it out of the schema."
            raise BadInput(message.format(self.path, name))
        return place

    def _read_columns(self, chunk: Chunk, places: Sequence[Place]) -> Columns:
        try:
            with unchanged.reading(self.path, self._stamp):
                return self._open().read(chunk.start, places)
        except _ERRORS as error:
            if getattr(error, "errno", None):  # of the system, not of what the file holds
                raise BadInput("{}: it cannot be read ({}).".format(self.path, in_one_line(error)))
            reason = parquet_damage.reason(self._open(), chunk.start, places, error)
            last_row = chunk.first_row + chunk.num_rows
            message = "{}, rows {} to {}: {}"
            raise BadInput(message.format(self.path, chunk.first_row + 1, last_row, reason))

    def _open(self) -> ParquetReader:
        with self._lock:
            if self._reader is None:
                footer = self._footer or self._parse_again()
                self._reader = ParquetReader(self.path, footer, self._layout)
            return self._reader

    def _parse_again(self) -> Footer:
        return parquet_footer.parse(self._content or parquet_footer.read(self.path))


def is_parquet(path: str) -> bool:
    """Whether a file begins as Parquet files do, or has at least the name of one.

    Raises:
      OSError: it cannot be read.
    """
    if row_files.is_named_parquet(path):
        return True
    with location.open_binary(path) as file:
        start = file.read(len(MAGIC))
    return start in (MAGIC, ENCRYPTED_MAGIC)


def open_parquet(
    path: str,
    schema: Schema,
    layouts: Optional[Layouts] = None,
    elsewhere: Sequence[str] = (),
) -> ParquetFile:
    """Reads the footer of a file, which names its chunks; the file is closed again.

    Args:
      schema: its columns.
      layouts: those of the data set's other files, so that what they share is looked at and told
        once.
      elsewhere: columns that the file need not have, as their values come from elsewhere.

    Raises:
      BadInput: the file is no Parquet file, or its columns are not the schema's.
    """
    if layouts is None:
        layouts = Layouts(schema, ColumnNames(schema))
    try:
        stamp = location.opened_stamp(path)
        content = parquet_footer.read(path)
        footer = parquet_footer.parse(content)
    except (NotParquet, *_ERRORS) as error:
        how = ""
        if schema.module:
            how = ", or convert it from CSV with: python {} convert IN.csv {}".format(
                schema.module, path)
        raise BadInput("{}: not a Parquet file, or cut short ({}). Write it again{}".format(
            path, in_one_line(error), how))
    layout = layouts.find(path, footer, elsewhere)
    return ParquetFile(path, schema, stamp, content, footer, layouts, layout)


def _chunks(metadata: pa.parquet.FileMetaData) -> List[Chunk]:
    chunks: List[Chunk] = []
    first_row = 0
    for group in range(metadata.num_row_groups):
        row_group = metadata.row_group(group)
        num_rows = row_group.num_rows
        if num_rows:
            chunks.append(Chunk(first_row, num_rows, group, row_group.total_byte_size))
        first_row += num_rows
    return chunks

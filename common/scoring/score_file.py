"""The file that tables are written to, whole or not at all: Parquet or CSV, here or in a store."""

import contextlib
import csv
import io
import os
import tempfile
from typing import Callable, Iterator, Optional, Union

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from common import files
from common.errors import BadInput
from common.naming import row_files
from common.places import addresses, uploads

ENDINGS = (*row_files.PARQUET, ".csv")
Write = Callable[[pa.Table], None]


def check_name(path: str) -> None:
    """Raises ValueError for a name that says neither Parquet nor CSV, or is a folder's."""
    if not path.lower().endswith(ENDINGS):
        raise ValueError("{}: expected a name that ends in .parquet or .csv, which says what is "
                         "written.".format(path))
    if not addresses.is_remote(path) and os.path.isdir(path):
        raise ValueError("{}: it is a folder. Name a file.".format(path))


def part_name(path: str, part: int, parts: int) -> str:
    """The name of one of several parts: scores-00000-of-00004.parquet for scores.parquet."""
    stem, ending = os.path.splitext(path)
    return "{}-{:05d}-of-{:05d}{}".format(stem, part, parts, ending)


def check_types(path: str, schema: pa.Schema) -> None:
    """Raises BadInput where the file cannot hold a column, as CSV holds no lists."""
    if row_files.is_named_parquet(path):
        return
    for field in schema:
        if pa.types.is_nested(field.type):
            raise BadInput("{}: column {!r} is of type {}, which CSV cannot hold. Name a file that "
                           "ends in .parquet, or leave the column out.".format(
                               path, field.name, field.type))


@contextlib.contextmanager
def writing(path: str) -> Iterator[Write]:
    """A function that appends tables, all with the columns of the first, to a new file.

    The file takes its name once all of it is written; an error leaves what the name held before.

    Raises:
      BadInput: an object store fails or denies.
      OSError: the folder is not there, or the disk is full.
    """
    if not addresses.is_remote(path):
        with files.replacing(path) as temporary, _opened(temporary, path) as write:
            yield write
        return
    uploads.check_writable(os.path.dirname(path))
    with tempfile.TemporaryDirectory() as folder:
        local = os.path.join(folder, os.path.basename(path))
        with _opened(local, path) as write:
            yield write
        uploads.put(local, path)


@contextlib.contextmanager
def _opened(temporary: str, path: str) -> Iterator[Write]:
    is_parquet = row_files.is_named_parquet(path)
    with open(temporary, "wb") as file:
        sink: Union[_ParquetFile, _CsvFile] = _ParquetFile(file) if is_parquet else _CsvFile(file)
        yield sink.write
        sink.close()


class _ParquetFile:
    """Writes tables as Parquet, a row group each."""

    def __init__(self, file: io.BufferedWriter) -> None:
        self._file = file
        self._writer: Optional[pa.parquet.ParquetWriter] = None

    def write(self, table: pa.Table) -> None:
        """Appends a table."""
        if self._writer is None:
            self._writer = pa.parquet.ParquetWriter(self._file, table.schema)
        self._writer.write_table(table)

    def close(self) -> None:
        """Writes the footer."""
        if self._writer:
            self._writer.close()


class _CsvFile:
    """Writes tables as CSV with a header; quotes stand where a field needs them."""

    def __init__(self, file: io.BufferedWriter) -> None:
        self._file = file
        self._has_header = False

    def write(self, table: pa.Table) -> None:
        """Appends a table."""
        if not self._has_header:
            self._has_header = True
            header = io.StringIO()
            csv.writer(header, lineterminator="\n").writerow(table.column_names)
            self._file.write(header.getvalue().encode())
        self._file.write(_csv_lines(table))

    def close(self) -> None:
        """Nothing follows the last line."""


def _csv_lines(table: pa.Table) -> pa.Buffer:
    """A table as lines of CSV; all texts of a table in which one needs quotes have them."""
    try:
        return _lines_quoted(table, "none")
    except pa.ArrowInvalid:  # a text holds a comma, a quote or the end of a line
        return _lines_quoted(table, "needed")


def _lines_quoted(table: pa.Table, style: str) -> pa.Buffer:
    sink = pa.BufferOutputStream()
    options = pa.csv.WriteOptions(include_header=False, quoting_style=style)
    pa.csv.write_csv(table, sink, options)
    return sink.getvalue()

"""CSV and Parquet files as chunks of dictionary-encoded columns.

Both formats give the same thing: a file is a list of chunks (a range of bytes ending at a line's end, or a row
group), and a chunk reads into one pyarrow array a column. Nothing here loads a whole file.
"""

import os
import sys
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple, Union

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet

from common.kernels import columns as compiled
from common.schema import Column, Schema
from common.texts import Texts, of_arrow

CHUNK_ROWS = 16384
_SCAN_BYTES = 1 << 24
_MAX_CHUNK_BYTES = 1 << 30


class BadInput(ValueError):
    """Input that cannot be read; the message says where, what was given, what was expected and what to do."""


class Reject(NamedTuple):
    """One row that cannot be used: its number in the file from 0, its column, its value and what was expected."""

    row: int
    column: str
    value: str
    expected: str


class Chunk(NamedTuple):
    """A part of a file: its first row (from 0), its rows, and where it lies (byte range, or row group and 0)."""

    first_row: int
    num_rows: int
    start: int
    size: int


class Columns(NamedTuple):
    """What a chunk reads into.

    Attributes:
      arrays: name -> array [N]: a DictionaryArray of binary values; in Parquet also integers, floats, and lists of
        dictionary-encoded binary values, integers or floats. Where they were asked for, Texts of valid UTF-8, of which
        an empty one may stand for a null.
      rows: the rows' numbers in the file from 0, int64 [N].
      rejects: rows that could not be split into columns; they are not among the N.
    """

    arrays: Dict[str, Any]
    rows: np.ndarray
    rejects: List[Reject]


class CsvFile(NamedTuple):
    """A text file without header and without quoting, one row a line."""

    path: str
    schema: Schema
    chunks: List[Chunk]

    def read(self, chunk: Chunk, names: Sequence[str], as_texts: bool = False) -> Columns:
        """Reads the named columns of one chunk; lines of other widths or with a '\\r' within become rejects.

        Args:
          as_texts: leave the columns where they lie in the file, if all of it is UTF-8.
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
        as_texts = as_texts and compiled.library() is not None and _is_utf8(data)
        columns = (_text_columns if as_texts else _csv_columns)(data, ends, first[good], self.schema, names)
        return Columns(columns, chunk.first_row + np.flatnonzero(good).astype(np.int64), rejects)

    def _content(self, chunk: Chunk) -> bytes:
        if chunk.size > _MAX_CHUNK_BYTES:
            raise BadInput("{}, lines {} to {}: they have {} bytes, too many to be rows of {}. Is it another file?"
                           .format(self.path, chunk.first_row + 1, chunk.first_row + chunk.num_rows, chunk.size,
                                   self.schema.name))
        with open(self.path, "rb") as file:
            file.seek(chunk.start)
            data = file.read(chunk.size)
        return data if data.endswith(b"\n") else data + b"\n"


class ParquetFile(NamedTuple):
    """A Parquet file whose columns are the schema's, in any order.

    handle gives strings dictionary-encoded, but for those of columns where that gains nothing.
    """

    path: str
    schema: Schema
    chunks: List[Chunk]
    handle: pa.parquet.ParquetFile

    def read(self, chunk: Chunk, names: Sequence[str], as_texts: bool = False) -> Columns:
        """Reads the named columns of one row group.

        Args:
          as_texts: leave strings that the handle does not encode where they lie, if they are UTF-8.
        """
        try:
            table = self.handle.read_row_group(chunk.start, columns=list(names), use_threads=False)
        except (pa.ArrowException, OSError) as error:
            raise BadInput("{}, rows {} to {}: the Parquet data are damaged ({}). Write the file again.".format(
                self.path, chunk.first_row + 1, chunk.first_row + chunk.num_rows, error))
        rows = np.arange(chunk.first_row, chunk.first_row + chunk.num_rows, dtype=np.int64)
        as_texts = as_texts and compiled.library() is not None
        return Columns({name: as_texts and _texts(table.column(name)) or _one_array(table.column(name))
                        for name in names}, rows, [])


InputFile = Union[CsvFile, ParquetFile]


def open_file(path: str, schema: Schema) -> InputFile:
    """Opens a file and finds its chunks: from the footer of a Parquet file, in one buffered pass over a CSV file.

    Raises:
      BadInput: the file is missing, empty or no Parquet file, or its columns are not the schema's.
    """
    if not os.path.isfile(path):
        raise BadInput("{}: no such file.".format(path))
    file: InputFile = CsvFile(path, schema, [])
    if path.endswith(".parquet"):
        file = _open_parquet(path, schema)
    else:
        file = CsvFile(path, schema, _csv_chunks(path))
    if not file.chunks:
        raise BadInput("{}: the file is empty. Expected rows of the {} columns of {}.".format(
            path, len(schema.columns), schema.name))
    return file


def num_rows(file: InputFile) -> int:
    """Rows of a file, readable or not."""
    return sum(chunk.num_rows for chunk in file.chunks)


def _csv_chunks(path: str) -> List[Chunk]:
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


def split_at(data: bytes, ends: np.ndarray) -> pa.BinaryArray:
    """The pieces of data that end at the given positions (ascending, the last at the end), without a copy.

    Each piece keeps the separator that ends it, which without_last drops where few pieces are left.
    """
    offsets = np.zeros(len(ends) + 1, np.int32)
    np.add(ends, 1, out=offsets[1:], casting="unsafe")
    return pa.Array.from_buffers(pa.binary(), len(ends), [None, pa.py_buffer(offsets), pa.py_buffer(data)])


def without_last(values: pa.BinaryArray) -> pa.BinaryArray:
    """Each value without its last byte."""
    return pa.compute.binary_replace_slice(values, -1, sys.maxsize, b"")


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
    try:
        pa.Array.from_buffers(pa.binary(), 1, [None, offsets, pa.py_buffer(data)]).cast(pa.string())
    except pa.ArrowInvalid:
        return False
    return True


def _text_columns(data: bytes, ends: np.ndarray, first: np.ndarray, schema: Schema,
                  names: Sequence[str]) -> Dict[str, Texts]:
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
            columns[column.name] = Texts(content, starts, stops)
    return columns


def _starts(ends: np.ndarray, at: Union[slice, np.ndarray]) -> np.ndarray:
    """Where the fields that `at` picks begin, one behind the end of the field before, int32."""
    if not isinstance(at, slice):
        return np.where(at > 0, ends[at - 1] + 1, 0).astype(np.int32)
    if at.start:
        return ends[at.start - 1::at.step][:len(ends[at])] + np.int32(1)
    return np.concatenate([[0], ends[at.step - 1:-1:at.step] + 1]).astype(np.int32)


def _csv_columns(data: bytes, ends: np.ndarray, first: np.ndarray, schema: Schema,
                 names: Sequence[str]) -> Dict[str, pa.Array]:
    """The named columns of the rows whose first fields are given, dictionary-encoded."""
    fields = split_at(data, ends)
    position = {column.name: i for i, column in enumerate(schema.columns)}
    return {name: _csv_column(fields, first + position[name], position[name] == len(position) - 1) for name in names}


def _csv_column(fields: pa.BinaryArray, index: np.ndarray, is_last: bool) -> pa.DictionaryArray:
    """The given fields, dictionary-encoded and without their separators."""
    column = fields.take(pa.array(index)).dictionary_encode()
    values = without_last(column.dictionary)
    if is_last:  # a line may end in \r\n
        values = pa.compute.if_else(pa.compute.ends_with(values, "\r"), without_last(values), values)
    return pa.DictionaryArray.from_arrays(column.indices, values)


def _open_parquet(path: str, schema: Schema) -> ParquetFile:
    try:
        metadata = pa.parquet.read_metadata(path)
        found = metadata.schema.to_arrow_schema()
        _check_parquet_columns(path, schema, found)
        handle = pa.parquet.ParquetFile(path, metadata=metadata, read_dictionary=_repeating(metadata))
    except (pa.ArrowException, OSError) as error:
        raise BadInput("{}: not a Parquet file, or cut short ({}). Write it again, or convert it from CSV with: "
                       "python {} convert IN.csv {}".format(path, error, schema.module, path))
    chunks: List[Chunk] = []
    first_row = 0
    for group in range(metadata.num_row_groups):
        rows = metadata.row_group(group).num_rows
        if rows:
            chunks.append(Chunk(first_row, rows, group, 0))
        first_row += rows
    return ParquetFile(path, schema, chunks, handle)


def _repeating(metadata: pa.parquet.FileMetaData) -> List[str]:
    """The columns of strings that are read as a dictionary and indices.

    Not those of short strings that hardly repeat: each is decoded sooner than it is found in a dictionary. In the file
    a string of one of these takes some bytes, one that repeats takes an index of a few bits, and a long one more.
    """
    strings = [i for i in range(len(metadata.schema)) if metadata.schema.column(i).physical_type == "BYTE_ARRAY"]
    groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]

    def bytes_each(column: int) -> float:
        sizes = [(group.column(column).total_uncompressed_size, group.column(column).num_values) for group in groups]
        return sum(size for size, _ in sizes) / max(sum(count for _, count in sizes), 1)

    return [metadata.schema.column(i).path for i in strings
            if metadata.schema.column(i).max_repetition_level or not 4 <= bytes_each(i) <= 16]


def _check_parquet_columns(path: str, schema: Schema, found: pa.Schema) -> None:
    """Raises BadInput unless the file holds the schema's columns, each once and of its type, and no others."""
    expected = {column.name: column for column in schema.columns}
    missing = [name for name in expected if name not in found.names]
    unknown = [name for name in found.names if name not in expected]
    if missing or unknown:
        raise BadInput("{}: missing columns: {}; unknown columns: {}. The columns of {} are: {}.".format(
            path, ", ".join(missing) or "none", ", ".join(unknown) or "none", schema.name, ", ".join(expected)))
    twice = sorted({name for name in found.names if found.names.count(name) > 1})
    if twice:
        raise BadInput("{}: columns that stand there twice: {}.".format(path, ", ".join(twice)))
    for field in found:
        column = expected[field.name]
        as_list = column.is_list and schema.parquet_lists
        if not _is_type_of(field.type, column, as_list):
            raise BadInput("{}, column {!r}: expected {}{}, the file has {}. Cast the column and write the file "
                           "again.".format(path, field.name, column.dtype,
                                           " or a list of them" if as_list else "", field.type))


def _is_type_of(found: pa.DataType, column: Column, as_list: bool) -> bool:
    """Whether a Parquet column's type can hold the column; lists may stand as joined strings, and as_list as lists."""
    if as_list and (pa.types.is_list(found) or pa.types.is_large_list(found)):
        found = found.value_type
    elif column.is_list:
        return _is_string(found)
    if column.dtype == "string":
        return _is_string(found)
    return pa.types.is_integer(found) or column.dtype == "float" and pa.types.is_floating(found)


def _is_string(found: pa.DataType) -> bool:
    if pa.types.is_dictionary(found):
        found = found.value_type
    return (pa.types.is_string(found) or pa.types.is_large_string(found)
            or pa.types.is_binary(found) or pa.types.is_large_binary(found))


def _texts(column: pa.ChunkedArray) -> Optional[Texts]:
    """A column of strings that are not encoded, in which an empty one stands for a null; None if one is no UTF-8."""
    if not (pa.types.is_string(column.type) or pa.types.is_binary(column.type)) or column.num_chunks != 1:
        return None
    array = column.chunk(0).fill_null("").cast(pa.binary())
    try:
        array.cast(pa.string())
    except pa.ArrowInvalid:
        return None
    return of_arrow(array)


def _one_array(column: pa.ChunkedArray) -> pa.Array:
    """One array of a column's pieces: strings as dictionary-encoded binary, numbers as they are, or lists of these."""
    if pa.types.is_large_list(column.type):
        column = column.cast(pa.list_(column.type.value_type))
    if pa.types.is_list(column.type):
        lists = column.chunk(0) if column.num_chunks == 1 else column.unify_dictionaries().combine_chunks()
        return pa.ListArray.from_arrays(*_without_nulls(lists))
    if not _is_string(column.type):
        return column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    if column.num_chunks == 0:
        return pa.DictionaryArray.from_arrays(pa.array([], pa.int32()), pa.array([], pa.binary()))
    array = column.chunk(0) if column.num_chunks == 1 else column.unify_dictionaries().combine_chunks()
    return pa.DictionaryArray.from_arrays(array.indices, array.dictionary.cast(pa.binary()))


def _without_nulls(lists: pa.ListArray) -> Tuple[pa.Array, pa.Array]:
    """Offsets from 0 and items of lists; a null list is an empty one."""
    if not lists.null_count and lists.offset == 0 and lists.offsets[0].as_py() == 0:
        return lists.offsets, _one_array(pa.chunked_array([lists.flatten()]))
    lengths = pa.compute.list_value_length(lists).fill_null(0).to_numpy(zero_copy_only=False)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    return pa.array(offsets), _one_array(pa.chunked_array([lists.flatten()]))

"""Parquet files as chunks of columns; nothing here loads a whole file.

A chunk is a row group.
"""

from typing import List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet

from common.config.schema import Column, Schema
from common.errors import BadInput
from common.pipeline import native_columns as compiled
from common.pipeline.chunks import Chunk, RawColumns
from common.pipeline.string_views import StringViews, from_arrow, is_utf8

_INDEX_BYTES = 4  # more than an index into a dictionary of this file takes; also what a string takes beside its bytes
_SHORT_BYTES = 16  # as many bytes are hashed without a loop


class ParquetFile(NamedTuple):
    """A Parquet file whose columns are the schema's, in any order.

    handle gives strings dictionary-encoded, except in columns where that gains nothing.
    """

    path: str
    schema: Schema
    chunks: List[Chunk]
    handle: pa.parquet.ParquetFile

    def read(self, chunk: Chunk, names: Sequence[str], as_views: bool = False) -> RawColumns:
        """Reads the named columns of one row group.

        Args:
          as_views: leave strings that the handle does not encode where they lie, if they are UTF-8.
        """
        try:
            table = self.handle.read_row_group(chunk.start, columns=list(names), use_threads=False)
        except (pa.ArrowException, OSError) as error:
            raise BadInput("{}, rows {} to {}: the Parquet data are damaged ({}). Write the file again.".format(
                self.path, chunk.first_row + 1, chunk.first_row + chunk.num_rows, error))
        rows = np.arange(chunk.first_row, chunk.first_row + chunk.num_rows, dtype=np.int64)
        as_views = as_views and compiled.library() is not None
        return RawColumns({name: as_views and _texts(table.column(name)) or _one_array(table.column(name))
                           for name in names}, rows, [])


def open_parquet(path: str, schema: Schema) -> ParquetFile:
    """Opens a file; its footer names the chunks.

    Raises:
      BadInput: the file is no Parquet file, or its columns are not the schema's.
    """
    try:
        metadata = pa.parquet.read_metadata(path)
        found = metadata.schema.to_arrow_schema()
        _check_columns(path, schema, found)
        handle = pa.parquet.ParquetFile(path, metadata=metadata, read_dictionary=_as_dictionaries(metadata))
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


def _as_dictionaries(metadata: pa.parquet.FileMetaData) -> List[str]:
    """The columns of strings that are read as a dictionary and indices: all but those of short, mostly different ones.

    Such a string is hashed sooner than it is found in a dictionary. How many bytes of the file each value takes tells
    them: less where values repeat, as an index has some bits, and more where they are long. Where the file has no
    dictionaries, the sizes do not tell, and short strings are taken to differ.
    """
    def is_short_and_different(column: int) -> bool:
        parts = [metadata.row_group(i).column(column) for i in range(metadata.num_row_groups)]
        size, count = sum(part.total_uncompressed_size for part in parts), sum(part.num_values for part in parts)
        return _INDEX_BYTES <= size / max(count, 1) <= _SHORT_BYTES

    strings = [i for i in range(len(metadata.schema)) if metadata.schema.column(i).physical_type == "BYTE_ARRAY"]
    return [metadata.schema.column(i).path for i in strings
            if metadata.schema.column(i).max_repetition_level or not is_short_and_different(i)]


def _check_columns(path: str, schema: Schema, found: pa.Schema) -> None:
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


def _texts(column: pa.ChunkedArray) -> Optional[StringViews]:
    """A column of strings that are not encoded, in which an empty one stands for a null; None if one is no UTF-8."""
    if not (pa.types.is_string(column.type) or pa.types.is_binary(column.type)) or column.num_chunks != 1:
        return None
    array = column.chunk(0).fill_null("").cast(pa.binary())
    return from_arrow(array) if is_utf8(array) else None


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

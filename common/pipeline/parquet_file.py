"""Parquet files as chunks of columns; nothing here loads a whole file.

A chunk is a row group.
"""

from typing import Any, List, NamedTuple, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from common.config.schema import Schema
from common.errors import BadInput
from common.pipeline import location, parquet_types
from common.pipeline import native_columns as compiled
from common.pipeline.chunks import Chunk, RawColumns

_MIN_BYTES = 4  # more than an index into a dictionary takes; also what a string adds to its bytes
_MAX_BYTES = 16  # as many bytes are hashed without a loop
_ERRORS = (pa.ArrowException, OSError)


class ParquetFile(NamedTuple):
    """A Parquet file whose columns are the schema's, in any order.

    Attributes:
      handle: gives strings dictionary-encoded, except in columns where that gains nothing.
    """

    path: str
    schema: Schema
    chunks: List[Chunk]
    handle: pa.parquet.ParquetFile

    def read(self, chunk: Chunk, names: Sequence[str], as_views: bool = False) -> RawColumns:
        """Reads some columns of one row group.

        Args:
          as_views: leave strings that the handle does not encode where they lie, if they are UTF-8.
        """
        end = chunk.first_row + chunk.num_rows
        try:
            table = self.handle.read_row_group(chunk.start, list(names), use_threads=False)
        except _ERRORS as error:
            message = "{}, rows {} to {}: the Parquet data are damaged ({}). Write the file again."
            raise BadInput(message.format(self.path, chunk.first_row + 1, end, error))
        can_view = as_views and compiled.library() is not None
        arrays = {name: _stored(table.column(name), can_view) for name in names}
        rows = np.arange(chunk.first_row, end, dtype=np.int64)
        return RawColumns(arrays, rows, [])

    def close(self) -> None:
        """Closes the file; it is not read again."""
        self.handle.close()


def _stored(column: pa.ChunkedArray, can_view: bool) -> Any:
    """A column as RawColumns holds it."""
    views = parquet_types.views(column) if can_view else None
    if views is not None:
        return views
    return parquet_types.one_array(column)


def open_parquet(path: str, schema: Schema) -> ParquetFile:
    """Opens a file; its footer names the chunks.

    Raises:
      BadInput: the file is no Parquet file, or its columns are not the schema's.
    """
    try:
        metadata = pa.parquet.read_metadata(location.open_binary(path))
        parquet_types.check_columns(path, schema, metadata.schema.to_arrow_schema())
        encoded = _encoded_columns(metadata)
        content = location.open_binary(path)
        handle = pa.parquet.ParquetFile(content, metadata=metadata, read_dictionary=encoded)
    except _ERRORS as error:
        message = ("{0}: not a Parquet file, or cut short ({1}). Write it again, or convert it "
                   "from CSV with: python {2} convert IN.csv {0}")
        raise BadInput(message.format(path, error, schema.module))
    return ParquetFile(path, schema, _chunks(metadata), handle)


def _chunks(metadata: pa.parquet.FileMetaData) -> List[Chunk]:
    chunks: List[Chunk] = []
    first_row = 0
    for group in range(metadata.num_row_groups):
        num_rows = metadata.row_group(group).num_rows
        if num_rows:
            chunks.append(Chunk(first_row, num_rows, group, 0))
        first_row += num_rows
    return chunks


def _encoded_columns(metadata: pa.parquet.FileMetaData) -> List[str]:
    """The columns of strings that are read as a dictionary and indices.

    These are all but the columns of short, mostly different strings, which are hashed sooner than
    they are found in a dictionary.
    """
    encoded = []
    for position in range(len(metadata.schema)):
        column = metadata.schema.column(position)
        if column.physical_type == "BYTE_ARRAY":
            is_list = column.max_repetition_level > 0
            if is_list or not _is_short_and_different(metadata, position):
                encoded.append(column.path)
    return encoded


def _is_short_and_different(metadata: pa.parquet.FileMetaData, position: int) -> bool:
    """Whether a column's strings are short and hardly repeat, by the bytes that each value takes.

    They are less where values repeat, as an index has some bits, and more where they are long.
    Where the file has no dictionaries, the sizes do not tell, and short strings count as different.
    """
    num_bytes = num_values = 0
    for group in range(metadata.num_row_groups):
        part = metadata.row_group(group).column(position)
        num_bytes += part.total_uncompressed_size
        num_values += part.num_values
    bytes_per_value = num_bytes / max(num_values, 1)
    return _MIN_BYTES <= bytes_per_value <= _MAX_BYTES

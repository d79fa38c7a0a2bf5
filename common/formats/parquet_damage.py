"""Why the data of a Parquet file cannot be read, in words."""

from typing import NamedTuple, Optional, Sequence

import pyarrow as pa
import pyarrow.parquet

from common.errors import in_one_line
from common.formats.parquet_reader import ParquetReader
from common.formats.parquet_types import Place

_ERRORS = (pa.ArrowException, OSError)
_HADOOP_LZ4 = "UNKNOWN"  # what pyarrow 12 calls it
_FLOATS = ("FLOAT", "DOUBLE")


class _Unread(NamedTuple):
    """A column that cannot be read, and the error."""

    place: Place
    error: Exception


def reason(reader: ParquetReader, group: int, places: Sequence[Place], error: Exception) -> str:
    """What is wrong with a row group that cannot be read, and what to do.

    Args:
      places: the columns that were to be read.
      error: what came of it.
    """
    unread = _first_unread(reader, group, places)
    if unread is None:
        message = "the Parquet data are damaged ({}). Write the file again."
        return message.format(in_one_line(error))
    row_group = reader.metadata.row_group(group)
    for leaf in unread.place.leaves:
        told = _unsupported(row_group.column(leaf))
        if told:
            return "column {!r} {}".format(unread.place.name, told)
    message = "the Parquet data are damaged, in column {!r} ({}). Write the file again."
    return message.format(unread.place.name, in_one_line(unread.error))


def _first_unread(
    reader: ParquetReader,
    group: int,
    places: Sequence[Place],
) -> Optional[_Unread]:
    for place in places:
        try:
            reader.read(group, [place])
        except _ERRORS as error:
            return _Unread(place, error)
    return None


def _unsupported(chunk: pa.parquet.ColumnChunkMetaData) -> str:
    """What pyarrow 12 does not read in a column chunk, and how to write it otherwise."""
    if chunk.file_path:
        return ("lies in {}: this file is a summary of others. Name these.".format(
            chunk.file_path))
    if chunk.compression == _HADOOP_LZ4:
        return ("is compressed with Parquet's old LZ4 in Hadoop's blocks, which pyarrow reads in "
                "part alone. Write it with zstd or lz4_raw; Spark: "
                ".option('compression', 'zstd').")
    splits_bytes = "BYTE_STREAM_SPLIT" in chunk.encodings
    if splits_bytes and chunk.physical_type not in _FLOATS:
        message = ("is written with BYTE_STREAM_SPLIT, which pyarrow {} reads of floats alone, and "
                   "it has {}. Write it without that encoding.")
        return message.format(pa.__version__, chunk.physical_type)
    return ""

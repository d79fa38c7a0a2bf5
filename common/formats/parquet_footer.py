"""Footers of Parquet files: read once, and parsed although they name types that pyarrow lacks.

A writer may put the Arrow schema of its table beside the Parquet schema. The columns are stored as
the latter says; the former only adds types (views, large strings, decimals of 32 bits) of which
pyarrow 12 does not know all, and one that it does not know makes it refuse the file. So it is
hidden, and all writers' columns come in the types of Parquet.
"""

import struct
from typing import Dict, NamedTuple

import pyarrow as pa
import pyarrow.parquet

from common.errors import in_one_line
from common.formats import thrift_schema
from common.places import location

MAGIC = b"PAR1"
ENCRYPTED_MAGIC = b"PARE"
_TAIL_BYTES = 1 << 16  # holds the footer of most files, so that one read is enough
_ERRORS = (pa.ArrowException, OSError)
_END = struct.Struct("<I4s")  # the footer's size and the magic number
_STORED_SCHEMA = b"ARROW:schema"
HIDDEN_SCHEMA = b"ARROW:SCHEMA"
# A key and a value of Thrift's compact protocol: field 1, a string of 12 bytes, field 1 more.
_KEY = b"\x18\x0c%b\x18"


class NotParquet(Exception):
    """The file is no Parquet file, or none that can be opened; says why."""


class Footer(NamedTuple):
    """A footer.

    Attributes:
      metadata: its content.
      fields: the columns as pyarrow reads them.
      annotations: the position of a column, counted at the top level, that has a logical type
        that pyarrow does not know -> the name of the type; pyarrow sees the column without it.
    """

    metadata: pa.parquet.FileMetaData
    fields: pa.Schema
    annotations: Dict[int, str]


def read(path: str) -> bytes:
    """The bytes of a file's footer, for `parse`.

    Raises:
      NotParquet: there is none.
      OSError: the file cannot be read.
    """
    with location.open_binary(path) as file:
        size = file.size()
        start = max(size - _TAIL_BYTES, 0)
        file.seek(start)
        tail = file.read(size - start)
        footer_size = _footer_size(tail, size)
        missing = footer_size + _END.size - len(tail)
        if missing > 0:
            file.seek(start - missing)
            tail = file.read(missing) + tail
    end = len(tail) - _END.size
    content = tail[end - footer_size:end]
    if len(content) < footer_size:
        raise NotParquet("its footer is not whole")
    return content.replace(_KEY % _STORED_SCHEMA, _KEY % HIDDEN_SCHEMA)


def _footer_size(tail: bytes, file_size: int) -> int:
    """The size of the footer, from the last bytes of a file."""
    if len(tail) < _END.size + len(MAGIC):
        raise NotParquet("it has {} bytes".format(file_size))
    footer_size, magic = _END.unpack(tail[-_END.size:])
    if magic == ENCRYPTED_MAGIC:
        raise NotParquet("it is encrypted")
    if magic != MAGIC:
        raise NotParquet("it does not end with {!r}".format(MAGIC.decode()))
    if footer_size > file_size - _END.size - len(MAGIC):
        raise NotParquet("its footer would have {} bytes, the file has {}".format(
            footer_size, file_size))
    return footer_size


def parse(content: bytes) -> Footer:
    """What a footer says.

    Raises:
      NotParquet: pyarrow cannot parse it.
    """
    try:
        return _parse(content, {})
    except _ERRORS as error:
        reason = in_one_line(error)
    try:
        content, annotations = thrift_schema.without_new_types(content)
        return _parse(content, annotations)
    except (*_ERRORS, ValueError, LookupError):
        raise NotParquet("pyarrow {} cannot read its footer: {}".format(pa.__version__, reason))


def _parse(content: bytes, annotations: Dict[int, str]) -> Footer:
    whole = MAGIC + content + _END.pack(len(content), MAGIC)
    metadata = pa.parquet.read_metadata(pa.BufferReader(whole))
    return Footer(metadata, metadata.schema.to_arrow_schema(), annotations)

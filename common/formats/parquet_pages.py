"""Column chunks of Parquet files as codes and dictionaries, by C++ functions of common/kernels.

A file's dictionary is taken as it is, and lists are not taken apart: pyarrow makes a dictionary
anew, value by value, which costs several times as much. Read here are the columns in which that
counts, texts and lists of texts or of numbers, where they have a dictionary and are compressed in a
usual way. pyarrow reads all others, and whatever looks unusual or damaged, and says what is wrong.
"""

from typing import Any, List, NamedTuple, Optional, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from numpy import ndarray

from common.kernels.pipeline.columns import Column, Page, library

CODECS = {"UNCOMPRESSED": 0, "SNAPPY": 1, "ZSTD": 2}  # Codec of pages.cc
_TEXTS = {pa.string(): "BYTE_ARRAY", pa.binary(): "BYTE_ARRAY"}
_NUMBERS = {pa.int32(): "INT32", pa.int64(): "INT64", pa.float32(): "FLOAT", pa.float64(): "DOUBLE"}
_MAX_DEFINITION = 3
_MAX_VALUES = 1 << 28  # of a chunk
_MAX_BYTES = 1 << 30  # of a chunk, unpacked
_MAX_PAGES = 512


class Shape(NamedTuple):
    """What a column's values are.

    Attributes:
      kind: of the column, as pyarrow reads it.
      is_list: whether each row has a list.
      width: the bytes of a number; 0 for texts.
      max_definition, item_definition: the level of a value; of an item that may be a null.
    """

    kind: pa.DataType
    is_list: bool
    width: int
    max_definition: int
    item_definition: int


def shape_of(kind: pa.DataType, described: pa.parquet.ColumnSchema) -> Optional[Shape]:
    """The shape of a column; None where pyarrow has to read it.

    Args:
      kind: the column's type as pyarrow reads it.
      described: its only leaf.
    """
    is_list = pa.types.is_list(kind)
    item = kind.value_type if is_list else kind
    physical = {**_TEXTS, **_NUMBERS}.get(item) if is_list else _TEXTS.get(item)
    levels = described.max_definition_level
    if physical != described.physical_type or levels > _MAX_DEFINITION:
        return None
    if described.max_repetition_level != int(is_list) or library() is None:
        return None
    item_nulls = is_list and kind.value_field.nullable
    width = 0 if item in _TEXTS else item.bit_width // 8
    return Shape(kind, is_list, width, levels, levels - int(item_nulls))


def read(
    content: bytes,
    chunk: pa.parquet.ColumnChunkMetaData,
    shape: Shape,
    num_rows: int,
) -> Optional[pa.Array]:
    """A column chunk: texts as a dictionary and indices; None where pyarrow has to read it.

    A value may be in the dictionary more than once, and null lists are empty ones.

    Args:
      content: its bytes, as the file has them.
      num_rows: of its row group.
    """
    codec = CODECS.get(chunk.compression)
    if codec is None or chunk.num_values > _MAX_VALUES or chunk.file_path:
        return None
    column = Column(
        width=shape.width,
        max_repetition=int(shape.is_list),
        max_definition=shape.max_definition,
        item_definition=shape.item_definition,
        num_rows=num_rows,
    )
    pages = (Page * _MAX_PAGES)()
    count = library().zoo_pages(content, len(content), codec, column, pages, _MAX_PAGES)
    is_whole = count > 1 and column.num_entries == chunk.num_values
    if not is_whole or column.num_bytes > _MAX_BYTES:
        return None
    try:
        unpacked = _unpack(content, pages[:count], chunk.compression.lower())
    except (pa.ArrowException, OSError):
        return None
    decoded = _decode(content, pages, count, column, shape)
    del unpacked  # they are where the pages' addresses lead to
    return decoded


def _unpack(content: bytes, pages: Sequence[Page], codec: str) -> List[pa.Buffer]:
    """The bytes of each page that is packed, whose addresses the pages get."""
    whole = pa.py_buffer(content)
    buffers = []
    for page in pages:
        if page.is_packed:
            packed = whole.slice(page.start, page.packed_size)
            buffer = pa.decompress(packed, page.size, codec, asbytes=False)
            page.address = buffer.address
            buffers.append(buffer)
    return buffers


def _decode(
    content: bytes,
    pages: Any,
    num_pages: int,
    column: Column,
    shape: Shape,
) -> Optional[pa.Array]:
    codes = np.empty(column.num_entries + 1, np.int32)
    splits = np.empty(column.num_rows + 1, np.int32) if shape.is_list else None
    values = np.empty(column.num_bytes, np.uint8)
    offsets = np.empty(column.num_bytes // 4 + 1, np.int32)
    failed = library().zoo_read_pages(
        content, pages, num_pages, column, codes, splits, values, offsets)
    if failed:
        return None
    codes = codes[:column.num_items]
    is_null = codes < 0 if column.num_nulls else None
    item = shape.kind.value_type if shape.is_list else shape.kind
    if shape.width:
        numbers = values[:column.num_values * shape.width].view(item.to_pandas_dtype())
        items = pa.array(_chosen(numbers, codes), item, mask=is_null)
    else:
        texts = _texts(item, values, offsets, column.num_values)
        indices = pa.array(codes, pa.int32(), mask=is_null)
        items = pa.DictionaryArray.from_arrays(indices, texts, safe=False)
    return items if splits is None else _lists(splits, items, shape.kind)


def _chosen(numbers: ndarray, codes: ndarray) -> ndarray:
    """The number of each code; any for a null."""
    if not len(numbers):
        return np.zeros(len(codes), numbers.dtype)
    return numbers.take(codes, mode="wrap")


def _texts(kind: pa.DataType, values: ndarray, offsets: ndarray, size: int) -> pa.Array:
    """The texts between offsets, without a copy."""
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(values)]
    return pa.Array.from_buffers(kind, size, buffers)


def _lists(splits: ndarray, items: pa.Array, kind: pa.ListType) -> pa.ListArray:
    """Lists of the type that pyarrow gives them where it reads texts as dictionaries."""
    field = kind.value_field.with_type(items.type)
    return pa.Array.from_buffers(
        pa.list_(field), len(splits) - 1, [None, pa.py_buffer(splits)], children=[items])

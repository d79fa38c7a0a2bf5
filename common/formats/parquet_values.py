"""One form for the values of Parquet, whatever type a writer chose.

The rest of this room sees dictionary-encoded binary strings or views of strings, numbers, and lists
of strings or numbers. Where a column is text and the file has integers, the text is their decimal
digits: what the same table is as CSV.
"""

from typing import Any, Callable, Optional

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from common.config.schema import Column
from common.formats import string_views
from common.formats.parquet_types import is_string
from common.formats.splits import splits_of
from common.formats.string_views import StringViews

_PLAIN_STRINGS = (pa.string(), pa.binary())


def raw_array(
    values: pa.ChunkedArray,
    column: Column,
    annotation: str,
    can_view: bool,
) -> Any:
    """A column as RawColumns holds it.

    Args:
      values: what the file holds, of a type that common.formats.parquet_types lets pass.
      annotation: the logical type that this type does not show.
      can_view: leave strings that are not encoded where they lie, if they are UTF-8.
    """
    if pa.types.is_list(values.type):
        return _lists(values, column.dtype, annotation)
    values = _readable(values, column.dtype, annotation)
    if not is_string(values.type):
        array = _joined(values)
        return _lists_of_one(array) if column.is_list else array
    views = _views(values) if can_view else None
    return encoded(values) if views is None else views


def _readable(values: pa.ChunkedArray, dtype: str, annotation: str) -> pa.ChunkedArray:
    """Values as strings, encoded or not, or as numbers."""
    kind = values.type
    if is_string(kind):
        return values
    if annotation == "FLOAT16":
        return _half_floats(values)
    if pa.types.is_fixed_size_binary(kind):
        return _map_distinct(values, _trimmed)
    if pa.types.is_decimal(kind):
        return _map_distinct(values, _decimal_texts)
    if dtype == "string":  # integers, or nulls
        return values.cast(pa.string())
    if pa.types.is_boolean(kind):
        return values.cast(pa.uint8())
    if pa.types.is_null(kind):
        return values.cast(pa.float64())
    return values


def _half_floats(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Numbers of 16 bits, which pyarrow 12 reads as bytes, as float32."""
    array = _joined(values)
    size = len(array)
    _, data = array.buffers()
    halves = np.frombuffer(data or b"", np.float16)[array.offset:array.offset + size]
    is_null = array.is_null().to_numpy(zero_copy_only=False)
    numbers = np.zeros(size, np.float32)
    numbers[:len(halves)] = halves  # of nothing but nulls there are no bytes
    return pa.chunked_array([pa.array(numbers, mask=is_null)])


def _map_distinct(
    values: pa.ChunkedArray,
    to_texts: Callable[[pa.Array], pa.Array],
) -> pa.ChunkedArray:
    """Strings for values, each distinct value mapped once."""
    distinct = _joined(values).dictionary_encode()
    texts = to_texts(distinct.dictionary)
    return pa.chunked_array([pa.DictionaryArray.from_arrays(distinct.indices, texts)])


def _trimmed(values: pa.Array) -> pa.Array:
    """Text of a fixed size without the zero bytes that fill it up."""
    texts = [value.rstrip(b"\x00") for value in values.to_pylist()]
    return pa.array(texts, pa.binary())


def _decimal_texts(values: pa.Array) -> pa.Array:
    """Decimals as text, whole ones as whole numbers are written."""
    texts = values.cast(pa.string())
    whole = pc.replace_substring_regex(texts, r"^(-?[0-9]+)\.0*$", r"\1")
    whole = pc.replace_substring_regex(whole, r"^0\.0*E-[0-9]+$", "0")  # of many digits
    return whole.cast(pa.binary())


def _views(values: pa.ChunkedArray) -> Optional[StringViews]:
    """Strings that are not encoded, with an empty one for a null; None unless all are UTF-8."""
    is_plain = values.type in _PLAIN_STRINGS
    if not is_plain or values.num_chunks != 1:
        return None
    filled = values.chunk(0).fill_null("")
    strings = filled.cast(pa.binary())
    if not string_views.is_utf8(strings):
        return None
    return string_views.from_arrow(strings)


def _lists(values: pa.ChunkedArray, dtype: str, annotation: str) -> pa.ListArray:
    """Lists whose offsets begin at 0; a null list is an empty one."""
    lists = _joined(values)
    flat = pa.chunked_array([lists.flatten()])
    items = _readable(flat, dtype, annotation)
    items = encoded(items) if is_string(items.type) else _joined(items)
    if _are_offsets_usable(lists):
        return pa.ListArray.from_arrays(lists.offsets, items)
    lengths = pc.list_value_length(lists).fill_null(0)
    return _list_array(lengths.to_numpy(zero_copy_only=False), items)


def _lists_of_one(array: pa.Array) -> pa.ListArray:
    """A list of each number, an empty one for a null."""
    is_number = np.array(array.is_valid(), bool)
    return _list_array(is_number, array.drop_null())


def _list_array(lengths: np.ndarray, items: pa.Array) -> pa.ListArray:
    splits = splits_of(lengths).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(splits), items)


def _are_offsets_usable(lists: pa.ListArray) -> bool:
    if lists.null_count or lists.offset:
        return False
    return lists.offsets[0].as_py() == 0


def encoded(values: pa.ChunkedArray) -> pa.DictionaryArray:
    """Strings, dictionary-encoded or not, as a dictionary of binary values and indices."""
    if not pa.types.is_dictionary(values.type):
        values = values.dictionary_encode()
    if values.num_chunks == 0:
        no_indices = pa.array([], pa.int32())
        no_values = pa.array([], pa.binary())
        return pa.DictionaryArray.from_arrays(no_indices, no_values)
    array = _joined(values)
    dictionary = array.dictionary.cast(pa.binary())
    return pa.DictionaryArray.from_arrays(array.indices, dictionary)


def _joined(values: pa.ChunkedArray) -> pa.Array:
    """The pieces of a column, with one dictionary, as one array."""
    if values.num_chunks == 1:
        return values.chunk(0)
    unified = values.unify_dictionaries()
    return unified.combine_chunks()

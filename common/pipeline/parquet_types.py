"""The types that columns of Parquet files may have: which are accepted, and one form for all.

Writers store the same values in different types; whatever the type, the rest of this room sees
dictionary-encoded binary strings, numbers, and lists of these.
"""

from typing import List, Optional

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from common.config.schema import Column, Schema
from common.errors import BadInput
from common.pipeline import string_views
from common.pipeline.splits import splits_of
from common.pipeline.string_views import StringViews

_PLAIN_STRINGS = (pa.string(), pa.binary())
_STRINGS = (*_PLAIN_STRINGS, pa.large_string(), pa.large_binary())


def check_columns(path: str, schema: Schema, fields: pa.Schema) -> None:
    """Raises BadInput unless a file holds the schema's columns, each once and of a fitting type."""
    _check_names(path, schema, fields.names)
    by_name = {column.name: column for column in schema.columns}
    for field in fields:
        column = by_name[field.name]
        as_list = column.is_list and schema.parquet_lists
        _check_type(path, column, field.type, as_list)


def _check_names(path: str, schema: Schema, names: List[str]) -> None:
    expected = [column.name for column in schema.columns]
    missing = _without(expected, names)
    unknown = _without(names, expected)
    if missing or unknown:
        message = "{}: missing columns: {}; unknown columns: {}. The columns of {} are: {}."
        raise BadInput(message.format(
            path,
            _listed(missing),
            _listed(unknown),
            schema.name,
            _listed(expected),
        ))
    repeated = {name for name in names if names.count(name) > 1}
    if repeated:
        message = "{}: columns that occur twice: {}."
        raise BadInput(message.format(path, _listed(sorted(repeated))))


def _without(names: List[str], others: List[str]) -> List[str]:
    return [name for name in names if name not in others]


def _listed(names: List[str]) -> str:
    return ", ".join(names) or "none"


def _check_type(path: str, column: Column, kind: pa.DataType, as_list: bool) -> None:
    if _can_hold(kind, column, as_list):
        return
    expected = column.dtype
    if as_list:
        expected += " or a list of them"
    message = ("{}, column {!r}: expected {}, the file has {}. Cast the column and write the file "
               "again.")
    raise BadInput(message.format(path, column.name, expected, kind))


def _can_hold(kind: pa.DataType, column: Column, as_list: bool) -> bool:
    """Whether a type can hold a column: lists as joined strings and, with as_list, as lists."""
    is_list = pa.types.is_list(kind) or pa.types.is_large_list(kind)
    if as_list and is_list:
        return _can_hold_item(kind.value_type, column)
    if column.is_list:
        return is_string(kind)
    return _can_hold_item(kind, column)


def _can_hold_item(kind: pa.DataType, column: Column) -> bool:
    if column.dtype == "string":
        return is_string(kind)
    can_be_floating = column.dtype == "float"
    if can_be_floating and pa.types.is_floating(kind):
        return True
    return pa.types.is_integer(kind)


def is_string(kind: pa.DataType) -> bool:
    """Whether a type holds strings or binary values, encoded or not."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return kind in _STRINGS


def views(column: pa.ChunkedArray) -> Optional[StringViews]:
    """A column of strings that are not encoded, with an empty one for a null.

    Returns:
      None if the column holds anything else, or a value is no UTF-8.
    """
    is_plain = column.type in _PLAIN_STRINGS
    if not is_plain or column.num_chunks != 1:
        return None
    filled = column.chunk(0).fill_null("")
    strings = filled.cast(pa.binary())
    if not string_views.is_utf8(strings):
        return None
    return string_views.from_arrow(strings)


def one_array(column: pa.ChunkedArray) -> pa.Array:
    """A column in one piece: dictionary-encoded binary values, numbers, or lists of these."""
    if pa.types.is_large_list(column.type):
        as_list = pa.list_(column.type.value_type)
        column = column.cast(as_list)
    if pa.types.is_list(column.type):
        return _lists(column)
    if is_string(column.type):
        return _strings(column)
    if column.num_chunks == 1:
        return column.chunk(0)
    return column.combine_chunks()


def _lists(column: pa.ChunkedArray) -> pa.ListArray:
    """Lists whose offsets begin at 0; a null list is an empty one."""
    lists = _joined(column)
    flat = pa.chunked_array([lists.flatten()])
    items = one_array(flat)
    if _are_offsets_usable(lists):
        return pa.ListArray.from_arrays(lists.offsets, items)
    lengths = pc.list_value_length(lists).fill_null(0)
    splits = splits_of(lengths.to_numpy(zero_copy_only=False))
    splits = splits.astype(np.int32)
    offsets = pa.array(splits)
    return pa.ListArray.from_arrays(offsets, items)


def _are_offsets_usable(lists: pa.ListArray) -> bool:
    if lists.null_count or lists.offset:
        return False
    return lists.offsets[0].as_py() == 0


def _strings(column: pa.ChunkedArray) -> pa.DictionaryArray:
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    if column.num_chunks == 0:
        no_indices = pa.array([], pa.int32())
        no_values = pa.array([], pa.binary())
        return pa.DictionaryArray.from_arrays(no_indices, no_values)
    array = _joined(column)
    values = array.dictionary.cast(pa.binary())
    return pa.DictionaryArray.from_arrays(array.indices, values)


def _joined(column: pa.ChunkedArray) -> pa.Array:
    """The pieces of a column with dictionaries as one array."""
    if column.num_chunks == 1:
        return column.chunk(0)
    unified = column.unify_dictionaries()
    return unified.combine_chunks()

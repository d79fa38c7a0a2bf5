"""Columns whose values the names of a file's folders hold: one text for all of its rows."""

from typing import Any, Dict, Optional, Union

import numpy as np
import pyarrow as pa

from common.config.schema import Schema
from common.errors import BadInput
from common.formats import parsing, reader
from common.formats.chunks import RawColumns
from common.formats.parquet_casts import is_list
from common.formats.reader import InputFile
from common.formats.string_views import StringViews
from common.naming.partitions import Partition

Values = Dict[str, Optional[str]]  # of columns, by their names; None is a missing value
RawArray = Union[pa.Array, StringViews]


def used(partition: Partition, schema: Schema) -> Values:
    """Those of the columns that folders name that are the schema's, each with its value."""
    names = {column.name for column in schema.columns}
    return {name: value for name, value in partition if name in names}


def compared(file: InputFile, values: Values) -> Values:
    """The columns that can be compared with the values that a file's folders have for them.

    Left out are those that it does not have, lists, and types that are not read, as dates are.

    Raises:
      BadInput: one of the file's first rows has another value.
    """
    names = sorted(set(values).intersection(file.columns))
    chunk = reader.first_chunk(file) if names else None
    if not chunk:
        return {}
    can_compare: Values = {}
    for name in names:
        try:
            columns = file.read(chunk, [name])
        except BadInput:
            continue
        if not is_list(columns.arrays[name].type):
            check(file.path, columns, {name: values[name]})
            can_compare[name] = values[name]
    return can_compare


def check(path: str, columns: RawColumns, values: Values) -> None:
    """Checks that some rows of a file have the values that its folders have.

    Args:
      columns: the rows, as the file numbers them.

    Raises:
      BadInput: a row has another.
    """
    for name, value in values.items():
        array = columns.arrays[name]
        position = _first_other(array, value or "")
        if position is not None:
            message = ("{}, row {}: column {!r} is {!r}, and {!r} in the names of its folders. "
                       "Rename the folder, or write the file without the column.")
            shown = parsing.shown(_text(_value(array, position)))
            raise BadInput(message.format(
                path, columns.rows[position] + 1, name, shown, value or ""))


def are_same(arrays: Dict[str, Any], values: Values) -> bool:
    """Whether all rows of some columns have these values."""
    return all(_first_other(arrays[name], value or "") is None for name, value in values.items())


def _first_other(array: RawArray, value: str) -> Optional[int]:
    """The position of the first row that has another value; None without one."""
    if isinstance(array, StringViews):
        array = array.to_arrow()
    if not pa.types.is_dictionary(array.type):
        array = array.dictionary_encode()
    distinct = [*array.dictionary.to_pylist(), None]
    is_other = np.array([not _is_same(_text(one), value) for one in distinct])
    indices = array.indices.fill_null(len(distinct) - 1)
    are_other = is_other[indices.to_numpy()]
    return int(are_other.argmax()) if are_other.any() else None


def _value(array: RawArray, position: int) -> object:
    if isinstance(array, StringViews):
        return array.value(position)
    return array[position].as_py()


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return "" if value is None else str(value)


def _is_same(text: str, other: str) -> bool:
    """Whether two texts are equal, or the same number, as 07 and 7 are."""
    if text == other:
        return True
    try:
        return float(text) == float(other)
    except ValueError:
        return False


def added(arrays: Dict[str, Any], partition: Partition, num_rows: int) -> Dict[str, Any]:
    """The columns of some rows, and those that the folders of their file name."""
    constants = {name: _constant(value, num_rows) for name, value in partition}
    return {**arrays, **constants}


def _constant(value: Optional[str], num_rows: int) -> pa.DictionaryArray:
    """A column of one text, empty where it is missing."""
    indices = pa.array(np.zeros(num_rows, np.int32))
    text = value or ""
    values = pa.array([text.encode()], pa.binary())
    return pa.DictionaryArray.from_arrays(indices, values)

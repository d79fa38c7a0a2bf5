"""Columns whose values the names of a file's folders hold: one text for all of its rows."""

from typing import Any, Dict, List, Optional

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from common.config.schema import Schema
from common.errors import BadInput
from common.formats import parsing, reader
from common.formats.parquet_casts import is_list
from common.formats.reader import InputFile
from common.naming.partitions import Partition


def used(partition: Partition, schema: Schema) -> Dict[str, Optional[str]]:
    """Those of the columns that folders name that are the schema's, each with its value."""
    names = {column.name for column in schema.columns}
    return {name: value for name, value in partition if name in names}


def check(file: InputFile, name: str, value: Optional[str]) -> None:
    """Checks that the first rows of a file have the value that its folders have for a column.

    A column of a type that is not read, as a date, is not looked at.

    Raises:
      BadInput: one has another.
    """
    chunk = reader.first_chunk(file)
    if not chunk:
        return
    try:
        column = file.read(chunk, [name]).arrays[name]
    except BadInput:
        return
    if is_list(column.type):
        return
    for other in _distinct(column):
        if not _is_same(other, value or ""):
            message = ("{}: column {!r} is {!r} in the names of its folders and {!r} in its first "
                       "rows. Rename the folder, or write the file without the column.")
            raise BadInput(message.format(
                file.path, name, value or "", parsing.shown(other)))


def _distinct(column: pa.Array) -> List[str]:
    """The distinct values of a column, as text."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    values = pc.unique(column).to_pylist()
    return [_text(value) for value in values]


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

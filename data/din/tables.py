"""Reads the files reviews-info and item-info as Arrow tables, block by block."""

import os
import re
from typing import Iterator

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv
from pyarrow.types import is_integer

from common.errors import BadInput
from data.lines import Progress, is_utf8

REVIEWS = pa.schema({
    "user": pa.binary(),
    "item": pa.binary(),
    "rating": pa.binary(),
    "time": pa.int64(),
})
ITEMS = pa.schema({
    "item": pa.binary(),
    "category": pa.binary(),
})
_BLOCK_BYTES = 1 << 24
_NAME = "^[^\x02]+$"
_TIME = "^-?[0-9]+$"


def read_tables(path: str, schema: pa.Schema) -> Iterator[pa.Table]:
    """Yields the rows of a tab-separated file, block by block.

    Raises:
      BadInput: the file is missing or empty, or a line does not fit the schema.
    """
    if not os.path.isfile(path) or not os.path.getsize(path):
        raise BadInput("{}: no such file, or an empty one. Write it with process_data.py."
                       .format(path))
    progress = Progress(path, "lines")
    count = 0
    with open(path, "rb") as file:
        block = file.read(_BLOCK_BYTES) + file.readline()
        while block:
            table = _parse_block(path, block, schema, count)
            count += table.num_rows
            progress.update(count, file.tell())
            yield table
            block = file.read(_BLOCK_BYTES) + file.readline()
    progress.end(count)


def _parse_block(path: str, block: bytes, schema: pa.Schema, num_before: int) -> pa.Table:
    """The rows of a block of lines; num_before is the number of lines before the block."""
    try:
        texts = _read_texts(block, schema)
        if _all_fit(texts, schema):
            return texts.cast(schema)
    except pa.ArrowInvalid:
        pass
    raise _bad_line(path, block, schema, num_before)


def _read_texts(block: bytes, schema: pa.Schema) -> pa.Table:
    """The fields of a block as strings, which pyarrow checks to be UTF-8."""
    strings = dict.fromkeys(schema.names, pa.string())
    return csv.read_csv(
        pa.py_buffer(block),
        csv.ReadOptions(use_threads=False, column_names=schema.names),
        csv.ParseOptions(delimiter="\t", quote_char=False, ignore_empty_lines=False),
        csv.ConvertOptions(column_types=strings, null_values=[]),
    )


def _all_fit(texts: pa.Table, schema: pa.Schema) -> bool:
    for column, field in zip(texts.columns, schema):
        matches = pc.match_substring_regex(column, _pattern(field))
        if not pc.all(matches).as_py():
            return False
    return True


def _pattern(field: pa.Field) -> str:
    """What a field must look like: any name, or a whole number."""
    return _TIME if is_integer(field.type) else _NAME


def _bad_line(path: str, block: bytes, schema: pa.Schema, num_before: int) -> BadInput:
    """The error of the first line of a block that does not fit."""
    number, line = 0, b""
    for number, line in enumerate(block.splitlines(), num_before + 1):
        if not _line_fits(line, schema):
            break
    given = line[:80].decode("utf-8", "backslashreplace")
    expected = "{} in UTF-8, tab-separated, none empty or with a byte 0x02".format(
        ", ".join(schema.names))
    if "time" in schema.names:
        expected += ", the time a whole number"
    return BadInput("{}, line {}: {!r} is given, expected {}. Write the file again with "
                    "process_data.py.".format(path, number, given, expected))


def _line_fits(line: bytes, schema: pa.Schema) -> bool:
    values = line.split(b"\t")
    if len(values) != len(schema):
        return False
    return all(map(_value_fits, values, schema))


def _value_fits(value: bytes, field: pa.Field) -> bool:
    if not is_utf8(value):
        return False
    text = value.decode("utf-8")
    if not re.search(_pattern(field), text):
        return False
    return not is_integer(field.type) or -1 << 63 <= int(text) < 1 << 63


def one_array(table: pa.Table, name: str) -> pa.Array:
    """A column as one array."""
    column = table.column(name)
    if column.num_chunks == 1:
        return column.chunk(0)
    nothing = pa.array([], column.type)
    return pa.concat_arrays([nothing] + column.chunks)

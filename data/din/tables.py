"""The files reviews-info and item-info as Arrow tables, block by block."""

import os
import re
from typing import Iterator

import pyarrow as pa
import pyarrow.compute
import pyarrow.csv

from common.errors import BadInput
from data.din.lines import Progress, is_utf8

REVIEWS = pa.schema([("user", pa.binary()), ("item", pa.binary()), ("rating", pa.binary()), ("time", pa.int64())])
ITEMS = pa.schema([("item", pa.binary()), ("category", pa.binary())])
_BLOCK_BYTES = 1 << 24
_NAME, _TIME = "^[^\x02]+$", "^-?[0-9]+$"


def read_tables(path: str, schema: pa.Schema) -> Iterator[pa.Table]:
    """Yields the rows of a tab-separated file, block by block.

    Raises:
      BadInput: the file is missing or empty, or a line does not fit the schema.
    """
    if not os.path.isfile(path) or not os.path.getsize(path):
        raise BadInput("{}: no such file, or an empty one. Write it with process_data.py.".format(path))
    progress, count = Progress(path, "lines"), 0
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(_BLOCK_BYTES) + file.readline(), b""):
            table = _parse_block(path, block, schema, count)
            count += table.num_rows
            progress.update(count, file.tell())
            yield table
    progress.end(count)


def _parse_block(path: str, block: bytes, schema: pa.Schema, first: int) -> pa.Table:
    try:
        texts = pa.csv.read_csv(  # strings are checked to be UTF-8
            pa.py_buffer(block), pa.csv.ReadOptions(use_threads=False, column_names=schema.names),
            pa.csv.ParseOptions(delimiter="\t", quote_char=False, ignore_empty_lines=False),
            pa.csv.ConvertOptions(column_types=dict.fromkeys(schema.names, pa.string()), null_values=[]))
        if all(pa.compute.all(pa.compute.match_substring_regex(column, _pattern(field))).as_py()
               for column, field in zip(texts.columns, schema)):
            return texts.cast(schema)
    except pa.ArrowInvalid:
        pass
    raise _bad_line(path, block, schema, first)


def _bad_line(path: str, block: bytes, schema: pa.Schema, first: int) -> BadInput:
    """The error of the first line of a block that does not fit; first is the number of lines before the block."""
    number, line = 0, b""
    for number, line in enumerate(block.splitlines(), first + 1):
        fields = line.split(b"\t")
        if len(fields) != len(schema) or not all(_fits(value, field) for value, field in zip(fields, schema)):
            break
    return BadInput("{}, line {}: {!r} is given, expected {} in UTF-8, tab-separated, none empty or with a byte 0x02"
                    "{}. Write the file again with process_data.py.".format(
                        path, number, line[:80].decode("utf-8", "backslashreplace"), ", ".join(schema.names),
                        ", the time a whole number" if "time" in schema.names else ""))


def _pattern(field: pa.Field) -> str:
    """What a field must look like: any name, or a whole number."""
    return _TIME if pa.types.is_integer(field.type) else _NAME


def _fits(value: bytes, field: pa.Field) -> bool:
    if not is_utf8(value) or not re.search(_pattern(field), value.decode("utf-8")):
        return False
    return not pa.types.is_integer(field.type) or -1 << 63 <= int(value) < 1 << 63


def one_array(table: pa.Table, name: str) -> pa.Array:
    """Returns a column as one array."""
    chunks = table.column(name).chunks
    return chunks[0] if len(chunks) == 1 else pa.concat_arrays(chunks or [pa.array([], table.schema.field(name).type)])

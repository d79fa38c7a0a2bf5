"""Reads files of reviews and of items as Arrow tables, block by block."""

import os
import re
from typing import IO, Dict, Iterator, NamedTuple, Optional

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
_INSTEAD = "\x1f"  # of a delimiter of several characters, which pyarrow does not take


class Form(NamedTuple):
    """How a file of some schema is written.

    Attributes:
      delimiter: what divides the fields of a line.
      header: the first line; empty where it holds a row.
      patterns: what a field must look like, by name; a name or a whole number otherwise.
      expected: what a line should be, for messages.
      origin: where to get a file that is missing, for messages.
      remedy: what to do about a line that does not fit, for messages.
    """

    delimiter: str
    header: str
    patterns: Dict[str, str]
    expected: str
    origin: str
    remedy: str


def _prepared(schema: pa.Schema) -> Form:
    """The form of the files of process_data.py."""
    expected = "{} in UTF-8, tab-separated, none empty or with a byte 0x02".format(
        ", ".join(schema.names))
    if "time" in schema.names:
        expected += ", the time a whole number"
    origin = "Write it with process_data.py."
    return Form("\t", "", {}, expected, origin, "Write the file again with process_data.py.")


def read_tables(
        path: str,
        schema: pa.Schema,
        form: Optional[Form] = None,
) -> Iterator[pa.Table]:
    """Yields the rows of a file, block by block.

    Args:
      path: the file.
      schema: its columns.
      form: how they are written; None for the form of process_data.py.

    Raises:
      BadInput: the file is missing or empty, or a line does not fit schema and form.
    """
    if form is None:
        form = _prepared(schema)
    if not os.path.isfile(path) or not os.path.getsize(path):
        raise BadInput("{}: no such file, or an empty one. {}".format(path, form.origin))
    progress = Progress(path, "lines")
    count = 0
    with open(path, "rb") as file:
        num_before = _read_header(path, file, form)
        block = file.read(_BLOCK_BYTES) + file.readline()
        while block:
            table = _parse_block(path, block, schema, form, num_before + count)
            count += table.num_rows
            progress.update(count, file.tell())
            yield table
            block = file.read(_BLOCK_BYTES) + file.readline()
    progress.end(count)


def _read_header(path: str, file: IO[bytes], form: Form) -> int:
    """Reads the header, where the form has one; returns how many lines that were."""
    if not form.header:
        return 0
    line = file.readline(_BLOCK_BYTES).rstrip(b"\r\n").replace(b'"', b"")
    if line != form.header.encode("utf-8"):
        given = line[:80].decode("utf-8", "backslashreplace")
        raise BadInput("{}, line 1: {!r} is given, expected the header {!r}. {}".format(
            path, given, form.header, form.remedy))
    return 1


def _parse_block(
        path: str,
        block: bytes,
        schema: pa.Schema,
        form: Form,
        num_before: int,
) -> pa.Table:
    """The rows of a block of lines; num_before is the number of lines before the block."""
    try:
        texts = _read_texts(block, schema, form)
        if _all_fit(texts, schema, form):
            return texts.cast(schema)
    except pa.ArrowInvalid:
        pass
    raise _bad_line(path, block, schema, form, num_before)


def _read_texts(block: bytes, schema: pa.Schema, form: Form) -> pa.Table:
    """The fields of a block as strings, which pyarrow checks to be UTF-8."""
    delimiter = form.delimiter
    if len(delimiter) > 1:
        block = block.replace(delimiter.encode("utf-8"), _INSTEAD.encode("utf-8"))
        delimiter = _INSTEAD
    strings = dict.fromkeys(schema.names, pa.string())
    return csv.read_csv(
        pa.py_buffer(block),
        csv.ReadOptions(use_threads=False, column_names=schema.names),
        csv.ParseOptions(delimiter=delimiter, quote_char=False, ignore_empty_lines=False),
        csv.ConvertOptions(column_types=strings, null_values=[]),
    )


def _all_fit(texts: pa.Table, schema: pa.Schema, form: Form) -> bool:
    for column, field in zip(texts.columns, schema):
        matches = pc.match_substring_regex(column, _pattern(field, form))
        if not pc.all(matches).as_py():
            return False
    return True


def _pattern(field: pa.Field, form: Form) -> str:
    """What a field must look like: any name, or a whole number, if the form does not say more."""
    default = _TIME if is_integer(field.type) else _NAME
    return form.patterns.get(field.name, default)


def _bad_line(
        path: str,
        block: bytes,
        schema: pa.Schema,
        form: Form,
        num_before: int,
) -> BadInput:
    """The error of the first line of a block that does not fit."""
    number, line = 0, b""
    for number, line in enumerate(block.splitlines(), num_before + 1):
        if not _line_fits(line, schema, form):
            break
    given = line[:80].decode("utf-8", "backslashreplace")
    return BadInput("{}, line {}: {!r} is given, expected {}. {}".format(
        path, number, given, form.expected, form.remedy))


def _line_fits(line: bytes, schema: pa.Schema, form: Form) -> bool:
    values = line.split(form.delimiter.encode("utf-8"))
    if len(values) != len(schema):
        return False
    return all(_value_fits(value, field, form) for value, field in zip(values, schema))


def _value_fits(value: bytes, field: pa.Field, form: Form) -> bool:
    if not is_utf8(value):
        return False
    text = value.decode("utf-8")
    if not re.search(_pattern(field, form), text):
        return False
    return not is_integer(field.type) or -1 << 63 <= int(text) < 1 << 63


def one_array(table: pa.Table, name: str) -> pa.Array:
    """A column as one array."""
    column = table.column(name)
    if column.num_chunks == 1:
        return column.chunk(0)
    nothing = pa.array([], column.type)
    return pa.concat_arrays([nothing] + column.chunks)

"""Which columns a text file has and where its rows begin, by its header or by the schema."""

import argparse
import csv
import re
from typing import List, NamedTuple, Optional, Sequence, Set

from common.config.flag_types import FILES, FlagParser, boolean
from common.config.schema import Schema
from common.errors import BadInput
from common.formats import parsing
from common.naming import text_forms
from common.formats.column_names import ColumnNames
from common.formats.text_bytes import TextBytes
from common.places import location

_HEAD_BYTES = text_forms.HEAD_BYTES
_MAX_HEAD_BYTES = 1 << 24
_NAME = re.compile(r"[^\W\d][\w .:-]*")
_VALUES = {"true", "false", "t", "f", "yes", "no", "nan", "null", "none", "na", "inf"}  # not names


def add_flags(parser: FlagParser) -> None:
    """Adds the flag of text files with a header."""
    parser.group(FILES).add_argument(
        "--csv_header", type=boolean, nargs="?", const=True, default=None,
        help="the first line of each text file names its columns, in any order (default: what the "
             "schema says, false for those of data/)")


def has_header(args: argparse.Namespace) -> bool:
    """Whether text files have a header, by the flag or else by the schema."""
    if args.csv_header is None:
        return args.schema.header
    return args.csv_header


class WrongHeader(BadInput):
    """A text file has a header where none was announced, or none where one was."""


class Layout(NamedTuple):
    """The form of a text file.

    Attributes:
      columns: the columns of each line: by the schema's names where it has them, else as the header
        names them.
      start: where the first row begins.
      has_header: whether a line of names stands before it.
      has_mark: whether the text begins with UTF-8's byte order mark.
    """

    columns: List[str]
    start: int
    has_header: bool = False
    has_mark: bool = False


def find(
    text: TextBytes,
    schema: Schema,
    header: Optional[ColumnNames],
    elsewhere: Sequence[str] = (),
) -> Layout:
    """The layout of a text file.

    Args:
      header: finds the schema's columns in its header; None where it has none.
      elsewhere: columns that the header need not name.

    Raises:
      WrongHeader: there is no header, or one that was not asked for.
      BadInput: it lacks columns.
    """
    lines = _first_lines(text)
    start = text_forms.mark_size(lines[0])
    has_mark = start > 0
    lines[0] = lines[0][start:]
    columns = [column.name for column in schema.columns]
    if header is None:
        _check_no_header(text.path, schema, lines)
        return Layout(columns, start, has_mark=has_mark)
    if lines == [b""]:
        return Layout(columns, start, has_mark=has_mark)
    names = _fields(lines[0], schema.delimiter)
    known = _known_names(schema)
    if not any(name.lower() in known for name in names):
        message = ("{}: with --csv_header its first line should name the columns of {}. It is "
                   "{!r}. Give --csv_header false if it is a row.")
        raise WrongHeader(message.format(text.path, schema.name, parsing.shown(lines[0])))
    for name, place in header.positions(text.path, names, elsewhere).items():
        names[place] = name
    return Layout(names, start + len(lines[0]) + 1, True, has_mark)


def header_of(path: str, delimiter: str) -> List[str]:
    """The names in the first line of a text file, whatever they are.

    Raises:
      BadInput: the file cannot be read, or is no text.
    """
    line = _first_lines(TextBytes(path, location.opened_stamp(path)))[0]
    return _fields(line[text_forms.mark_size(line):], delimiter)


def width(text: TextBytes, schema: Schema) -> Optional[int]:
    """How many fields the first line of a text without a header has; None where there is none."""
    line = _first_lines(text)[0]
    return line.count(schema.delimiter.encode()) + 1 if line else None


def _first_lines(text: TextBytes) -> List[bytes]:
    """The first lines of a text without their ends, at least one, and two where there are two."""
    size = _HEAD_BYTES
    while True:
        head = text.head(size)
        lines = head.split(b"\n")
        is_all = len(head) < size
        if is_all or len(lines) > 2:
            return lines
        if size >= _MAX_HEAD_BYTES:
            message = "{}: there are not two lines in its first {} bytes. Is it another file?"
            raise BadInput(message.format(text.path, size))
        size *= 4


def _check_no_header(path: str, schema: Schema, lines: Sequence[bytes]) -> None:
    """Raises BadInput where the first line looks like names of columns."""
    names = _fields(lines[0], schema.delimiter)
    if _are_known(names, schema) or _are_names_of_labels(lines, schema):
        message = ("{}: its first line is {!r}. Is this a header? Then give --csv_header, with "
                   "which columns are found by their names; else mend or remove the line.")
        raise WrongHeader(message.format(path, parsing.shown(lines[0])))


def _are_known(names: Sequence[str], schema: Schema) -> bool:
    """Whether most fields of a line are names of the schema's columns."""
    known = _known_names(schema)
    num_known = sum(name.lower() in known for name in names)
    return num_known >= 2 and 2 * num_known >= len(names)


def _are_names_of_labels(lines: Sequence[bytes], schema: Schema) -> bool:
    """Whether the labels of the first line are words, while those of the second are numbers."""
    if len(lines) < 2:
        return False
    first, second = [_fields(line, schema.delimiter) for line in lines[:2]]
    places = _places_of_numeric_labels(schema)
    if not places or len(first) != len(second) or len(first) <= max(places):
        return False
    are_names = [_is_name(first[place]) for place in places]
    are_digits = [second[place].isdigit() for place in places]
    return all(are_names) and all(are_digits)


def _places_of_numeric_labels(schema: Schema) -> List[int]:
    numeric = [column for column in schema.label_columns if column.dtype != "string"]
    return [place for place, column in enumerate(schema.columns) if column in numeric]


def _is_name(text: str) -> bool:
    return bool(_NAME.fullmatch(text)) and text.lower() not in _VALUES


def _known_names(schema: Schema) -> Set[str]:
    """All names that the schema's columns are known by, in lower case."""
    known: Set[str] = set()
    for column in schema.columns:
        known.update(name.lower() for name in (column.name, *column.other_names))
    return known


def _fields(line: bytes, delimiter: str) -> List[str]:
    """The fields of a line of names, of which each may stand in quotes."""
    text = line.decode("utf-8", "replace").strip("\r")
    rows = csv.reader([text], delimiter=delimiter, skipinitialspace=True)
    try:
        fields = next(rows, [""])
    except csv.Error:  # of what is no header: a field too long, or a control character in it
        fields = text.split(delimiter)
    return [field.strip() for field in fields]

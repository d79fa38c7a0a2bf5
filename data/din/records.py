"""Records of raw files, one a line: JSON or Python literals, parsed and never executed."""

import ast
import json
import re
from typing import Any, Dict, Iterator, Tuple

from common.errors import BadInput
from data.lines import read_lines, start_of

_VALUE = re.compile(
    r"""[bBrRuU]{0,2}(?:'[^']*'?|"[^"]*"?)"""
    r"|[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?"
    r"|True|False|None"
)
_ESCAPE = re.compile(r"""\\[\\'"]""")
_OPERATION = re.compile(r"[^0\s,:()\[\]{}]|[0)\]}]\s*[0(\[{]")
_ARRAY = re.compile(rb"\[\s*\{")
_SEVERAL_LINES = re.compile(rb'\{\s*\n\s*"')
_EXPECTED = "a JSON object or a Python dict of literals in UTF-8"

Record = Dict[Any, Any]


class BadRecord(ValueError):
    """A record that cannot be used; the field is empty where the whole record is meant."""

    def __init__(self, field: str, value: object, expected: str) -> None:
        given = repr(value)
        if len(given) > 80:
            given = given[:77] + "..."
        message = "{} is given, expected {}".format(given, expected)
        if field:
            message = "field {!r}: {}".format(field, message)
        super().__init__(message)


class MissingField(BadRecord):
    """A record without a field that it needs."""

    def __init__(self, field: str, expected: str) -> None:
        text = "field {!r} is missing, expected {}".format(field, expected)
        ValueError.__init__(self, text)


class BadRecords:
    """Counts the records that cannot be used, up to a limit."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.count = 0

    def add(self, path: str, number: int, error: BadRecord) -> None:
        """Skips the record in line number of a file.

        Raises:
          BadInput: there are more of them than the limit allows.
        """
        self.count += 1
        if self.count <= self.limit:
            return
        advice = ", or skip up to N such records with --max_bad_records N"
        if self.limit:
            advice = "; more than --max_bad_records {} records cannot be used".format(self.limit)
        raise BadInput("{}, line {}: {}. Mend or remove the line{}.".format(
            path, number, error, advice))


def value_of(record: Record, field: str, expected: str) -> Any:
    """The value of a field.

    Raises:
      MissingField: the record does not have it; expected says what it should hold.
    """
    if field not in record:
        raise MissingField(field, expected)
    return record[field]


def parse(line: bytes) -> Record:
    """The dict that a line holds as JSON or as a Python literal.

    Raises:
      BadRecord: it is neither, or no dict.
    """
    try:
        record = _parse_text(line.decode("utf-8").strip())
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        # These are all that literal_eval is known to raise.
        text = line.decode("utf-8", "backslashreplace")
        raise BadRecord("", text, _EXPECTED)
    if not isinstance(record, dict):
        raise BadRecord("", record, _EXPECTED)
    return record


def _parse_text(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return _parse_literal(text)


def _parse_literal(text: str) -> Any:
    """The value of a Python literal.

    ast.literal_eval parses any Python first, and chains such as 1+1+1, a.b.c or x()() become trees
    as deep as they are long, which overflow the interpreter's stack. So operations are refused
    first: once each string, number and name is replaced by 0, a literal has only brackets, commas
    and colons besides, and no value or bracket begins right after another one ended.

    Raises:
      ValueError, SyntaxError, TypeError, MemoryError: it is no literal.
    """
    unescaped = _ESCAPE.sub("", text)
    skeleton = _VALUE.sub("0", unescaped)
    if _OPERATION.search(skeleton):
        raise ValueError("an operation")
    return ast.literal_eval(text)


def check_start(path: str) -> None:
    """Raises BadInput where a file begins as JSON that is not one record a line."""
    start = start_of(path).lstrip()
    what, command = "", ""
    if _ARRAY.match(start):
        what, command = "the file is one JSON array", "jq -c '.[]'"
    elif _SEVERAL_LINES.match(start):
        what, command = "a record is on several lines", "jq -c ."
    if what:
        raise BadInput("{0}: {1}, expected one record a line. Write it so: {2} {0} > LINES".format(
            path, what, command))


def read_records(path: str) -> Iterator[Tuple[int, bytes]]:
    """Yields the number, from 1, and the text of each line that is not blank.

    Raises:
      BadInput: the file cannot be read, or is one JSON array.
    """
    check_start(path)
    for number, line in read_lines(path):
        if line.strip():
            yield number, line

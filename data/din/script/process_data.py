"""Parses the raw records of Amazon Books: of a review its user, item, rating and time, of an item
its category.

    python data/din/script/process_data.py reviews_Books.json meta_Books.json --out OUT

writes reviews-info and item-info. A record is a line of JSON or, as in the public meta file, a
Python literal, which is parsed and never run. One record is held at a time.
"""

import argparse
import ast
import json
import os
import re
import sys
from typing import Any, Callable, Dict, List, Optional

sys.path.insert(0, os.path.abspath(os.path.join(os.path.dirname(__file__), *[os.pardir] * 3)))
from common.errors import BadInput  # noqa: E402
from common.files import replacing  # noqa: E402
from data.din.lines import describe, read_lines  # noqa: E402

_UNFIT = re.compile("[\t\n\r\x02]")
_VALUE = re.compile(
    r"""[bBrRuU]{0,2}(?:'[^']*'?|"[^"]*"?)|[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?"""
    "|True|False|None")
_OPERATION = re.compile(r"[^0\s,:()\[\]{}]|[0)\]}]\s*[0(\[{]")
_INT64 = 1 << 63

Record = Dict[Any, Any]


class BadRecord(ValueError):
    """A record that cannot be used: which of its fields (none: all of it), the value and what was
    expected.
    """

    def __init__(self, field: str, value: object, expected: str) -> None:
        text = repr(value)
        super().__init__("{}{} is given, expected {}".format(
            field and "field {!r}: ".format(field), text if len(text) <= 80 else text[:77] + "...",
            expected))


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
        if self.count > self.limit:
            raise BadInput("{}, line {}: {}. Mend or remove the line{}.".format(
                path, number, error,
                "; more than --max_bad_records {} records cannot be used".format(self.limit)
                if self.limit else ", or skip up to N such records with --max_bad_records N"))


def parse(line: bytes) -> Record:
    """Returns the dict that a line of JSON or a Python literal stands for.

    Raises:
      BadRecord: it is neither, or no dict.
    """
    expected = "a JSON object or a Python dict of literals in UTF-8"
    try:
        text = line.decode("utf-8").strip()
        try:
            record = json.loads(text)
        except ValueError:
            record = _literal(text)
    # what literal_eval is known to raise
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        raise BadRecord("", line.decode("utf-8", "backslashreplace"), expected)
    if not isinstance(record, dict):
        raise BadRecord("", record, expected)
    return record


def _literal(text: str) -> Any:
    """The value of a Python literal.

    ast.literal_eval parses all of Python first, and chains such as 1+1+1, a.b.c or x()() to trees
    as deep as they are long, which overflow the interpreter's stack. So operations are refused
    before: with 0 for each string, number and name, a literal is brackets, commas and colons
    besides, and nothing begins right after something that ended.

    Raises:
      ValueError, SyntaxError, TypeError, MemoryError: it is none.
    """
    unescaped = text.replace("\\\\", "").replace("\\'", "").replace('\\"', "")
    if _OPERATION.search(_VALUE.sub("0", unescaped)):
        raise ValueError("an operation")
    return ast.literal_eval(text)


def review_line(record: Record) -> str:
    """Returns user, item, rating and time of a review, tab-separated.

    Raises:
      BadRecord: one of them is missing or not of its type.
    """
    rating, time = record.get("overall"), record.get("unixReviewTime")
    if isinstance(rating,
                  bool) or not isinstance(rating,
                                          (int, float)) or not -_INT64 <= rating < _INT64:  # or NaN
        raise BadRecord("overall", rating, "a number")
    if isinstance(time, bool) or not isinstance(time, int) or not -_INT64 <= time < _INT64:
        raise BadRecord("unixReviewTime", time, "a whole number of seconds")
    return "\t".join([
        _name("reviewerID", record.get("reviewerID")),
        _name("asin", record.get("asin")),
        str(rating),
        str(time)
    ])


def item_line(record: Record) -> str:
    """Returns an item and its category, the last of the first path of categories, tab-separated.

    Raises:
      BadRecord: one of them is missing or not of its type.
    """
    paths = record.get("categories")
    if not (isinstance(paths, list) and paths and isinstance(paths[0], list) and paths[0]):
        raise BadRecord("categories", paths, "a list of paths, each a list of names")
    return "\t".join([_name("asin", record.get("asin")), _name("categories", paths[0][-1])])


def _name(field: str, value: object) -> str:
    expected = "UTF-8 text that is not empty, without tab, line end or byte 0x02"
    if not isinstance(value, str) or not value or _UNFIT.search(value):
        raise BadRecord(field, value, expected)
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:  # half of a surrogate pair
        raise BadRecord(field, value, expected)
    return value


def convert(source: str, target: str, to_line: Callable[[Record], str], bad: BadRecords) -> int:
    """Writes the line of each record of source to target; blank lines are passed over.

    Returns:
      the number of lines written.

    Raises:
      BadInput: source cannot be read, holds no records or too many bad ones; no target is written
        then.
    """
    count = 0
    with replacing(target) as temporary, open(temporary, "wb") as file:
        for number, line in read_lines(source):
            if not line.strip():
                continue
            try:
                text = to_line(parse(line))
            except BadRecord as error:
                bad.add(source, number, error)
                continue
            file.write(text.encode("utf-8") + b"\n")
            count += 1
        if not count:
            raise BadInput(
                "{}: there is no record in it that can be used. Expected one a line.".format(
                    source))
    return count


def main(argv: Optional[List[str]] = None) -> int:
    """Parses both raw files."""
    parser = argparse.ArgumentParser(
        description="Parses raw reviews and items into reviews-info and item-info.")
    parser.add_argument("reviews", help="reviews_Books.json or reviews_Books.json.gz")
    parser.add_argument("meta", help="meta_Books.json or meta_Books.json.gz")
    parser.add_argument("--out", default=".", help="folder to write to (default: the current one)")
    parser.add_argument("--max_bad_records", type=int, default=0,
                        help="records of both files together that may be skipped (default 0)")
    args = parser.parse_args(argv)
    if args.max_bad_records < 0:
        parser.error("--max_bad_records must be >= 0. Got: {}.".format(args.max_bad_records))
    bad = BadRecords(args.max_bad_records)
    try:
        for source, name, to_line in ((args.reviews, "reviews-info", review_line),
                                      (args.meta, "item-info", item_line)):
            target = os.path.join(args.out, name)
            print(describe(target, convert(source, target, to_line, bad), "lines"))
    except (BadInput, OSError) as error:
        print("{}: error: {}".format(parser.prog, error), file=sys.stderr)
        return 1
    if bad.count:
        print("{}: {} bad records skipped".format(parser.prog, bad.count), file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())

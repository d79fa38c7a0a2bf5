"""Parses the raw records of Amazon Books, reviews and items, into two tab-separated files.

    python data/din/script/process_data.py reviews_Books.json meta_Books.json --out OUT

writes reviews-info (user, item, rating and time) and item-info (item and category). A record is a
line of JSON or, as in the public meta file, a Python literal, which is parsed and never executed.
Memory holds one record.
"""

import argparse
import ast
import json
import os
import pathlib
import re
import sys
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

_ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(_ROOT))
from common.config.flag_types import written_locally  # noqa: E402
from common.errors import BadInput  # noqa: E402
from common.files import replacing  # noqa: E402
from data.din import steps  # noqa: E402
from data.lines import describe, read_lines  # noqa: E402

_UNFIT = re.compile("[\t\n\r\x02]")
_VALUE = re.compile(
    r"""[bBrRuU]{0,2}(?:'[^']*'?|"[^"]*"?)"""
    r"|[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?"
    r"|True|False|None"
)
_ESCAPE = re.compile(r"""\\[\\'"]""")
_OPERATION = re.compile(r"[^0\s,:()\[\]{}]|[0)\]}]\s*[0(\[{]")
_INT64 = 1 << 63

Record = Dict[Any, Any]
ToLine = Callable[[Record], str]


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


def parse(line: bytes) -> Record:
    """The dict that a line holds as JSON or as a Python literal.

    Raises:
      BadRecord: it is neither, or no dict.
    """
    expected = "a JSON object or a Python dict of literals in UTF-8"
    try:
        record = _parse_text(line.decode("utf-8").strip())
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        # These are all that literal_eval is known to raise.
        text = line.decode("utf-8", "backslashreplace")
        raise BadRecord("", text, expected)
    if not isinstance(record, dict):
        raise BadRecord("", record, expected)
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


def review_line(record: Record) -> str:
    """User, item, rating and time of a review, tab-separated.

    Raises:
      BadRecord: one of them is missing or not of its type.
    """
    rating = record.get("overall")
    time = record.get("unixReviewTime")
    if not _is_number(rating, (int, float)):
        raise BadRecord("overall", rating, "a number")
    if not _is_number(time, (int,)):
        raise BadRecord("unixReviewTime", time, "a whole number of seconds")
    user = _name("reviewerID", record.get("reviewerID"))
    item = _name("asin", record.get("asin"))
    return "\t".join([user, item, str(rating), str(time)])


def _is_number(value: Any, types: Tuple[type, ...]) -> bool:
    """Whether a value has one of the types and fits in 64 bits; NaN and bools are no numbers."""
    if isinstance(value, bool) or not isinstance(value, types):
        return False
    return -_INT64 <= value < _INT64


def item_line(record: Record) -> str:
    """An item and its category, the last of the first path of categories, tab-separated.

    Raises:
      BadRecord: one of them is missing or not of its type.
    """
    paths: Any = record.get("categories")
    if not _is_filled_list(paths) or not _is_filled_list(paths[0]):
        raise BadRecord("categories", paths, "a list of paths, each a list of names")
    item = _name("asin", record.get("asin"))
    category = _name("categories", paths[0][-1])
    return "\t".join([item, category])


def _is_filled_list(value: Any) -> bool:
    return isinstance(value, list) and len(value) > 0


def _name(field: str, value: object) -> str:
    expected = "UTF-8 text that is not empty, without tab, line end or byte 0x02"
    if not isinstance(value, str) or not value or _UNFIT.search(value):
        raise BadRecord(field, value, expected)
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:  # half of a surrogate pair
        raise BadRecord(field, value, expected)
    return value


def convert(
        source: str,
        target: str,
        to_line: ToLine,
        bad: BadRecords,
) -> int:
    """Writes the line of each record of source to target; blank lines are skipped.

    Returns:
      the number of lines written.

    Raises:
      BadInput: source cannot be read, has no records or too many bad ones; no target is written
        then.
    """
    count = 0
    with replacing(target) as temporary, open(temporary, "wb") as file:
        for text in _record_lines(source, to_line, bad):
            line = text + "\n"
            file.write(line.encode("utf-8"))
            count += 1
        if not count:
            raise BadInput("{}: there is no record in it that can be used. Expected one a line."
                           .format(source))
    return count


def _record_lines(source: str, to_line: ToLine, bad: BadRecords) -> Iterator[str]:
    """Yields the line of each record that can be used."""
    for number, line in read_lines(source):
        if not line.strip():
            continue
        try:
            yield to_line(parse(line))
        except BadRecord as error:
            bad.add(source, number, error)


def main(argv: Optional[List[str]] = None) -> int:
    """Parses both raw files; returns the exit status."""
    description = "Parses raw reviews and items into reviews-info and item-info."
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("reviews", help="reviews_Books.json or reviews_Books.json.gz")
    parser.add_argument("meta", help="meta_Books.json or meta_Books.json.gz")
    parser.add_argument("--out", type=written_locally, default=".",
                        help="folder to write to (default: the current one)")
    limit_help = "bad records of both files together that may be skipped (default 0)"
    parser.add_argument("--max_bad_records", type=int, default=0, help=limit_help)
    args = parser.parse_args(argv)
    steps.check_not_negative(parser, "--max_bad_records", args.max_bad_records)
    return steps.run(parser, lambda: _convert_both(args, parser.prog))


def _convert_both(args: argparse.Namespace, prog: str) -> Iterator[str]:
    """Yields a line about each of the two files, once it is written."""
    bad = BadRecords(args.max_bad_records)
    reviews_info = os.path.join(args.out, "reviews-info")
    item_info = os.path.join(args.out, "item-info")
    num_reviews = convert(args.reviews, reviews_info, review_line, bad)
    yield describe(reviews_info, num_reviews, "lines")
    num_items = convert(args.meta, item_info, item_line, bad)
    yield describe(item_info, num_items, "lines")
    if bad.count:
        print("{}: {} bad records skipped".format(prog, bad.count), file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())

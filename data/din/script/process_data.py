"""Parses the raw records of Amazon's reviews and items into two tab-separated files.

    python data/din/script/process_data.py reviews_Books.json meta_Books.json --out OUT

writes reviews-info (user, item, rating and time) and item-info (item and category). The releases of
2014, 2018 and 2023 are read. A record is a line of JSON or, as in the public meta file of 2014, a
Python literal, which is parsed and never executed. Memory holds one record.
"""

import argparse
import functools
import os
import pathlib
import sys
from typing import Callable, Iterator, List, Optional

_ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(_ROOT))
from common.config.flag_types import written_locally  # noqa: E402
from common.counts import counted  # noqa: E402
from common.errors import BadInput  # noqa: E402
from common.files import replacing  # noqa: E402
from data.din import steps  # noqa: E402
from data.din.records import BadRecord, BadRecords, Record, parse, read_records  # noqa: E402
from data.din.releases import item_line, review_keys, review_line  # noqa: E402
from data.lines import describe  # noqa: E402

ToLine = Callable[[Record], str]


def first_record(path: str, limit: int) -> Record:
    """The first record of a file that can be parsed; an empty one where there is none.

    Raises:
      BadInput: the file cannot be read, or more than limit records before it cannot be parsed.
    """
    bad = BadRecords(limit)
    for number, line in read_records(path):
        try:
            return parse(line)
        except BadRecord as error:
            bad.add(path, number, error)
    return {}


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
    for number, line in read_records(source):
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
    keys = review_keys(first_record(args.reviews, args.max_bad_records))
    read_review = functools.partial(review_line, keys)
    _check_start(args.reviews, read_review, args.max_bad_records)
    _check_start(args.meta, item_line, args.max_bad_records)
    bad = BadRecords(args.max_bad_records)
    reviews_info = os.path.join(args.out, "reviews-info")
    item_info = os.path.join(args.out, "item-info")
    num_reviews = convert(args.reviews, reviews_info, read_review, bad)
    yield describe(reviews_info, num_reviews, "lines")
    num_items = convert(args.meta, item_info, item_line, bad)
    yield describe(item_info, num_items, "lines")
    if bad.count:
        print("{}: {} skipped".format(prog, counted(bad.count, "bad record")), file=sys.stderr)


def _check_start(source: str, to_line: ToLine, limit: int) -> None:
    """Reads the first record, so that a wrong file is told before minutes of the other one."""
    lines = _record_lines(source, to_line, BadRecords(limit))
    next(lines, None)


if __name__ == "__main__":
    sys.exit(main())

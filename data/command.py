"""The command line of a data set's module, with two commands.

make writes synthetic rows with a planted signal; convert turns text into Parquet or back.
"""

import argparse
import json
import sys
from typing import Any, Callable, Dict, List, NamedTuple, Optional

import pyarrow as pa

from common.config.flag_types import place, written_locally
from common.config.schema import Schema
from common.counts import counted
from common.errors import BadInput
from common.naming import dates
from data.conversion import convert


class Rate(NamedTuple):
    """A share of rows that a flag of make sets: its default and what --help says of it."""

    default: float
    help: str


MakeRows = Callable[..., Dict[str, object]]


def run(
        argv: Optional[List[str]],
        schema: Schema,
        rows: int,
        rates: Dict[str, Rate],
        make: MakeRows,
        make_days: Optional[MakeRows] = None,
) -> int:
    """Runs one of the commands, make or convert.

    Args:
      argv: the arguments after the program's name; None for those of the process.
      schema: the data set's.
      rows: how many training rows make writes by default.
      rates: flag -> the share of rows that it sets, an argument of make.
      make: writes the files, given rows, test_rows, seed, out and the rates. Its ValueErrors are
        reported as wrong usage.
      make_days: writes rows of several days, given days, rows, seed, out, drift, new_ids and the
        rates; None where a set has no days.

    Returns:
      the exit status.
    """
    parser = _parser(schema, rows, rates, make_days is not None)
    args = parser.parse_args(argv)
    try:
        if args.command == "convert":
            count = convert(schema, args.source, args.target, args.csv_header)
            print("{} written to {}".format(counted(count, "row"), args.target))
        else:
            report = _make(make, make_days, **vars(args))
            print(json.dumps(report, indent=2))
    except (BadInput, OSError, pa.ArrowException) as error:
        print("{}: error: {}".format(parser.prog, error), file=sys.stderr)
        return 1
    except ValueError as error:
        parser.error(str(error))
    return 0


def _parser(schema: Schema, rows: int, rates: Dict[str, Rate],
            has_days: bool) -> argparse.ArgumentParser:
    description = "Makes or converts rows of the {} data set.".format(schema.name)
    parser = argparse.ArgumentParser(description=description)
    commands = parser.add_subparsers(dest="command")
    commands.required = True
    make_help = "write synthetic rows with a planted signal"
    make_parser = commands.add_parser("make", help=make_help)
    add_make_flags(make_parser, rows, rates)
    if has_days:
        _add_day_flags(make_parser)
    convert_help = "convert to Parquet if the target ends in .parquet, else to text"
    convert_parser = commands.add_parser("convert", help=convert_help)
    convert_parser.add_argument("source", type=place, help="the file to read")
    convert_parser.add_argument("target", type=written_locally, help="the file to write")
    header_help = "the first line of text names its columns, in any order"
    convert_parser.add_argument("--csv_header", action="store_true", help=header_help)
    return parser


def add_make_flags(
        parser: argparse.ArgumentParser,
        rows: int,
        rates: Dict[str, Rate],
        out: str = "data",
) -> None:
    """Adds the flags that say how many rows make writes, with which seed and rates, and where."""
    rows_help = "training rows (default {})".format(rows)
    test_rows_help = "test rows (default: a fifth of the training rows)"
    seed_help = "seed of all random draws (default 1)"
    parser.add_argument("--rows", type=int, default=rows, help=rows_help)
    parser.add_argument("--test_rows", type=int, help=test_rows_help)
    parser.add_argument("--seed", type=int, default=1, help=seed_help)
    for name, rate in rates.items():
        text = "{} (default {})".format(rate.help, rate.default)
        parser.add_argument("--" + name, type=float, default=rate.default, help=text)
    out_help = "folder to write to (default {})".format(out)
    parser.add_argument("--out", type=written_locally, default=out, help=out_help)


def _add_day_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--days", type=_days, metavar="FIRST..LAST",
        help="write ds=DAY/part-0.parquet and ds=DAY/_SUCCESS for each day, of --rows rows each, "
             "in place of training and test rows")
    parser.add_argument(
        "--drift", type=float, metavar="RADIANS",
        help="with --days, by how much the planted weights turn from one day to the next: after "
             "1.57 they are independent of the first day's, and their strength stays (default 0)")
    parser.add_argument(
        "--new_ids", type=float, metavar="SHARE",
        help="with --days, the share of users, and of ads, in whose place new ones come each day "
             "(default 0.01)")


def _days(text: str) -> List[str]:
    try:
        return dates.listed(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error))


def _make(
        make: MakeRows,
        make_days: Optional[MakeRows],
        command: str,
        days: Optional[List[str]] = None,
        drift: Optional[float] = None,
        new_ids: Optional[float] = None,
        **arguments: Any,
) -> Dict[str, object]:
    """Makes training and test rows, or days; raises ValueError for flags that do not fit."""
    if not days:
        for flag, value in (("drift", drift), ("new_ids", new_ids)):
            if value is not None:
                raise ValueError("--{} {} says what changes from day to day, and there are no "
                                 "days. Give --days FIRST..LAST.".format(flag, value))
        return checked_make(make, command, **arguments)
    assert make_days
    if arguments.pop("test_rows") is not None:
        raise ValueError("--test_rows: there are none with --days. Each day's rows test a model of "
                         "the days before. Drop --test_rows.")
    _check_sizes(arguments["rows"], 1, arguments["seed"])
    new_ids = 0.01 if new_ids is None else new_ids
    return make_days(days=days, drift=drift or 0.0, new_ids=new_ids, **arguments)


def checked_make(
        make: MakeRows,
        command: str,
        rows: int,
        test_rows: Optional[int],
        seed: int,
        **arguments: object,
) -> Dict[str, object]:
    """Calls make with arguments that are checked; command is the name of the subcommand, unused."""
    if test_rows is None:
        test_rows = max(1, rows // 5)
    _check_sizes(rows, test_rows, seed)
    return make(rows=rows, test_rows=test_rows, seed=seed, **arguments)


def _check_sizes(rows: int, test_rows: int, seed: int) -> None:
    """Raises ValueError for numbers of rows, or a seed, that cannot be."""
    if rows < 1 or test_rows < 1:
        given = "{} and {}".format(rows, test_rows)
        raise ValueError("--rows and --test_rows must be > 0. Got: {}.".format(given))
    if seed < 0:
        raise ValueError("--seed must be >= 0. Got: {}.".format(seed))

"""The command line of a data set's module, with two commands.

make writes synthetic rows with a planted signal; convert turns text into Parquet or back.
"""

import argparse
import json
import sys
from typing import Callable, Dict, List, NamedTuple, Optional

import pyarrow as pa

from common.config.flag_types import place, written_locally
from common.config.schema import Schema
from common.counts import counted
from common.errors import BadInput
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
) -> int:
    """Runs one of the commands, make or convert.

    Args:
      argv: the arguments after the program's name; None for those of the process.
      schema: the data set's.
      rows: how many training rows make writes by default.
      rates: flag -> the share of rows that it sets, an argument of make.
      make: writes the files, given rows, test_rows, seed, out and the rates. Its ValueErrors are
        reported as wrong usage.

    Returns:
      the exit status.
    """
    parser = _parser(schema, rows, rates)
    args = parser.parse_args(argv)
    try:
        if args.command == "convert":
            count = convert(schema, args.source, args.target, args.csv_header)
            print("{} written to {}".format(counted(count, "row"), args.target))
        else:
            report = checked_make(make, **vars(args))
            print(json.dumps(report, indent=2))
    except (BadInput, OSError, pa.ArrowException) as error:
        print("{}: error: {}".format(parser.prog, error), file=sys.stderr)
        return 1
    except ValueError as error:
        parser.error(str(error))
    return 0


def _parser(schema: Schema, rows: int, rates: Dict[str, Rate]) -> argparse.ArgumentParser:
    description = "Makes or converts rows of the {} data set.".format(schema.name)
    parser = argparse.ArgumentParser(description=description)
    commands = parser.add_subparsers(dest="command")
    commands.required = True
    make_help = "write synthetic rows with a planted signal"
    make_parser = commands.add_parser("make", help=make_help)
    add_make_flags(make_parser, rows, rates)
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
    if rows < 1 or test_rows < 1:
        given = "{} and {}".format(rows, test_rows)
        raise ValueError("--rows and --test_rows must be > 0. Got: {}.".format(given))
    if seed < 0:
        raise ValueError("--seed must be >= 0. Got: {}.".format(seed))
    return make(rows=rows, test_rows=test_rows, seed=seed, **arguments)

"""Commands for rows of one's own: rid text of quotes, guess a schema, check rows, make some.

    python data/schema.py convert visits.csv visits.parquet
    python data/schema.py guess visits.csv --out shop.json
    python data/schema.py check shop.json visits_train.csv --test visits_test.csv
    python data/schema.py make shop.json --rows 10000 --out rows

data/own-columns.md says what stands in the file, which is there to be edited.
"""

import argparse
import json
import os
import sys
from typing import List, Optional

import pyarrow as pa

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from common import log  # noqa: E402
from common.config import data_sets, schema_file  # noqa: E402
from common.config.flag_types import count, place, positive, written_locally  # noqa: E402
from common.counts import counted  # noqa: E402
from common.errors import BadInput  # noqa: E402
from common.pipeline import source  # noqa: E402
from data import guessing, own_rows, quoted, row_texts, rows_check  # noqa: E402


def main(argv: Optional[List[str]] = None) -> int:
    """Does what the command line says; returns the exit status."""
    args = _parser().parse_args(argv)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # hashing is TensorFlow's, and notes the CPU
    try:
        args.run(args)
    except (BadInput, OSError, ValueError, pa.ArrowException) as error:
        print("schema.py: error: {}".format(error), file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Rids text of quotes, guesses a schema file, "
                                                 "checks rows by it, or makes rows of it.")
    commands = parser.add_subparsers(dest="command")
    commands.required = True
    command = commands.add_parser(
        "convert", help="write text whose fields may stand in quotes as Parquet")
    command.set_defaults(run=_convert)
    command.add_argument("source", type=place, help="text with a header, compressed or not")
    command.add_argument("target", type=_parquet, help="the file to write, as visits.parquet")
    _add_delimiter(command)
    command = commands.add_parser("guess", help="write a first schema file, guessed from rows")
    command.set_defaults(run=_guess)
    command.add_argument("rows", help="files of rows, as --train_files takes them: text with a "
                                      "header, or Parquet")
    command.add_argument("--out", required=True, help="the file to write, as shop.json")
    _add_delimiter(command)
    command.add_argument("--limit", type=positive, default=guessing.ROWS,
                         help="rows that are looked at (default {})".format(guessing.ROWS))
    check_help = "read all rows, and print what columns hold; takes 8 bytes for each row and value"
    command = commands.add_parser("check", help=check_help)
    command.set_defaults(run=_check)
    command.add_argument("schema", type=data_sets.of_flag,
                         help="a schema file, or a module of data/")
    command.add_argument("rows", help="files of rows, as --train_files takes them")
    command.add_argument("--test", default="", help="files of test rows, for those in both")
    command.add_argument("--data_location", default=".",
                         help="folder of the vocabularies (default .)")
    command.add_argument("--max_bad_rows", type=count, default=0, metavar="N",
                         help="skip and count up to N rows that cannot be read (default 0)")
    command = commands.add_parser("make", help="write synthetic rows, whose labels can be learnt")
    command.set_defaults(run=_make)
    command.add_argument("schema", type=data_sets.of_flag, help="a schema file")
    command.add_argument("--rows", type=positive, default=10000,
                         help="training rows (default 10000)")
    command.add_argument("--test_rows", type=positive,
                         help="test rows (default: a fifth of the training rows)")
    command.add_argument("--seed", type=count, default=1, help="of all draws (default 1)")
    command.add_argument("--out", required=True, help="folder to write to")
    return parser


def _add_delimiter(command: argparse.ArgumentParser) -> None:
    command.add_argument("--delimiter", type=_delimiter, default=",",
                         help="what divides the columns of text, \\t for tabs (default ,)")


def _parquet(text: str) -> str:
    if not text.endswith(".parquet"):
        raise argparse.ArgumentTypeError("expected a name that ends in .parquet. Got: {!r}.".format(
            text))
    return written_locally(text)


def _delimiter(text: str) -> str:
    delimiter = "\t" if text == "\\t" else text
    if len(delimiter.encode()) != 1:
        raise argparse.ArgumentTypeError(
            "expected one ASCII character, or \\t for a tab. Got: {!r}.".format(text))
    return delimiter


def _convert(args: argparse.Namespace) -> None:
    """Writes the rows as Parquet."""
    num_rows = quoted.to_parquet(args.source, args.target, args.delimiter)
    log.show("{}: {}".format(args.target, counted(num_rows, "row")))


def _guess(args: argparse.Namespace) -> None:
    """Writes the file and prints the doubts."""
    if os.path.exists(args.out):
        raise BadInput("{} is there already. Remove it, or give another --out.".format(args.out))
    rows = row_texts.read(args.rows, args.delimiter, args.limit)
    schema, doubts = guessing.guess(rows, args.delimiter)
    schema_file.from_json(json.loads(json.dumps(schema)), args.out, "guess")
    guessing.write(args.out, schema)
    num_columns = counted(len(schema["columns"]), "column")
    num_rows = counted(rows.num_rows, "row")
    log.show("{}: {} by {}. Look at:".format(args.out, num_columns, num_rows))
    for doubt in doubts:
        log.show("  " + doubt)


def _check(args: argparse.Namespace) -> None:
    """Prints what columns hold, which rows stand twice, and which test rows are in training."""
    schema = args.schema
    data = source.open_data(
        args.data_location, schema, True, args.max_bad_rows, False, args.rows, args.test,
        csv_header=schema.header, with_test=bool(args.test))
    train = rows_check.count(data.train, data)
    _print_counts(data.train.path, train)
    if data.test:
        test = rows_check.count(data.test, data)
        _print_counts(data.test.path, test)
        log.show(rows_check.seen_before(train, test))
    if data.bad_rows.count:
        log.show("rows that cannot be read: {:,}".format(data.bad_rows.count))


def _print_counts(path: str, counts: rows_check.Counts) -> None:
    log.show("{}: {}".format(path, counted(len(counts.rows), "row")))
    for line in rows_check.report(counts):
        log.show("  " + line)


def _make(args: argparse.Namespace) -> None:
    """Writes rows, and prints the flags that train on them."""
    schema = args.schema
    name = schema.name.replace("/", "_")
    schema = schema._replace(train_file=schema.train_file or name + "_train.csv",
                             test_file=schema.test_file or name + "_test.csv")
    os.makedirs(args.out, exist_ok=True)
    paths = [os.path.join(args.out, name) for name in (schema.train_file, schema.test_file)]
    for path in paths:
        if os.path.exists(path):
            raise BadInput("{} is there already. Remove it, or give another --out.".format(path))
    own_rows.write(args.out, schema, args.rows, args.test_rows or max(args.rows // 5, 1),
                   seed=args.seed)
    log.show("--data_location {} --train_files {} --eval_files {}".format(args.out, *paths))
    for label, auc in own_rows.best_auc(schema, args.out).items():
        log.show("{}: AUC of a perfect model on the test rows: {:.3f}".format(label, auc))


if __name__ == "__main__":
    sys.exit(main())

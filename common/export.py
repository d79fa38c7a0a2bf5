"""Writes parts of a trained model as plain files: the vectors of its embedding tables.

    python common/export.py embeddings RUN --tables COLUMN[,COLUMN...] --out DIR

DIR gets COLUMN.keys.npy, COLUMN.vectors.npy and COLUMN.parquet for each column. A key is the number
of the bucket in a table of fixed size, else the key itself; words stand beside the keys of a
vocabulary. common/vectors.md has the details.
"""

import argparse
import os
import sys
from typing import Optional, Sequence

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from common import recorded, runner, vectors  # noqa: E402
from common.config.flag_types import written_locally  # noqa: E402
from common.counts import counted  # noqa: E402
from common.process import signals  # noqa: E402
from common.scoring import weights  # noqa: E402


def make_parser() -> argparse.ArgumentParser:
    """The parser of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    embeddings = commands.add_parser(
        "embeddings", help="write keys and vectors of embedding tables", allow_abbrev=False)
    embeddings.add_argument("run", metavar="RUN", help="folder of a run")
    embeddings.add_argument(
        "--tables", required=True, metavar="COLUMN,...", help="columns with an embedding")
    embeddings.add_argument(
        "--out", type=written_locally, required=True, metavar="DIR",
        help="folder that the files are written to")
    weights.add_flags(embeddings)
    return parser


def main(argv: Optional[Sequence[str]] = None) -> None:
    """Writes what the command line asks for."""
    parser = make_parser()
    args = parser.parse_args(argv)
    names = [name.strip() for name in args.tables.split(",")]
    try:
        found = weights.find(args.run, args.checkpoint, args.step)
        if found.is_export:
            raise ValueError("{}: it is an export. Name the folder of the run, whose checkpoint "
                             "has the tables.".format(args.run))
        run = recorded.read(found.run)
        vectors.check_columns(names, run)
    except ValueError as error:
        parser.error(str(error))
    location = args.data_location or run.data_location
    tables = vectors.open_tables(names, run, found.path, location)
    with signals.nothing_written(args.out):
        vectors.write(tables, args.out)
    for table in tables:
        print("{}: {} of width {}".format(
            table.column.name, counted(table.stored.size, "vector"), table.stored.width))
    print("vectors of {}: {}".format(found.path, args.out))


if __name__ == "__main__":
    sys.exit(runner.exit_status(main))

"""Writes report.html of a run again, or one page with several runs beside each other.

    python common/report.py RUN
    python common/report.py RUN OTHER_RUN --out compared.html

A run writes report.html into its folder at its end. Where it has no ROC, reliability or slices, as
a run of an earlier version, or where --slices asks for others, the test rows are scored with its
newest checkpoint, which also writes curves.json. common/runs.md says what the page shows.
"""

import argparse
import os
import sys
from typing import List, NamedTuple, Optional, Sequence

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from common import evaluated, recorded, runner  # noqa: E402
from common.callbacks import curves  # noqa: E402
from common.config.flag_types import (  # noqa: E402
    FILES, FlagParser, add_switch, names_in, place, written_locally)
from common.errors import BadInput  # noqa: E402
from common.formats import column_names, csv_layout  # noqa: E402
from common.log import log  # noqa: E402
from common.naming import file_names  # noqa: E402
from common.pipeline import checks  # noqa: E402
from common.places import addresses  # noqa: E402
from common.process import signals, threads  # noqa: E402
from common.recorded import Recorded  # noqa: E402
from common.reporting import report, run_files  # noqa: E402
from common.reporting.run_files import RunFiles  # noqa: E402
from common.scoring import weights  # noqa: E402

MODULES = (csv_layout, column_names, checks, threads)  # whose flags mean what they mean in training


def make_parser() -> FlagParser:
    """The parser of the command line."""
    parser = FlagParser(__doc__)
    parser.usage = "%(prog)s RUN [RUN...] [flags]; all: --help"
    parser.add_argument("runs", metavar="RUN", nargs="+", help="folder of a run")
    group = parser.group(FILES)
    group.add_argument(
        "--out", type=written_locally, default="", metavar="FILE",
        help="where the page is written (default RUN/report.html; needed with several runs)")
    group.add_argument(
        "--slices", default="", metavar="COLUMN,...",
        help="columns by whose values AUC and calibration are shown (default: those of the run)")
    add_switch(group, "score", True,
               "score the test rows where ROC, reliability or slices are not there yet")
    file_names.add_eval_flag(group)
    group.add_argument(
        "--data_location", type=place, default=None, metavar="FOLDER",
        help="folder of the vocabularies (default: that of the run)")
    for module in MODULES:
        module.add_flags(parser)
    return parser


class _Lack(NamedTuple):
    """A run whose test rows are to be scored.

    Attributes:
      run: as its config.json records it.
      checkpoint: the prefix of its files.
      columns: that the rows are cut by.
      names: of the files of rows, as --eval_files has them.
    """

    run: Recorded
    checkpoint: str
    columns: Sequence[str]
    names: List[str]


def main(argv: Optional[Sequence[str]] = None) -> None:
    """Writes the page that the command line asks for."""
    parser = make_parser()
    args = parser.parse_args(argv)
    try:
        out = _out(args)
        runs = [_read(folder) for folder in args.runs]
        lacks = [lack for lack in (_lack(run, args) for run in runs) if lack]
    except ValueError as error:
        parser.error(str(error))
    with signals.nothing_written(out):
        for lack in lacks:
            _score(lack, args)
        report.write(args.runs, out)
    print("report: {}".format(out))


def _out(args: argparse.Namespace) -> str:
    """Where the page is written; raises ValueError where that is not said, or --slices is alone."""
    if args.slices and not args.score:
        raise ValueError("--slices {}: --score false scores no rows, which slices need. Drop one "
                         "of them.".format(args.slices))
    if args.out:
        return args.out
    if len(args.runs) > 1:
        raise ValueError("{} runs beside each other are a page of their own. Give --out a name, as "
                         "--out compared.html.".format(len(args.runs)))
    return os.path.join(args.runs[0], report.FILE)


def _read(folder: str) -> RunFiles:
    if addresses.is_remote(folder):
        raise ValueError("{}: reports are made of local folders. Copy it first, as with: aws s3 cp "
                         "--recursive {} FOLDER".format(folder, folder))
    if not os.path.isdir(folder):
        raise ValueError("{}: there is no such folder. Name the folder of a run.".format(folder))
    return run_files.read(folder, folder)


def _lack(run: RunFiles, args: argparse.Namespace) -> Optional[_Lack]:
    """What is to be scored of a run; None where nothing is.

    Raises:
      ValueError: slices are asked for, and cannot be had.
    """
    there = tuple(cut["column"] for cut in run.curves.get("slices", []))
    if not args.score or run.curves and not _asks_for_others(there, args):
        return None
    try:
        of_run = recorded.read(run.folder)
        names = curves.named(args.slices, of_run.schema) or there
        entries = names_in(args.eval_files) or of_run.test_files("--eval_files")
        found = weights.find(run.folder, run.checkpoints, None)
    except ValueError as error:
        if args.slices or args.eval_files:
            raise
        log("no rows are scored: {}".format(error))
        return None
    return _Lack(of_run, found.path, names, entries)


def _asks_for_others(there: Sequence[str], args: argparse.Namespace) -> bool:
    """Whether flags ask for other rows, or other slices than are there."""
    wanted = names_in(args.slices) or list(there)
    return bool(args.eval_files) or wanted != list(there)


def _score(lack: _Lack, args: argparse.Namespace) -> None:
    """Writes curves.json; where nobody asked for slices, what keeps it from that is logged."""
    try:
        threads.start(args.intra)
        args.schema = lack.run.schema
        named = file_names.listed("--eval_files", lack.names, lack.run.schema, parquet=True)
        data = lack.run.open_rows(named, args)
        data = data._replace(test=data.train, declared=lack.run.schema)
        log("scoring {} by {}".format(data.train.path, lack.checkpoint))
        folder = os.path.dirname(lack.run.path)
        evaluated.write_curves(lack.run, lack.checkpoint, data, lack.columns, folder)
    except BadInput as error:
        if args.slices or args.eval_files:
            raise
        log("warning: the page has no ROC, reliability or slices: {}".format(error))


if __name__ == "__main__":
    sys.exit(runner.exit_status(main))

"""Scores rows with a trained model: each task's probability for each row, in the order of the rows.

    python common/predict.py RUN --files ROWS --out scores.parquet --keep user_id,adgroup_id

RUN is the folder of a run, whose newest checkpoint is used, or an export: RUN/export,
RUN/export_best or one TIMESTAMP in them. Its config.json says how rows are read; they need no
labels. common/scoring/scoring.md has the details.
"""

import argparse
import os
import re
import sys
import time
from typing import Iterator, List, NamedTuple, Optional, Sequence

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from common import recorded, runner  # noqa: E402
from common.config import cluster as cluster_module  # noqa: E402
from common.config.flag_types import (  # noqa: E402
    FILES, FlagParser, names_in, place, positive)
from common.counts import counted  # noqa: E402
from common.formats import column_names, csv_layout  # noqa: E402
from common.log import log  # noqa: E402
from common.naming import file_names  # noqa: E402
from common.pipeline import checks, row_order, unlabelled  # noqa: E402
from common.pipeline.row_order import Stream  # noqa: E402
from common.pipeline.source import Data  # noqa: E402
from common.process import signals, threads  # noqa: E402
from common.recorded import Recorded  # noqa: E402
from common.scoring import exported_model, score_file, scores, weights  # noqa: E402
from common.scoring.kept import KeptColumns  # noqa: E402
from common.scoring.scores import Scores  # noqa: E402
from common.scoring.weights import Weights  # noqa: E402

MODULES = (csv_layout, column_names, checks, threads)  # whose flags mean what they mean in training
_PROGRESS_SECS = 10.0


class Part(NamedTuple):
    """Part `shard`, from 0, of the rows in `shards` parts of equal size."""

    shard: int = 0
    shards: int = 1


def make_parser() -> FlagParser:
    """The parser of the command line."""
    parser = FlagParser(__doc__)
    parser.usage = "%(prog)s RUN --files ROWS --out SCORES [flags]; all: --help"
    parser.add_argument("run", metavar="RUN", help="folder of a run, or of an export in it")
    group = parser.group(FILES)
    file_names.add_score_flag(group)
    group.add_argument(
        "--out", type=place, required=True, metavar="FILE",
        help="where the scores are written, .parquet or .csv; of several parts, part I of N goes "
             "to FILE with -I-of-N before its ending, as scores-00000-of-00004.parquet")
    group.add_argument(
        "--keep", default="", metavar="COLUMN,...",
        help="columns of the schema that stand beside the probabilities, as the rows hold them "
             "(default none)")
    weights.add_flags(group)
    group.add_argument(
        "--part", type=_part, default=None, metavar="I/N",
        help="score part I, from 0, of the rows in N parts of equal size (default: all; in a "
             "cluster of TF_CONFIG, this trainer's part)")
    group.add_argument(
        "--batch_size", type=positive, default=2048, help="rows a step (default 2048)")
    for module in MODULES:
        module.add_flags(parser)
    return parser


def _part(text: str) -> Part:
    match = re.fullmatch(r"(\d+)/(\d+)", text)
    if not match or int(match.group(1)) >= int(match.group(2)):
        raise argparse.ArgumentTypeError(
            "expected I/N with I from 0 to N - 1, as 0/4. Got: {!r}.".format(text))
    return Part(int(match.group(1)), int(match.group(2)))


class _Request(NamedTuple):
    """What is asked for.

    Attributes:
      run: what the run's folder says.
      weights: of which checkpoint or export.
      keep: the columns that stand beside the probabilities.
      part: which rows; None for all.
      out: the name of the file.
    """

    run: Recorded
    weights: Weights
    keep: List[str]
    part: Optional[Part]
    out: str


def main(argv: Optional[Sequence[str]] = None) -> None:
    """Scores rows as the command line says."""
    parser = make_parser()
    args = parser.parse_args(argv)
    try:
        cluster = cluster_module.read(os.environ)
        if cluster and not cluster.trains:
            print("{} has nothing to score: the trainers share the rows".format(cluster.name))
            return
        request = _request(args, cluster)
    except ValueError as error:
        parser.error(str(error))
    with signals.nothing_written(request.out):
        _score(request, args)


def _request(args: argparse.Namespace, cluster: Optional[cluster_module.Cluster]) -> _Request:
    """What flags and TF_CONFIG ask for; raises ValueError where that cannot be."""
    found = weights.find(args.run, args.checkpoint, args.step)
    run = recorded.read(found.run)
    args.schema = run.schema
    if args.part and cluster:
        raise ValueError("--part and TF_CONFIG both say which rows to score. Drop one of them.")
    part = Part(cluster.shard, cluster.num_trainers) if cluster else args.part
    keep = names_in(args.keep)
    _check_kept(keep, run)
    score_file.check_name(args.out)
    out = score_file.part_name(args.out, *part) if part else args.out
    return _Request(run, found, keep, part, out)


def _check_kept(names: Sequence[str], run: Recorded) -> None:
    known = [column.name for column in run.schema.columns]
    for name in names:
        if name not in known:
            raise ValueError("--keep {}: the schema of the run has no such column. It has {}. Give "
                             "a column kind 'keep' in the schema before training.".format(
                                 name or "''", ", ".join(known)))
    taken = [scores.PREFIX + task for task in run.tasks]
    twice = [name for name in names if names.count(name) > 1 or name in taken]
    if twice:
        raise ValueError("--keep {0}: the scores would have two columns {0}. Leave one out."
                         .format(twice[0]))


def _score(request: _Request, args: argparse.Namespace) -> None:
    """Writes the scores.

    Raises:
      BadInput: rows that cannot be read, of which none is left, or another schema's.
    """
    run = request.run
    threads.start(args.intra)
    data = unlabelled.open_to_score(
        args.files, args.data_location or run.data_location, run.schema_of_ids,
        args.max_bad_rows, csv_layout.has_header(args), args.strict_columns)
    run.check_words(data)
    part = request.part or Part()
    stream = Stream(args.batch_size, shard=part.shard, shards=part.shards)
    print("scoring {} by {}".format(data.train.path, request.weights.path))
    batches = _batches(request, args, data, stream)
    num_rows = _write(request, data, batches)
    if data.bad_rows.count:
        print("left out, as they cannot be read: {}".format(counted(data.bad_rows.count, "row")))
    for column, number in data.bad_rows.unknown_ids.items():
        print("{}: not in the vocabulary, and read as its first word: {}".format(
            column, counted(number, "value")))
    print("scores of {}: {}".format(counted(num_rows, "row"), request.out))


def _batches(request: _Request, args: argparse.Namespace, data: Data,
             stream: Stream) -> Iterator[Scores]:
    """The probabilities of a stream of rows."""
    if request.weights.is_export:
        return exported_model.scores(request.weights.path, data, stream)
    return request.run.scores(request.weights.path, data, stream, args)


def _write(request: _Request, data: Data, batches: Iterator[Scores]) -> int:
    """Writes probabilities and what stands beside them; returns how many rows there are."""
    kept = KeptColumns(data.train, request.keep) if request.keep else None
    if kept:
        score_file.check_types(request.out, kept.schema)
    num_rows = 0
    last = time.monotonic()
    with score_file.writing(request.out) as write:
        for some in scores.joined(batches):
            scores.check_finite(some, data.train.paths)
            table = some.table(request.run.tasks)
            write(scores.beside(kept.of(some.rows), table) if kept else table)
            num_rows += len(some.rows)
            if time.monotonic() - last > _PROGRESS_SECS:
                last = time.monotonic()
                log("{} scored".format(counted(num_rows, "row")))
        if not num_rows:
            raise row_order.no_rows(data.train)
    return num_rows


if __name__ == "__main__":
    sys.exit(runner.exit_status(main))

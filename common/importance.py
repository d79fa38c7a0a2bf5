"""How much AUC each column is worth: what a trained model loses when the column is shuffled.

    python common/importance.py RUN

The test rows of the run, or --files, are scored as they are, and once more for each column and
repeat with that column's values dealt out anew among the rows. Lists that are aligned, as DIN's
histories, are shuffled together. RUN is what predict.py takes; common/scoring/importance.md has the
details. The run's folder gets importance.html and importance.json.
"""

import argparse
import os
import sys
from typing import Dict, Iterator, List, NamedTuple, Optional, Sequence

import numpy as np

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from common import importances, recorded, runner  # noqa: E402
from common.config.flag_types import (  # noqa: E402
    FILES, FlagParser, count, names_in, positive, written_locally)
from common.counts import counted  # noqa: E402
from common.formats import column_names, csv_layout  # noqa: E402
from common.importances import TaskImportance  # noqa: E402
from common.log import log  # noqa: E402
from common.naming import file_names  # noqa: E402
from common.pipeline import checks, sampled_rows, source  # noqa: E402
from common.pipeline.features import Block  # noqa: E402
from common.pipeline.row_order import Stream  # noqa: E402
from common.pipeline.sampled_rows import Sample  # noqa: E402
from common.pipeline.source import Data  # noqa: E402
from common.process import signals, threads  # noqa: E402
from common.recorded import Recorded  # noqa: E402
from common.scoring import (  # noqa: E402
    exported_model, scores, shuffled, task_rows, weights)
from common.scoring.exported_model import Texts  # noqa: E402
from common.scoring.scores import Scores  # noqa: E402
from common.scoring.shuffled import Unit  # noqa: E402
from common.scoring.weights import Weights  # noqa: E402

MODULES = (csv_layout, column_names, checks, threads)  # whose flags mean what they mean in training
_BATCH = 2048


def make_parser() -> FlagParser:
    """The parser of the command line."""
    parser = FlagParser(__doc__)
    parser.usage = "%(prog)s RUN [flags]; all: --help"
    parser.add_argument("run", metavar="RUN", help="folder of a run, or of an export in it")
    group = parser.group(FILES)
    file_names.add_score_flag(group, default="the test rows of the run")
    group.add_argument(
        "--rows", type=count, default=50000, metavar="N",
        help="a random sample of so many rows, which stay in memory; 0: all (default 50000)")
    group.add_argument(
        "--repeats", type=positive, default=3,
        help="how often each column is shuffled (default 3)")
    group.add_argument(
        "--columns", default="", metavar="COLUMN,...",
        help="columns to shuffle (default: all that the model takes)")
    group.add_argument(
        "--seed", type=count, default=1, help="of the sample and the shuffles (default 1)")
    group.add_argument(
        "--out", type=written_locally, default="", metavar="FOLDER",
        help="where the results are written (default: the folder of the run)")
    weights.add_flags(group)
    for module in MODULES:
        module.add_flags(parser)
    return parser


class _Request(NamedTuple):
    """What is asked for.

    Attributes:
      run: what the run's folder says.
      weights: of which checkpoint or export.
      units: what is shuffled.
      files: the names of the rows' files.
      out: the folder of what is written.
    """

    run: Recorded
    weights: Weights
    units: List[Unit]
    files: List[str]
    out: str


def main(argv: Optional[Sequence[str]] = None) -> None:
    """Measures what the command line says."""
    parser = make_parser()
    args = parser.parse_args(argv)
    try:
        request = _request(args)
    except ValueError as error:
        parser.error(str(error))
    with signals.nothing_written(os.path.join(request.out, importances.PAGE)):
        _measure(request, args)


def _request(args: argparse.Namespace) -> _Request:
    """What flags ask for; raises ValueError where that cannot be."""
    found = weights.find(args.run, args.checkpoint, args.step)
    run = recorded.read(found.run)
    args.schema = run.schema
    return _Request(run, found, shuffled.units(run.schema, names_in(args.columns)),
                    names_in(args.files) or run.test_files("--files"), args.out or found.run)


def _measure(request: _Request, args: argparse.Namespace) -> None:
    """Writes and prints what the columns are worth.

    Raises:
      BadInput: rows that cannot be read, of which none is left, or another schema's.
    """
    threads.start(args.intra)
    data = _open(request, args)
    sample = _sample(data, args)
    block = sample.block()
    num_scorings = 1 + len(request.units) * args.repeats
    print("{} of {}, scored {} by {}".format(
        counted(len(block.rows), "row"), data.train.path, counted(num_scorings, "time"),
        request.weights.path))
    params = request.run.params(data)
    of_tasks = task_rows.of_block(request.run.module.model_fn, params, data, block)
    scored = _scored(request, args, data, sample)
    tasks = importances.measure(of_tasks, block, data.schema, request.units, args.repeats, scored)
    _finish(request, args, tasks)


def _finish(request: _Request, args: argparse.Namespace,
            tasks: Sequence[TaskImportance]) -> None:
    os.makedirs(request.out, exist_ok=True)
    importances.write(request.out, tasks, {
        "weights": os.path.abspath(request.weights.path), "files": ",".join(request.files),
        "repeats": args.repeats, "seed": args.seed})
    print("\n".join(importances.table(tasks)))
    print("results: {}".format(os.path.join(request.out, importances.PAGE)))


def _open(request: _Request, args: argparse.Namespace) -> Data:
    named = file_names.listed("--files", request.files, request.run.schema, parquet=True)
    data = request.run.open_rows(named, args)
    if args.max_bad_rows:
        source.find_bad_rows(data.train, data)
    return data


def _sample(data: Data, args: argparse.Namespace) -> Sample:
    sample = None
    if args.rows:
        sample = sampled_rows.of_files(data.train, data, args.rows, args.seed)
    return sample or sampled_rows.of_all(data.train, data)


def _scored(request: _Request, args: argparse.Namespace, data: Data,
            sample: Sample) -> Iterator[Dict[str, np.ndarray]]:
    """The probabilities of all rows by task, float32 [N]: as they are, then shuffled in turn."""
    if request.weights.is_export:
        batches = exported_model.scores_of(
            request.weights.path, _texts(request, args, data, sample), _BATCH)
    else:
        batches = request.run.scores(
            request.weights.path, data, Stream(_BATCH), args,
            read_items=lambda: _blocks(request, args, data, sample.block()))
    return _by_scoring(batches, len(sample.rows), data)


class _Variant(NamedTuple):
    """A unit, and from which row each row takes it."""

    unit: Unit
    order: np.ndarray


def _variants(request: _Request, args: argparse.Namespace, data: Data,
              num_rows: int) -> Iterator[_Variant]:
    """What is scored behind the rows as they are, in its order."""
    for unit in request.units:
        for repeat in range(args.repeats):
            order = shuffled.order_of(unit, repeat, data.schema, num_rows, args.seed)
            yield _Variant(unit, order)


def _blocks(request: _Request, args: argparse.Namespace, data: Data,
            block: Block) -> Iterator[Optional[Block]]:
    """The rows in blocks, then so again for each variant; None behind each."""
    yield from shuffled.slices(block, _BATCH)
    yield None
    for unit, order in _variants(request, args, data, len(block.rows)):
        yield from shuffled.slices(shuffled.block_of(block, unit, order, data.schema), _BATCH)
        yield None


def _texts(request: _Request, args: argparse.Namespace, data: Data,
           sample: Sample) -> Iterator[Texts]:
    """The same for an export, which takes texts."""
    texts = exported_model.texts_of(data, sample.rows)
    yield texts
    for unit, order in _variants(request, args, data, len(sample.rows)):
        changed = {name: texts.columns[name][order] for name in unit.columns}
        yield texts._replace(columns={**texts.columns, **changed})


def _by_scoring(batches: Iterator[Scores], num_rows: int,
                data: Data) -> Iterator[Dict[str, np.ndarray]]:
    """Batches of one scoring after another, each of which has so many rows."""
    pieces: List[Scores] = []
    num_pending, num_done = 0, 0
    for some in batches:
        scores.check_finite(some, data.train.paths)
        pieces.append(some)
        num_pending += len(some.rows)
        if num_pending == num_rows:
            yield scores.concat(pieces).by_task
            pieces, num_pending, num_done = [], 0, num_done + 1
            if num_done % 10 == 0:
                log("scored {} times".format(num_done))


if __name__ == "__main__":
    sys.exit(runner.exit_status(main))

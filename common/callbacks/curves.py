"""curves.json: ROC, reliability and slices (--slices) of the newest evaluation, for the report."""

import argparse
import math
import os
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
import tensorflow.compat.v1 as tf

from common import files
from common.callbacks.callback import Callback, Evaluation, Hooks, Tensors
from common.config.column import Column
from common.config.flag_types import FILES, FlagParser, names_in
from common.config.run import Run
from common.config.schema import ROW, Schema
from common.errors import BadInput
from common.log import log
from common.metrics import by_slice, collected, curves
from common.metrics.collected import Collected
from common.pipeline import sampled_rows
from common.pipeline.source import Data
from common.scoring import slices
from common.scoring.slices import Cut

FILE = "curves.json"


class Slices(NamedTuple):
    """The columns by whose values the test rows are cut."""

    columns: Tuple[str, ...] = ()


def add_flags(parser: FlagParser) -> None:
    """Adds the flag of slices."""
    parser.group(FILES).add_argument(
        "--slices", default="", metavar="COLUMN,...",
        help="columns of the schema by whose values report.html shows AUC and calibration (default "
             "none)")


def from_flags(args: argparse.Namespace) -> Slices:
    """The slices that flags ask for.

    Raises:
      ValueError: there is no such column, or nothing to cut.
    """
    names = named(args.slices, args.schema)
    if names and args.no_eval:
        raise ValueError("--slices {}: --no_eval reads no test rows, so there are none to cut. "
                         "Drop one of them.".format(args.slices))
    return Slices(names)


def named(text: str, schema: Schema) -> Tuple[str, ...]:
    """The columns that --slices names.

    Raises:
      ValueError: the schema lacks one, or one is named twice.
    """
    names = names_in(text)
    known = [column.name for column in schema.columns]
    for name in names:
        if name not in known:
            raise ValueError("--slices {}: schema {!r} has no such column. It has {}.".format(
                name or "''", schema.name, ", ".join(known)))
        if names.count(name) > 1:
            raise ValueError("--slices: {} is named twice. Leave one out.".format(name))
    return tuple(names)


class Curves(Callback):
    """Writes what plots of the newest evaluation need, a few thousand numbers.

    An evaluation keeps all rows to measure them exactly; they are taken over at its end and dropped
    once they are summed up. Of a validation before training nothing is written.

    Args:
      folder: of curves.json.
      data: whose test rows are evaluated.
      columns: that the rows are cut by.
    """

    def __init__(self, folder: str, data: Data, columns: Sequence[str]) -> None:
        self._path = os.path.join(folder, FILE)
        self._data = data
        self._columns = data.declared.named(columns)
        self._cuts = _Cuts(data, self._columns)
        self._taken: Optional[_Taken] = None

    @classmethod
    def of_run(cls, run: Run, data: Data) -> "Curves":
        """Those of a run."""
        return cls(run.result_dir, data, run.setting(Slices).columns)

    def change(self, spec: tf.estimator.EstimatorSpec, features: Tensors,
               mode: str) -> tf.estimator.EstimatorSpec:
        """Adds to an evaluation what takes over its rows."""
        if mode != tf.estimator.ModeKeys.EVAL:
            return spec
        numbers = features.get(ROW) if self._columns else None
        self._taken = _Taken(spec.predictions, numbers)
        return spec._replace(evaluation_hooks=[*(spec.evaluation_hooks or ()), self._taken])

    def hooks(self, spec: tf.estimator.EstimatorSpec) -> Hooks:
        """Drops the rows of a validation: training begins."""
        self._taken = None
        return []

    def evaluated(self, evaluation: Evaluation) -> None:
        """Sums up the rows and writes the file; what keeps it from that is logged."""
        taken, self._taken = self._taken, None
        if not taken or not taken.tasks:
            return
        try:
            cuts = self._cuts_of(taken.rows(), evaluation)
            files.write_json(self._path, summary(evaluation.step, taken.tasks, cuts))
        except (OSError, BadInput) as error:
            log("warning: {} cannot be written, and report.html lacks its plots: {}".format(
                self._path, error))

    def _cuts_of(self, rows: Optional[np.ndarray], evaluation: Evaluation) -> List[Cut]:
        """The slices of some rows; none of a sample whose rows have no numbers, as with --tf."""
        if not self._columns or rows is None and evaluation.eval_rows:
            return []
        return self._cuts.of(rows)


class _Taken(tf.train.SessionRunHook):
    """The rows of an evaluation.

    Args:
      predictions: as heads.eval_spec gives them.
      numbers: of the rows of a batch, int64 [B]; None where they are not wanted, or not there.

    Attributes:
      tasks: of each task; empty before the evaluation's end.
    """

    def __init__(self, predictions: Tensors, numbers: Optional[tf.Tensor]) -> None:
        self._predictions, self._numbers = predictions, numbers
        self._batches: List[np.ndarray] = []
        self.tasks: Dict[str, Collected] = {}

    def before_run(self, run_context: tf.train.SessionRunContext) -> tf.train.SessionRunArgs:
        """Asks for the numbers of a batch."""
        return tf.train.SessionRunArgs([] if self._numbers is None else [self._numbers])

    def after_run(self, run_context: tf.train.SessionRunContext,
                  run_values: tf.train.SessionRunValues) -> None:
        """Keeps them."""
        self._batches += run_values.results

    def end(self, session: tf.Session) -> None:
        """Takes over what the evaluation has measured."""
        self.tasks = collected.by_task(session.run(self._predictions))

    def rows(self) -> Optional[np.ndarray]:
        """The numbers of all rows, int64 [N]; None where they are those of all usable rows."""
        return np.concatenate(self._batches) if self._batches else None


class _Cuts:
    """The test rows cut by columns, which are read again where other rows are evaluated alone."""

    def __init__(self, data: Data, columns: Sequence[Column]) -> None:
        self._data, self._columns = data, columns
        self._rows: Optional[np.ndarray] = None
        self._cuts: List[Cut] = []

    def of(self, rows: Optional[np.ndarray]) -> List[Cut]:
        """The cuts of some rows, by their numbers; None: of all that can be used."""
        test = self._data.test
        assert test
        if rows is None:
            rows = sampled_rows.of_all(test, self._data).rows
        if self._rows is None or not np.array_equal(rows, self._rows):
            self._cuts = slices.cut(test, self._columns, rows)
            self._rows = rows
        return self._cuts


def summary(step: int, tasks: Dict[str, Collected], cuts: Sequence[Cut]) -> Dict[str, Any]:
    """What curves.json holds: numbers alone, None for those that do not exist.

    Args:
      tasks: the rows of each.
      cuts: of all rows of the evaluation.
    """
    plots = {}
    for task, rows in tasks.items():
        roc, reliability = curves.both(rows)
        plots[task] = {"roc": _numbers(roc), "reliability": _numbers(reliability)}
    sliced = []
    for cut in cuts:
        by_task = {}
        for task, rows in tasks.items():
            measured = by_slice.measure(rows, cut.codes, len(cut.names))
            by_task[task] = [{name: _number(value) for name, value in values.items()}
                             for values in measured]
        sliced.append({"column": cut.column, "values": cut.names, "note": cut.note,
                       "tasks": by_task})
    return {"step": step, "tasks": plots, "slices": sliced}


def _numbers(points: Sequence[Tuple[float, ...]]) -> List[List[Optional[float]]]:
    return [[_number(value) for value in point] for point in points]


def _number(value: float) -> Optional[float]:
    """A number of six digits; None for none."""
    return None if math.isnan(value) else float("{:.6g}".format(value))

"""Progressive validation (--validate_first): new rows measure the model before they train it."""

import argparse
import math
import os
from typing import Callable, List, NamedTuple, Optional

import tensorflow.compat.v1 as tf

from common.callbacks import evaluation_log
from common.callbacks.callback import Callback, Evaluation, Hooks, Trainer
from common.callbacks.evaluation_log import Line
from common.config.flag_types import TRAINING, FlagParser, add_switch, amount
from common.config.run import Run
from common.errors import AucDropped
from common.process import roles, waiting

FILE = "validation.jsonl"


class Validation(NamedTuple):
    """How new rows measure the model before they train it.

    Attributes:
      is_on: whether they do.
      metric: "task/auc" of the first task.
      max_drop: by how much it may be below that on the rows before; None for no limit.
    """

    is_on: bool = False
    metric: str = ""
    max_drop: Optional[float] = None


def add_flags(parser: FlagParser) -> None:
    """Adds the flags of progressive validation."""
    group = parser.group(TRAINING)
    add_switch(group, "validate_first", False,
               "measure the model on its training rows before it has seen any of them, a line in "
               "validation.jsonl for each pass over new rows")
    group.add_argument(
        "--max_drop", type=amount, default=None, metavar="AUC",
        help="with --validate_first, by how much the first task's AUC may be below that of the "
             "rows before; if it is lower, the run ends before it trains them (default no limit)")


def from_flags(args: argparse.Namespace) -> Validation:
    """What the flags ask for.

    Raises:
      ValueError: --max_drop without --validate_first.
    """
    if args.max_drop is not None and not args.validate_first:
        raise ValueError("--max_drop {} compares what --validate_first measures, and it is not "
                         "given. Give --validate_first too.".format(args.max_drop))
    return Validation(args.validate_first, "{}/auc".format(args.tasks[0]), args.max_drop)


class ValidateFirst(Callback):
    """Measures the checkpoint at which training begins on the training rows.

    Stands behind Keeping and WarmStart: when a session begins, all that it begins with is in the
    newest checkpoint. A run that resumes in the middle of its rows has measured before. In a
    cluster the chief measures, and the workers train nothing before it has.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._setting = run.setting(Validation)
        self._path = os.path.join(run.checkpoint_dir, FILE)  # which all processes share

    def attach(self, trainer: Trainer) -> None:
        """Keeps the trainer, which measures."""
        self._trainer = trainer

    def hooks(self, spec: tf.estimator.EstimatorSpec) -> Hooks:
        """What measures, or waits until the chief has."""
        if not self._setting.is_on or self._trainer.rows_seen():
            return []
        if self._trainer.is_chief:
            return [_OnFirstSession(self._validate)]
        return [_OnFirstSession(self._await_chief)]

    def _is_measured(self, step: int) -> bool:
        """Whether the newest line is of these rows, before they trained anything.

        Args:
          step: the global step; a later line is of a run whose checkpoints are gone.
        """
        lines = self._lines(step)
        return bool(lines) and not self._trainer.are_other_rows(lines[-1].rows)

    def _lines(self, last_step: int) -> List[Line]:
        return [line for line in evaluation_log.lines(self._path) if line.step <= last_step]

    def _await_chief(self, step: int) -> None:
        """Waits until the chief has measured.

        Raises:
          NeverCame: the chief could not be reached for --wait_secs.
        """
        cluster = self._run.cluster
        assert cluster
        (chief, address), = cluster.processes("chief").items()

        def is_measured() -> bool:
            # Whoever watches for steps that do not end takes this for a save.
            self._trainer.tell_saving(True)
            return self._is_measured(step)

        try:
            waiting.wait(
                is_measured, lambda: "{} ({}) to measure the new rows".format(chief, address),
                self._run.wait_secs, lambda: waiting.is_reachable(address))
        finally:
            self._trainer.tell_saving(False)

    def _validate(self, step: int) -> None:
        """Measures, unless a start that trained nothing has done it.

        Raises:
          AucDropped: the AUC is too low, and training is not to begin.
        """
        if self._is_measured(step):
            return
        checkpoint = tf.train.latest_checkpoint(self._run.checkpoint_dir)
        self._trainer.tell_saving(True)
        try:
            evaluation = self._trainer.validate(checkpoint)
        finally:
            self._trainer.tell_saving(False)
        roles.log_areas(evaluation.values)
        self._check(evaluation)
        first_task, _, _ = self._setting.metric.partition("/")
        evaluation_log.add(self._path, evaluation, first_task=first_task)

    def _check(self, evaluation: Evaluation) -> None:
        """Raises AucDropped where a model is too much worse than on the rows before."""
        metric, max_drop = self._setting.metric, self._setting.max_drop
        lines = self._lines(evaluation.step)
        before = lines[-1].values.get(metric, math.nan) if lines else math.nan
        now = evaluation.values.get(metric, math.nan)
        if max_drop is None or not before - now > max_drop:  # neither where one is NaN
            return
        raise AucDropped(
            "{} is {:.4f} on the new rows, and was {:.4f} on those before: it fell by {:.4f}, and "
            "--max_drop is {}. Nothing was trained or exported: the model is that of step {}. See "
            "what is wrong with the rows, or raise --max_drop to train them.".format(
                metric, now, before, before - now, max_drop, evaluation.step))


class _OnFirstSession(tf.train.SessionRunHook):
    """Calls a function with the global step when training has its first session."""

    def __init__(self, call: Callable[[int], None]) -> None:
        self._call = call
        self._was_called = False
        self._global_step = tf.train.get_global_step()

    def after_create_session(self, session: tf.Session, coord: tf.train.Coordinator) -> None:
        """Calls it, but once: a later session of this process goes on with rows that are begun."""
        if not self._was_called:
            self._was_called = True
            self._call(int(session.run(self._global_step)))

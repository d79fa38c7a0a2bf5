"""Ends a run that no longer improves (--early_stop)."""

import argparse
from typing import NamedTuple

from common.callbacks import evaluation_log
from common.callbacks.callback import Callback, Evaluation, Trainer
from common.callbacks.improvement import Improvement, StopMetric
from common.checkpoint.early_end import Rules
from common.config.flag_types import TRAINING, FlagParser, count
from common.config.run import Run
from common.counts import counted


class EarlyStop(NamedTuple):
    """When a run ends early.

    Attributes:
      patience: evaluations in a row without improvement, 0 for never.
    """

    patience: int = 0


def add_flags(parser: FlagParser) -> None:
    """Adds the flag of how patient a run is."""
    parser.group(TRAINING).add_argument(
        "--early_stop", type=count, default=0, metavar="PATIENCE",
        help="evaluations in a row without improvement of --early_stop_metric that end training; "
             "0: off (default 0)")


def from_flags(args: argparse.Namespace) -> EarlyStop:
    """How patient flags want a run to be.

    Raises:
      ValueError: --early_stop without --eval_steps.
    """
    if args.early_stop and not args.eval_steps:
        raise ValueError(
            "--early_stop {} counts evaluations within training, and there are none. Give "
            "--eval_steps too.".format(args.early_stop))
    return EarlyStop(args.early_stop)


class EarlyStopping(Callback):
    """Ends the run after --early_stop evaluations in a row without an improvement."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._patience = run.setting(EarlyStop).patience
        self._improvement = Improvement(run.setting(StopMetric).name)
        self._without = 0  # evaluations in a row

    def attach(self, trainer: Trainer) -> None:
        """Counts what was evaluated before the step at which training resumes."""
        self._trainer = trainer
        if self._patience:
            for line in evaluation_log.read(
                    self._run.result_dir, trainer.first_step(), trainer.are_other_rows,
                    self._run.eval_rows):
                self._count(line.values)

    def ends_early_by(self) -> Rules:
        """The patience, and the metric that is to improve."""
        if not self._patience:
            return {}
        return {"early_stop": self._patience, "early_stop_metric": self._improvement.metric}

    def evaluated(self, evaluation: Evaluation) -> None:
        """Ends the run if its patience is over."""
        if not self._patience or evaluation.eval_rows != self._run.eval_rows:
            return
        if self._trainer.are_other_rows(evaluation.rows):
            return
        self._count(evaluation.values)
        if self._without >= self._patience and evaluation.step < self._run.steps:
            reason = "{} in a row without a better {}; its best was {:.5f}".format(
                counted(self._without, "evaluation"),
                self._improvement.metric,
                self._improvement.best,
            )
            self._trainer.end_early(evaluation.step, reason, self.ends_early_by())

    def _count(self, values: dict) -> None:
        is_better = self._improvement.update(values)
        self._without = 0 if is_better else self._without + 1

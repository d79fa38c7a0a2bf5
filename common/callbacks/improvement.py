"""Whether an evaluation is better than all before it, by --early_stop_metric."""

import argparse
import math
from typing import Dict, NamedTuple

from common.config.flag_types import TRAINING, FlagParser

HIGHER_IS_BETTER = ("auc", "gauc", "accuracy")
LOWER_IS_BETTER = ("log_loss",)


class StopMetric(NamedTuple):
    """The metric by which evaluations are better or worse, "task/metric" as metrics.json has
    them.
    """

    name: str = ""


def add_flags(parser: FlagParser) -> None:
    """Adds the flag of that metric."""
    first_task = parser.get_default("model").tasks[0]
    parser.group(TRAINING).add_argument(
        "--early_stop_metric", metavar="TASK/METRIC",
        help="what must improve, as metrics.json names it; METRIC is one of {} (default auc of "
             "the first task, {}/auc)".format(
                 ", ".join(HIGHER_IS_BETTER + LOWER_IS_BETTER), first_task))


def from_flags(args: argparse.Namespace) -> StopMetric:
    """The metric that flags name.

    Raises:
      ValueError: the model has no such task, or the metric is none that gets better.
    """
    name = args.early_stop_metric or "{}/auc".format(args.tasks[0])
    task, _, metric = name.partition("/")
    metrics = HIGHER_IS_BETTER + LOWER_IS_BETTER
    if task not in args.tasks or metric not in metrics:
        raise ValueError(
            "--early_stop_metric takes TASK/METRIC with a task of {} and a metric of {}. Got: {!r}."
            .format(", ".join(args.tasks), ", ".join(metrics), name))
    return StopMetric(name)


class Improvement:
    """The best value of a metric so far.

    Args:
      metric: "task/metric", as an evaluation names it.

    Attributes:
      best: NaN before the first value that is a number.
    """

    def __init__(self, metric: str) -> None:
        self.metric = metric
        self.best = math.nan
        self._sign = -1.0 if metric.rsplit("/", 1)[-1] in LOWER_IS_BETTER else 1.0

    def update(self, values: Dict[str, float]) -> bool:
        """Takes values as the best so far if they are better; whether they are."""
        if not self.is_better(values):
            return False
        self.best = values[self.metric]
        return True

    def is_better(self, values: Dict[str, float]) -> bool:
        """Whether values are better than the best so far, which stays as it is.

        A metric that does not exist, such as the AUC of one class, is never better.
        """
        value = values.get(self.metric, math.nan)
        if math.isnan(value) or math.isnan(self.best):
            return not math.isnan(value)
        return self._sign * value > self._sign * self.best

"""What training minimises: the log losses of a model's tasks, smoothed and weighted as flags say.

With --label_smoothing e, a label y counts as (1 - e) y + e / 2 in its log loss (Szegedy et al.,
arXiv 1512.00567, of two classes). Metrics are of the labels as they are.
"""

import argparse
from typing import List, Mapping, NamedTuple, Tuple

import tensorflow.compat.v1 as tf

from common.config import needs
from common.config.flag_types import TRAINING, FlagParser, amount, share
from common.config.schema import Schema
from common.metrics import heads

TaskWeights = Tuple[Tuple[str, float], ...]


def add_flags(parser: FlagParser) -> None:
    """Adds the flags of what training minimises."""
    group = parser.group(TRAINING)
    group.add_argument(
        "--label_smoothing", type=share, default=0.0, metavar="SHARE",
        help="share of each label, of the losses alone, that is 1/2 in place of 0 or 1 (default 0)")
    group.add_argument(
        "--task_weights", type=_weights, default=(), metavar="TASK=WEIGHT,...",
        help="what the losses of tasks are multiplied by, as click=1,purchase=5 (default 1 of each "
             "task)")


def _weights(text: str) -> TaskWeights:
    """Reads the weights of tasks."""
    weights = []
    for part in text.split(","):
        task, equals, weight = part.partition("=")
        if not task.strip() or not equals:
            raise argparse.ArgumentTypeError(
                "expected TASK=WEIGHT, or several with commas between. Got: {!r}.".format(part))
        weights.append((task.strip(), amount(weight)))
    return tuple(weights)


class Objective(NamedTuple):
    """How the log losses of a model's tasks add up.

    Attributes:
      label_smoothing: the share of each label that is 1/2.
      task_weights: of tasks, by name; the others weigh 1.
    """

    label_smoothing: float = 0.0
    task_weights: TaskWeights = ()

    @classmethod
    def from_flags(cls, args: argparse.Namespace) -> "Objective":
        """What flags say.

        Raises:
          ValueError: a weight is of a task without a loss of its own, or weights say nothing.
        """
        _check(args.task_weights, args.model.name, needs.loss_tasks(args.model, args.schema))
        return cls(args.label_smoothing, args.task_weights)

    def log_losses(self, task: str, label: tf.Tensor, logit: tf.Tensor) -> tf.Tensor:
        """The log losses of one task's rows, float32 [B], smoothed and weighted.

        Args:
          label, logit: float32 [B].
        """
        if self.label_smoothing:
            label = (1.0 - self.label_smoothing) * label + 0.5 * self.label_smoothing
        losses = tf.nn.sigmoid_cross_entropy_with_logits(labels=label, logits=logit)
        weight = dict(self.task_weights).get(task, 1.0)
        return losses if weight == 1.0 else weight * losses

    def mean_loss(self, schema: Schema, logits: Mapping[str, tf.Tensor],
                  labels: heads.Features) -> tf.Tensor:
        """The mean log loss of a model in which each label is a task, over rows and tasks, scalar.

        Args:
          logits, labels: by the label's name, float32 [B]; the rows' weights among the labels.
        """
        losses = []
        for task, name in schema.tasks:
            losses.append(self.log_losses(task, labels[name], logits[name]))
        return heads.mean_loss(losses, labels)


def _check(weights: TaskWeights, model: str, tasks: List[str]) -> None:
    """Raises ValueError for weights that a model with losses of these tasks cannot use."""
    names = [task for task, _ in weights]
    for task in names:
        _check_task(task, names, model, tasks)
    if len(weights) == len(tasks) and not any(weight for _, weight in weights):
        raise ValueError("--task_weights: all tasks weigh 0, so nothing would be learned. Give one "
                         "more.")


def _check_task(task: str, names: List[str], model: str, tasks: List[str]) -> None:
    """The same for one of the tasks that are named."""
    if task not in tasks:
        known = ", ".join(tasks)
        raise ValueError("--task_weights: {} has no loss of task {!r}. Its losses are of "
                         "{}.".format(model, task, known))
    if len(tasks) == 1:
        raise ValueError("--task_weights: {} has one loss, which needs no weight among others. "
                         "Give another --learning_rate.".format(model))
    if names.count(task) > 1:
        raise ValueError("--task_weights: task {!r} has two weights. Give one.".format(task))

"""From a loss to one update of all variables."""

import argparse
from typing import Callable, NamedTuple

import tensorflow.compat.v1 as tf

from common.config.flag_types import TRAINING, FlagParser, amount
from common.config.toggles import Toggles
from common.embedding import graph_record
from common.optimizers import catalog, clipping, micro_batch, table_updates, updates
from common.optimizers.micro_batch import Backward, Features, Slice
from common.optimizers.schedule import Schedule
from common.optimizers.table_rules import Rate

LossOf = Callable[[Features, Features], tf.Tensor]


def add_flags(parser: FlagParser) -> None:
    """Adds the flags of the optimizer, whose defaults are the model's."""
    group = parser.group(TRAINING)
    group.add_argument(
        "--learning_rate", type=amount, help="learning rate (default %(default)s)")
    group.add_argument(
        "--optimizer", choices=catalog.NAMES,
        help="optimizer of all variables (default %(default)s)")
    group.add_argument(
        "--clip_norm", type=amount, default=0.0, metavar="NORM",
        help="largest global norm of a step's gradient, which is scaled down to it; 0: any "
             "(default 0)")


class Training(NamedTuple):
    """How a model is trained.

    Attributes:
      optimizer, learning_rate: of all variables.
      toggles: how many slices of a batch follow one another, and whether native ops may update
        variables.
      schedule: how the learning rate changes.
      clip_norm: the largest global norm of a gradient, 0 for any.
    """

    optimizer: str
    learning_rate: float
    toggles: Toggles = Toggles()
    schedule: Schedule = Schedule()
    clip_norm: float = 0.0

    @classmethod
    def from_flags(cls, args: argparse.Namespace) -> "Training":
        """What flags say, whose toggles and schedule are parsed."""
        return cls(args.optimizer, args.learning_rate, args.toggles, args.schedule, args.clip_norm)

    def within(self, steps: int) -> "Training":
        """The same in a run that ends at a global step.

        Raises:
          BadInput: the run is too short for the schedule.
        """
        return self._replace(schedule=self.schedule.within(steps))


def train_spec(
        loss_of: LossOf,
        features: Features,
        labels: Features,
        training: Training) -> tf.estimator.EstimatorSpec:
    """The spec of a training step: one update by the loss of a batch.

    Args:
      loss_of: (features, labels) of any rows -> their mean loss, scalar; makes variables or uses
        those that are there.
    """
    toggles = training.toggles
    rate = training.schedule.rate(training.learning_rate)
    optimizer = catalog.make(training.optimizer, rate, toggles.native)

    def backward(part: Slice) -> Backward:
        return _backward(part, loss_of, optimizer)

    slices = micro_batch.one_after_another(backward, features, labels, toggles.micro_batch)
    batch = micro_batch.sum_slices(slices)
    train_op = _update(batch, optimizer, rate, training)
    tf.summary.scalar("learning_rate", rate)
    return tf.estimator.EstimatorSpec(
        tf.estimator.ModeKeys.TRAIN, loss=batch.loss, train_op=train_op)


def _backward(part: Slice, loss_of: LossOf, optimizer: tf.train.Optimizer) -> Backward:
    """A slice's part of the loss, with the gradients of variables and embedding variables."""
    with graph_record.of_graph().collect_lookups() as lookups:
        loss = part.share_of_loss * loss_of(part.features, part.labels)
    variables = tf.trainable_variables()
    tables = [lookup.rows for lookup in lookups]
    sources = variables + tables
    # Colocated, gradients of rows that a parameter server sent go back to it as they came.
    pairs = optimizer.compute_gradients(loss, sources, colocate_gradients_with_ops=True)
    num_variables = len(variables)
    of_tables = pairs[num_variables:]
    of_lookups = [(lookup, gradient) for lookup, (gradient, _) in zip(lookups, of_tables)]
    return Backward(loss, pairs[:num_variables], of_lookups)


def _update(batch: Backward, optimizer: tf.train.Optimizer, rate: Rate,
            training: Training) -> tf.Operation:
    """The update of all variables, after the loss and all gradients are computed."""
    of_model = tf.global_variables()
    # Without this order, the gradient of one layer may or may not see the new weights of the next,
    # and the same seed would not give the same losses.
    # Running means of batch normalisation are updated with the loss.
    running_means = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
    before = tf.group(*batch.outputs(), running_means)  # one edge for each op that follows
    with tf.control_dependencies([before]):
        gradients, tables = batch.gradients, table_updates.merge(batch.lookups)
        if training.clip_norm:
            gradients, tables = clipping.clip(gradients, tables, training.clip_norm)
        of_tables = table_updates.update_all(tables, training.optimizer, rate)
        # Updates of embedding variables read the global step, which the optimizer moves.
        with tf.control_dependencies(of_tables):
            step = tf.train.get_or_create_global_step()
            train_op = optimizer.apply_gradients(gradients, step)
    updates.record(gradients, optimizer, of_model)
    return train_op

"""From a loss to one update of all variables."""

import argparse
from typing import Callable, NamedTuple

import tensorflow.compat.v1 as tf

from common.config.flag_types import TRAINING, FlagParser, amount
from common.config.toggles import Toggles
from common.embedding import graph_record
from common.optimizers import catalog, micro_batch, table_rules, updates
from common.optimizers.micro_batch import Computed, Features, Slice

LossOf = Callable[[Features, Features], tf.Tensor]


def add_flags(parser: FlagParser) -> None:
    """Adds the flags of the optimizer, whose defaults are the model's."""
    group = parser.group(TRAINING)
    group.add_argument(
        "--learning_rate", type=amount, help="learning rate (default %(default)s)")
    group.add_argument(
        "--optimizer", choices=catalog.NAMES,
        help="optimizer of all variables (default %(default)s)")


class Training(NamedTuple):
    """How a model is trained.

    Attributes:
      optimizer, learning_rate: of all variables.
      toggles: how many slices of a batch follow one another, and whether native ops may update variables.
    """

    optimizer: str
    learning_rate: float
    toggles: Toggles = Toggles()

    @classmethod
    def from_flags(cls, args: argparse.Namespace) -> "Training":
        """What flags say, whose toggles are parsed."""
        return cls(args.optimizer, args.learning_rate, args.toggles)


def train_spec(loss_of: LossOf, features: Features, labels: Features,
               training: Training) -> tf.estimator.EstimatorSpec:
    """The spec of a training step: one update by the loss of a batch.

    Args:
      loss_of: (features, labels) of any rows -> their mean loss, scalar; makes variables or uses those that are there.
    """
    optimizer = catalog.make(training.optimizer, training.learning_rate, training.toggles.native)
    parts = micro_batch.in_turn(lambda part: _compute(part, loss_of, optimizer), features, labels,
                                training.toggles.micro_batch)
    computed = micro_batch.summed(parts)
    return tf.estimator.EstimatorSpec(tf.estimator.ModeKeys.TRAIN, loss=computed.loss,
                                      train_op=_apply(computed, optimizer, training))


def _compute(part: Slice, loss_of: LossOf, optimizer: tf.train.Optimizer) -> Computed:
    """A slice's part of the loss with its gradients by variables and by rows of embedding variables.

    They are computed where their operations were, so that those of rows that a parameter server gave go back to it as
    they came.
    """
    with graph_record.of_graph().collect_lookups() as lookups:
        loss = part.share * loss_of(part.features, part.labels)
    sources = tf.trainable_variables() + [lookup.rows for lookup in lookups]
    found = optimizer.compute_gradients(loss, sources, colocate_gradients_with_ops=True)
    of_variables = len(found) - len(lookups)
    return Computed(loss, found[:of_variables], list(zip(lookups, [gradient for gradient, _ in found[of_variables:]])))


def _apply(computed: Computed, optimizer: tf.train.Optimizer, training: Training) -> tf.Operation:
    """The update of all variables, after the loss and all gradients are computed.

    Without that, the gradient of one layer may or may not see the new weights of the next, so that the same seed would
    not give the same losses. Running means of batch normalisation are updated with the loss.
    """
    before = tf.group(computed.loss, [gradient for gradient, _ in computed.gradients if gradient is not None],
                      [gradient for _, gradient in computed.lookups if gradient is not None],
                      tf.get_collection(tf.GraphKeys.UPDATE_OPS))  # one edge for each op that follows
    with tf.control_dependencies([before]):
        of_tables = table_rules.update_all(computed.lookups, training.optimizer, training.learning_rate)
        with tf.control_dependencies(of_tables):  # they read the global step
            applied = optimizer.apply_gradients(computed.gradients, tf.train.get_or_create_global_step())
    updates.note(computed.gradients, optimizer)
    return applied

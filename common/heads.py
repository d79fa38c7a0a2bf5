"""A model's tasks to an EstimatorSpec: the loss's train_op, exact metrics, and what is exported."""

from typing import Callable, Dict, List, NamedTuple, Optional, Tuple

import numpy as np
import tensorflow.compat.v1 as tf

from common import embedding_variable, metrics, micro_batch, optimizers, table_rules, touched
from common.deeprec import Toggles
from common.micro_batch import Computed, Features

_METRICS = ("rows", "positives", "auc", "auc_low", "auc_high", "log_loss", "calibration", "accuracy")
_USER_METRICS = ("gauc", "gauc_users")


class Task(NamedTuple):
    """One prediction of a model.

    Attributes:
      name: of its metrics.
      logit: float32 [B].
      label: float32 [B], None where only predictions are wanted.
      rows: bool [B], the rows that count; None for all.
      by_user: whether to measure GAUC too.
    """

    name: str
    logit: tf.Tensor
    label: Optional[tf.Tensor] = None
    rows: Optional[tf.Tensor] = None
    by_user: bool = False


class Training(NamedTuple):
    """How a model is trained.

    Attributes:
      optimizer, learning_rate: of all variables.
      toggles: how many slices of a batch follow one another, and whether native ops may update variables.
    """

    optimizer: str
    learning_rate: float
    toggles: Toggles = Toggles()


def train_spec(loss_of: Callable[[Features, Features], tf.Tensor], features: Features, labels: Features,
               training: Training) -> tf.estimator.EstimatorSpec:
    """The spec of a training step: one update by the loss of a batch.

    Args:
      loss_of: (features, labels) of any rows -> their mean loss, scalar; makes variables or uses those that are there.
    """
    optimizer = optimizers.make(training.optimizer, training.learning_rate, training.toggles.native)
    parts = micro_batch.in_turn(
        lambda part: _compute(part.share * loss_of(part.features, part.labels), optimizer), features, labels,
        training.toggles.micro_batch)
    computed = micro_batch.summed(parts)
    return tf.estimator.EstimatorSpec(tf.estimator.ModeKeys.TRAIN, loss=computed.loss,
                                      train_op=_apply(computed, optimizer, training))


def _compute(loss: tf.Tensor, optimizer: tf.train.Optimizer) -> Computed:
    """A loss with its gradients by variables and by rows of embedding variables.

    They are computed where their operations were, so that those of rows that a parameter server gave go back to it as
    they came.
    """
    lookups = embedding_variable.take_lookups()
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
    touched.note(computed.gradients, optimizer)
    return applied


def eval_spec(loss: tf.Tensor, tasks: List[Task], users: tf.Tensor) -> tf.estimator.EstimatorSpec:
    """The spec of an evaluation; users int64 [B] tells the rows of one user from another's."""
    metric_ops: Dict[str, Tuple[tf.Tensor, tf.Tensor]] = {}
    for task in tasks:
        metric_ops.update(_metric_ops(task, users))
    return tf.estimator.EstimatorSpec(tf.estimator.ModeKeys.EVAL, loss=loss, eval_metric_ops=metric_ops)


def predict_spec(tasks: List[Task]) -> tf.estimator.EstimatorSpec:
    """The spec of a prediction: each task's probability, float32 [B], by its name.

    tf.sigmoid is exact to 1e-7, which is too little for the product of two small probabilities.
    """
    probabilities = {task.name: tf.exp(-tf.nn.softplus(-task.logit)) for task in tasks}
    return tf.estimator.EstimatorSpec(
        tf.estimator.ModeKeys.PREDICT, predictions=probabilities,
        export_outputs={"serving_default": tf.estimator.export.PredictOutput(probabilities)})


def task_metrics(results: Dict[str, float], tasks: List[str]) -> Dict[str, Dict[str, float]]:
    """Sorts an evaluation's results, named task/metric, by task."""
    return {task: {name.split("/", 1)[1]: float(value) for name, value in results.items()
                   if name.startswith(task + "/")} for task in tasks}


def _metric_ops(task: Task, users: tf.Tensor) -> Dict[str, Tuple[tf.Tensor, tf.Tensor]]:
    """Metrics over all rows of an evaluation; the rows are kept in memory, 16 bytes each."""
    kept: List[Tuple[np.ndarray, ...]] = []

    def keep(*arrays: np.ndarray) -> np.bool_:
        kept.append(arrays)
        return np.bool_(True)

    def measure() -> List[float]:
        labels, logits, owners = [np.concatenate(parts) for parts in zip(*kept)]
        values = metrics.evaluate(labels, logits, owners, task.by_user)
        return [np.float64(values[name]) for name in names]

    names = _METRICS + (_USER_METRICS if task.by_user else ())
    arrays = [task.label, task.logit, users]
    if task.rows is not None:
        arrays = [tf.boolean_mask(array, task.rows) for array in arrays]
    update = tf.py_func(keep, arrays, tf.bool)
    values = tf.py_func(measure, [], len(names) * [tf.float64])
    return {"{}/{}".format(task.name, name): (value, update) for name, value in zip(names, values)}

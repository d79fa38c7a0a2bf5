"""A model's tasks to an EstimatorSpec: exact metrics, and what is exported."""

from typing import Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple, Union

import numpy as np
import tensorflow.compat.v1 as tf

from common.config.schema import USER, WEIGHT, Schema
from common.metrics import measures

Features = Mapping[str, tf.Tensor]
MetricOps = Dict[str, Tuple[tf.Tensor, tf.Tensor]]
TaskMetrics = Dict[str, Dict[str, float]]


class Task(NamedTuple):
    """One prediction of a model.

    Attributes:
      name: of its metrics.
      logit: float32 [B].
      label: float32 [B], None where only predictions are asked for.
      rows: bool [B], the rows that count; None for all.
    """

    name: str
    logit: tf.Tensor
    label: Optional[tf.Tensor] = None
    rows: Optional[tf.Tensor] = None


def of_labels(
    schema: Schema,
    logits: Mapping[str, tf.Tensor],
    labels: Optional[Mapping[str, tf.Tensor]],
) -> List[Task]:
    """The tasks of a model in which each label is one, measured on all rows.

    Args:
      logits, labels: by the label's name; labels None where only predictions are asked for.
    """
    tasks = []
    for task, name in schema.tasks:
        label = None if labels is None else labels[name]
        tasks.append(Task(task, logits[name], label))
    return tasks


def mean_loss(losses: Union[tf.Tensor, Sequence[tf.Tensor]], labels: Features) -> tf.Tensor:
    """The mean loss of a batch, scalar: by the rows' weights, where they have any.

    Args:
      losses: of rows, [B], or of several tasks' rows, [B] each.
      labels: as common.pipeline.dataset gives them, the weights among them.
    """
    if WEIGHT not in labels:
        return tf.reduce_mean(losses)
    weights = labels[WEIGHT]
    of_tasks = tf.reshape(losses, [-1, tf.size(weights)])
    of_rows = tf.reduce_mean(of_tasks, axis=0)
    # Where all weigh nothing, there is nothing to learn, and no loss.
    return tf.math.divide_no_nan(tf.reduce_sum(weights * of_rows), tf.reduce_sum(weights))


def eval_spec(loss: tf.Tensor, tasks: List[Task], features: Features) -> tf.estimator.EstimatorSpec:
    """The spec of an evaluation, which measures GAUC for the first task where there are users.

    Args:
      features: as common.pipeline.dataset gives them, whose USER tells the rows of one user from
        another's, int64 [B], and whose WEIGHT says how often each counts, float32 [B]; without
        them, rows are of no user, or count alike.
    """
    metric_ops: MetricOps = {}
    for place, task in enumerate(tasks):
        metric_ops.update(_metric_ops(task, features, by_user=USER in features and place == 0))
    return tf.estimator.EstimatorSpec(
        tf.estimator.ModeKeys.EVAL,
        loss=loss,
        eval_metric_ops=metric_ops)


def predict_spec(tasks: List[Task]) -> tf.estimator.EstimatorSpec:
    """The spec of a prediction: each task's probability, float32 [B], by its name."""
    # tf.sigmoid is exact to 1e-7, which is too little for the product of two small probabilities.
    probabilities = {task.name: tf.exp(-tf.nn.softplus(-task.logit)) for task in tasks}
    outputs = tf.estimator.export.PredictOutput(probabilities)
    return tf.estimator.EstimatorSpec(
        tf.estimator.ModeKeys.PREDICT,
        predictions=probabilities,
        export_outputs={"serving_default": outputs})


def task_metrics(results: Dict[str, float], tasks: Sequence[str]) -> TaskMetrics:
    """Sorts an evaluation's results, named task/metric, by task."""
    by_task: TaskMetrics = {task: {} for task in tasks}
    for name, value in results.items():
        task, _, metric = name.partition("/")
        if metric and task in by_task:
            by_task[task][metric] = float(value)
    return by_task


class _Rows:
    """All rows of one task in an evaluation, in memory, at most 20 bytes each.

    TensorFlow's own metrics add numbers up batch by batch; an exact AUC needs all rows at once. So
    the update of the metrics is a py_func that appends a batch, and their value one that measures
    what there is.

    Args:
      names: of the metrics.
      fields: the arguments of measures.evaluate that `append` is given, in their order.
      by_user: whether GAUC is among the metrics.
    """

    def __init__(self, names: List[str], fields: Sequence[str], by_user: bool) -> None:
        self._names, self._fields, self._by_user = names, fields, by_user
        self._batches: List[Tuple[np.ndarray, ...]] = []

    def append(self, *arrays: np.ndarray) -> np.bool_:
        """Appends the fields of a batch, [B] each."""
        self._batches.append(arrays)
        return np.bool_(True)

    def measure(self) -> List[np.float64]:
        """The metrics, in the order of their names."""
        columns = map(np.concatenate, zip(*self._batches))
        values = measures.evaluate(**dict(zip(self._fields, columns)), by_user=self._by_user)
        return [np.float64(values[name]) for name in self._names]


def _metric_ops(task: Task, features: Features, by_user: bool) -> MetricOps:
    """Metrics over all rows of an evaluation."""
    names = measures.names(by_user)
    fields = {"labels": task.label, "logits": task.logit}
    for field, name in (("users", USER), ("weights", WEIGHT)):
        if name in features:
            fields[field] = features[name]
    arrays = list(fields.values())
    if task.rows is not None:
        arrays = [tf.boolean_mask(array, task.rows) for array in arrays]
    rows = _Rows(names, list(fields), by_user)
    update = tf.py_func(rows.append, arrays, tf.bool)
    values = tf.py_func(rows.measure, [], len(names) * [tf.float64])
    metric_ops: MetricOps = {}
    for name, value in zip(names, values):
        metric_ops["{}/{}".format(task.name, name)] = (value, update)
    return metric_ops

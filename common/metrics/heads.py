"""A model's tasks to an EstimatorSpec: exact metrics, and what is exported."""

from typing import Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

import numpy as np
import tensorflow.compat.v1 as tf

from common.config.schema import Schema
from common.metrics import measures

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


def eval_spec(
    loss: tf.Tensor,
    tasks: List[Task],
    users: Optional[tf.Tensor],
) -> tf.estimator.EstimatorSpec:
    """The spec of an evaluation, which measures GAUC for the first task where there are users.

    Args:
      users: tells the rows of one user from another's, int64 [B]; None where rows are of no user.
    """
    metric_ops: MetricOps = {}
    for place, task in enumerate(tasks):
        by_user = users is not None and place == 0
        metric_ops.update(_metric_ops(task, users, by_user))
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
    """All rows of one task in an evaluation, in memory, 16 bytes each.

    TensorFlow's own metrics add numbers up batch by batch; an exact AUC needs all rows at once. So
    the update of the metrics is a py_func that appends a batch, and their value one that measures
    what there is.
    """

    def __init__(self, names: List[str], by_user: bool) -> None:
        self._names, self._by_user = names, by_user
        self._batches: List[Tuple[np.ndarray, ...]] = []

    def append(self, *arrays: np.ndarray) -> np.bool_:
        """Appends labels, logits and, where there are any, users of a batch, [B] each."""
        self._batches.append(arrays)
        return np.bool_(True)

    def measure(self) -> List[np.float64]:
        """The metrics, in the order of their names."""
        labels, logits, *rest = map(np.concatenate, zip(*self._batches))
        users = rest[0] if rest else None
        values = measures.evaluate(labels, logits, users, self._by_user)
        return [np.float64(values[name]) for name in self._names]


def _metric_ops(task: Task, users: Optional[tf.Tensor], by_user: bool) -> MetricOps:
    """Metrics over all rows of an evaluation."""
    names = measures.names(by_user)
    rows = _Rows(names, by_user)
    arrays = [task.label, task.logit]
    if users is not None:
        arrays.append(users)
    if task.rows is not None:
        arrays = [tf.boolean_mask(array, task.rows) for array in arrays]
    update = tf.py_func(rows.append, arrays, tf.bool)
    values = tf.py_func(rows.measure, [], len(names) * [tf.float64])
    metric_ops: MetricOps = {}
    for name, value in zip(names, values):
        metric_ops["{}/{}".format(task.name, name)] = (value, update)
    return metric_ops

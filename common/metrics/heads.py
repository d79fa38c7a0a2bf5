"""A model's tasks to an EstimatorSpec: exact metrics, and what is exported."""

from typing import Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple, Union

import numpy as np
import tensorflow.compat.v1 as tf

from common.config.schema import USER, WEIGHT, Schema
from common.metrics import measures
from common.metrics.collected import CHOSEN

Features = Mapping[str, tf.Tensor]
MetricOps = Dict[str, Tuple[tf.Tensor, tf.Tensor]]
TaskMetrics = Dict[str, Dict[str, float]]
_TASKS = "evaluated_tasks"  # the collection in which a graph keeps them


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

    Returns:
      the spec, whose predictions hold all rows of the evaluation so far: "task/field" of each
      field of Collected that there is. To be asked for at its end alone.
    """
    metric_ops: MetricOps = {}
    collected: Dict[str, tf.Tensor] = {}
    for place, task in enumerate(tasks):
        by_user = USER in features and place == 0
        _add_task(metric_ops, collected, task, features, by_user)
        tf.add_to_collection(_TASKS, task)
    return tf.estimator.EstimatorSpec(
        tf.estimator.ModeKeys.EVAL,
        predictions=collected,
        loss=loss,
        eval_metric_ops=metric_ops)


def evaluated_tasks() -> List[Task]:
    """The tasks of the evaluation in the default graph, whose labels and rows may be asked for."""
    return tf.get_collection(_TASKS)


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
    """All rows of one task in an evaluation, in memory, at most 21 bytes each.

    TensorFlow's own metrics add numbers up batch by batch; an exact AUC needs all rows at once. So
    the update of the metrics is a py_func that appends a batch, and their value one that measures
    what there is.

    Args:
      names: of the metrics.
      fields: the fields of Collected that `append` is given, in their order.
      by_user: whether GAUC is among the metrics.
    """

    def __init__(self, names: List[str], fields: Sequence[str], by_user: bool) -> None:
        self._names, self._fields, self._by_user = names, fields, by_user
        self._batches: List[Tuple[np.ndarray, ...]] = []

    def append(self, *arrays: np.ndarray) -> np.bool_:
        """Appends the fields of a batch, [B] each."""
        batch = dict(zip(self._fields, arrays))
        chosen = batch.get(CHOSEN)
        if chosen is not None:
            batch = {name: array[chosen] for name, array in batch.items()}
            batch[CHOSEN] = chosen
        self._batches.append(tuple(batch.values()))
        return np.bool_(True)

    def collected(self) -> List[np.ndarray]:
        """The fields of all rows, in their order."""
        if len(self._batches) > 1:
            self._batches = [tuple(map(np.concatenate, zip(*self._batches)))]
        return list(self._batches[0])

    def measure(self) -> List[np.float64]:
        """The metrics, in the order of their names."""
        columns = dict(zip(self._fields, self.collected()))
        columns.pop(CHOSEN, None)
        values = measures.evaluate(**columns, by_user=self._by_user)
        return [np.float64(values[name]) for name in self._names]


def _add_task(ops: MetricOps, collected: Dict[str, tf.Tensor], task: Task, features: Features,
              by_user: bool) -> None:
    """Adds a task's metrics over all rows of an evaluation, and what they are measured on."""
    names = measures.names(by_user)
    fields = {"labels": task.label, "logits": task.logit}
    for field, name in (("users", USER), ("weights", WEIGHT)):
        if name in features:
            fields[field] = features[name]
    if task.rows is not None:
        fields[CHOSEN] = task.rows
    rows = _Rows(names, list(fields), by_user)
    update = tf.py_func(rows.append, list(fields.values()), tf.bool)
    values = tf.py_func(rows.measure, [], len(names) * [tf.float64])
    for name, value in zip(names, values):
        ops["{}/{}".format(task.name, name)] = (value, update)
    types = [array.dtype for array in fields.values()]
    for field, array in zip(fields, tf.py_func(rows.collected, [], types)):
        collected["{}/{}".format(task.name, field)] = array

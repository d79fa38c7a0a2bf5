"""A model's tasks to an EstimatorSpec: the loss's train_op, exact metrics, and what is exported."""

from typing import Dict, List, NamedTuple, Optional, Tuple

import numpy as np
import tensorflow.compat.v1 as tf

from common.metrics import measures

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
        values = measures.evaluate(labels, logits, owners, task.by_user)
        return [np.float64(values[name]) for name in names]

    names = _METRICS + (_USER_METRICS if task.by_user else ())
    arrays = [task.label, task.logit, users]
    if task.rows is not None:
        arrays = [tf.boolean_mask(array, task.rows) for array in arrays]
    update = tf.py_func(keep, arrays, tf.bool)
    values = tf.py_func(measure, [], len(names) * [tf.float64])
    return {"{}/{}".format(task.name, name): (value, update) for name, value in zip(names, values)}

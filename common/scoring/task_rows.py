"""What each task of a model measures on some rows: their labels, and which of them count."""

from typing import Callable, Dict, List, NamedTuple, Tuple

import numpy as np
import tensorflow.compat.v1 as tf

from common.metrics import heads
from common.pipeline import dataset
from common.pipeline.features import Block
from common.pipeline.row_order import Stream
from common.pipeline.source import Data
from common.scoring import shuffled

_BATCH = 4096


class TaskRows(NamedTuple):
    """A task's rows.

    Attributes:
      labels: of all rows, float32 [N].
      chosen: which of them it is measured on, bool [N].
    """

    labels: np.ndarray
    chosen: np.ndarray


def of_block(
    model_fn: Callable[..., tf.estimator.EstimatorSpec],
    params: NamedTuple,
    data: Data,
    block: Block,
) -> Dict[str, TaskRows]:
    """What a model's evaluation measures of some rows, by task; no weights are read for it."""
    stream = Stream(_BATCH)
    input_fn = dataset.columnar_input(
        data.train, data, stream, read_items=lambda: shuffled.slices(block, _BATCH))
    with tf.Graph().as_default(), tf.Session() as session:
        iterator = tf.data.make_initializable_iterator(input_fn())
        features, labels = iterator.get_next()
        model_fn(features, labels, tf.estimator.ModeKeys.EVAL, params)
        fetches = {task.name: _fetched(task) for task in heads.evaluated_tasks()}
        session.run(iterator.initializer)
        batches: List[Dict[str, Tuple[np.ndarray, np.ndarray]]] = []
        num_rows = 0
        while num_rows < len(block.rows):
            batches.append(session.run(fetches))
            num_rows += len(next(iter(batches[-1].values()))[0])
    return {name: TaskRows(*map(np.concatenate, zip(*[batch[name] for batch in batches])))
            for name in fetches}


def _fetched(task: heads.Task) -> Tuple[tf.Tensor, tf.Tensor]:
    """A task's labels and which rows count, [B] each."""
    chosen = tf.ones_like(task.label, tf.bool) if task.rows is None else task.rows
    return task.label, chosen

"""The work queue's record of the rows that were trained."""

from typing import Optional

import tensorflow.compat.v1 as tf

from common.callbacks.callback import Callback, Hooks, Tensors
from common.config.schema import ROW
from common.pipeline.work_queue import RunQueue


class QueueRecord(Callback):
    """Tells the work queue, in each training step, which rows the step trained.

    Args:
      queue: None where each trainer has a part of the rows of its own.
    """

    def __init__(self, queue: Optional[RunQueue]) -> None:
        self._queue = queue
        self._hooks: Hooks = []

    def change(self, spec: tf.estimator.EstimatorSpec, features: Tensors,
               mode: str) -> tf.estimator.EstimatorSpec:
        """Adds the queue to the graph of training: to its step and its checkpoints."""
        if not self._queue or mode != tf.estimator.ModeKeys.TRAIN:
            return spec
        spec, taking = self._queue.attach(spec, features[ROW])
        self._hooks = [taking]
        return spec

    def hooks(self, spec: tf.estimator.EstimatorSpec) -> Hooks:
        """What takes items for the input while a session lasts."""
        return self._hooks

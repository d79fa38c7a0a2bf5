"""A queue of work items that all trainers share, in native ops; work_queue.h says how it works."""

from typing import NamedTuple

import numpy as np
import tensorflow.compat.v1 as tf
from tensorflow.python.ops import resources

from common.kernels import native

ITEM, NOTHING_NOW, END = range(3)  # the answers to take(), as work_queue.h has them
SILENT_SECS = 60.0


class Plan(NamedTuple):
    """What an epoch is made of, I items, and how epochs follow.

    Attributes:
      bounds: int64 [I + 1], ascending from 0: item i has the rows bounds[i] to before bounds[i + 1] of the file.
      sizes: int64 [I], how many of them can be used.
      groups: int64 [I], ascending: what part of the file, that is read as one, has them.
      seed: of the items' order; each epoch has another.
      epochs: how many there are; 0: without end.
      shuffled: whether items are drawn in random order; else they come as they stand in the file.
    """

    bounds: np.ndarray
    sizes: np.ndarray
    groups: np.ndarray
    seed: int
    epochs: int
    shuffled: bool


class Taken(NamedTuple):
    """What take() answers, int64 scalars: ITEM, NOTHING_NOW or END, and with ITEM which of which epoch, and how many
    of its rows were trained before."""

    answer: tf.Tensor
    epoch: tf.Tensor
    item: tf.Tensor
    done: tf.Tensor


class State(NamedTuple):
    """Where a queue is: how many epochs were begun, and what is left of them, int64 [N, 3] of epoch, item, rows done.
    """

    epoch: tf.Tensor
    left: tf.Tensor


class WorkQueue:
    """The queue of the current graph, one of the resources that a session of the chief initializes, with epoch 0.

    Args:
      plan: the items.
      device: where it lives.
      silent_secs: when nothing is left to take, what others took and were not heard of for so long is given out again.

    Its ops raise, at run time, tf.errors.FailedPreconditionError before it was set, and tf.errors.InvalidArgumentError
    for what cannot be: rows outside of the file, and what reset names.
    """

    def __init__(self, plan: Plan, device: str, silent_secs: float) -> None:
        self._ops = native.load().ops
        self._plan, self._device, self._silent_secs = plan, device, silent_secs
        with tf.device(device):
            self.handle = self._ops.zoo_work_queue(shared_name="work_queue")
            self.is_set = self._ops.zoo_work_queue_is_set(self.handle)
        resources.register_resource(self.handle, self.reset(0, np.zeros([0, 3]), 0), self.is_set)

    def reset(self, epoch: tf.Tensor, left: tf.Tensor, skip: tf.Tensor) -> tf.Operation:
        """Sets the queue to where `epoch` epochs were begun and what is left of them, int64 [N, 3] of epoch, item and
        rows done, is to do; the `skip` rows that come next are left out."""
        plan = self._plan
        with tf.device(self._device):
            return self._ops.zoo_work_queue_reset(
                self.handle, *[tf.cast(value, tf.int64) for value in (
                    plan.bounds, plan.sizes, plan.groups, epoch, left, skip)],
                seed=plan.seed, epochs=plan.epochs, shuffled=plan.shuffled, silent_secs=self._silent_secs)

    def take(self, worker: str) -> Taken:
        """Takes an item for a worker: of the part of the file that it read last, else of one that nobody reads."""
        with tf.device(self._device):
            return Taken(*self._ops.zoo_work_queue_take(self.handle, worker))

    def advance(self, worker: str, rows: tf.Tensor) -> tf.Tensor:
        """Notes that a worker trained these rows of the file, int64 [B]; returns how many of them it does not have, or
        has no more because the queue was set back or they were given to others."""
        with tf.device(self._device):
            return self._ops.zoo_work_queue_advance(self.handle, worker, rows)

    def release(self, worker: str) -> tf.Operation:
        """Gives back what a worker took and did not finish; it is given out again before all else."""
        with tf.device(self._device):
            return self._ops.zoo_work_queue_release(self.handle, worker)

    def state(self) -> State:
        """Where the queue is, as reset() takes it."""
        with tf.device(self._device):
            return State(*self._ops.zoo_work_queue_state(self.handle))

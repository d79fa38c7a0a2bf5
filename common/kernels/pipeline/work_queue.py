"""A queue of work items that all trainers share, in native ops; work_queue.h says how it works."""

from typing import NamedTuple

import numpy as np
import tensorflow.compat.v1 as tf

from common import tf_private
from common.kernels import native

ITEM, NOTHING_NOW, END = range(3)  # the answers to take(), as in work_queue.h
SILENT_SECS = 60.0


class Plan(NamedTuple):
    """The I items of an epoch, and how epochs follow each other.

    Attributes:
      bounds: int64 [I + 1], ascending from 0: item i has the rows bounds[i] to before
        bounds[i + 1] of the file.
      sizes: int64 [I], how many of them are usable.
      groups: int64 [I], ascending: which part of the file each item is in. A part is what is read
        at once.
      seed: of the items' order, which differs between epochs.
      epochs: how many there are; 0 for no end.
      shuffled: whether the order is random; else it is the file's.
    """

    bounds: np.ndarray
    sizes: np.ndarray
    groups: np.ndarray
    seed: int
    epochs: int
    shuffled: bool


class Assignment(NamedTuple):
    """The reply to take(), int64 scalars.

    Attributes:
      answer: ITEM, NOTHING_NOW or END; the others count for ITEM alone.
      epoch, item: which item of which epoch.
      done: how many of its rows were trained before.
    """

    answer: tf.Tensor
    epoch: tf.Tensor
    item: tf.Tensor
    done: tf.Tensor


class State(NamedTuple):
    """Where a queue is.

    Attributes:
      epoch: how many epochs were begun, int64 scalar.
      left: what is left of them, int64 [N, 3] of epoch, item and rows done.
    """

    epoch: tf.Tensor
    left: tf.Tensor


class WorkQueue:
    """The queue of the current graph.

    It is one of the resources that a session of the chief initializes, then at epoch 0.

    Args:
      plan: the items.
      device: where it is placed.
      silent_secs: when no other item is left, those of workers that have been silent for this
        long are assigned again.

    At run time its ops raise tf.errors.FailedPreconditionError before the queue was set, and
    tf.errors.InvalidArgumentError for rows outside of the file and for a state that cannot be.
    """

    def __init__(self, plan: Plan, device: str, silent_secs: float) -> None:
        self._ops = native.load().ops
        self._plan, self._device, self._silent_secs = plan, device, silent_secs
        with tf.device(device):
            self.handle = self._ops.zoo_work_queue(shared_name="work_queue")
            self.is_set = self._ops.zoo_work_queue_is_set(self.handle)
        nothing_left = np.zeros([0, 3])
        initializer = self.reset(0, nothing_left, 0)
        tf_private.register_resource(self.handle, initializer, self.is_set)

    def reset(self, epoch: tf.Tensor, left: tf.Tensor, skip: tf.Tensor) -> tf.Operation:
        """Sets the queue to a state, as in State, and leaves out the next `skip` rows."""
        plan = self._plan
        inputs = (plan.bounds, plan.sizes, plan.groups, epoch, left, skip)
        with tf.device(self._device):
            numbers = [tf.cast(value, tf.int64) for value in inputs]
            return self._ops.zoo_work_queue_reset(
                self.handle, *numbers, seed=plan.seed, epochs=plan.epochs,
                shuffled=plan.shuffled, silent_secs=self._silent_secs)

    def take(self, worker: str) -> Assignment:
        """Assigns an item to a worker: of the part of the file that it read last, or a free one."""
        with tf.device(self._device):
            fields = self._ops.zoo_work_queue_take(self.handle, worker)
            return Assignment(*fields)

    def advance(self, worker: str, rows: tf.Tensor) -> tf.Tensor:
        """Records that a worker trained these rows of the file, int64 [B].

        Returns:
          how many of them are not assigned to it: it never took them, or the queue was set back,
          or they were assigned to another worker.
        """
        with tf.device(self._device):
            return self._ops.zoo_work_queue_advance(self.handle, worker, rows)

    def release(self, worker: str) -> tf.Operation:
        """Returns what a worker took and did not finish; it is assigned again first."""
        with tf.device(self._device):
            return self._ops.zoo_work_queue_release(self.handle, worker)

    def state(self) -> State:
        """Where the queue is, as reset() takes it."""
        with tf.device(self._device):
            fields = self._ops.zoo_work_queue_state(self.handle)
            return State(*fields)

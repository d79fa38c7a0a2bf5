"""The work queue in the graph of training: the hook that takes items, and its state in checkpoints.

common.pipeline.work_queue says what the items are and reads their rows.
"""

import threading
import time
from typing import NamedTuple

import numpy as np
import tensorflow.compat.v1 as tf

from common.kernels.pipeline import work_queue as kernel
from common.kernels.pipeline.work_queue import Assignment, State, WorkQueue
from common.log import log
from common.pipeline import position
from common.pipeline.feed import Feed, Item, Later, Line
from common.pipeline.position import Reading
from common.pipeline.position_graph import (
    QUEUE_PREFIX, QUEUE_ROWS, QUEUE_TRAINED, read_saved)
from common.tf_private import SelfRestoring, save_whole

_AGAIN_SECS = 0.5
_ALIVE_SECS = 10.0  # a sixth of the silence after which the queue counts a worker as lost
_LOSS_SECS = 2.0
_ITEMS, _EPOCH, _LEFT = QUEUE_PREFIX + "items", QUEUE_PREFIX + "epoch", QUEUE_PREFIX + "left"


class Taking(tf.train.SessionRunHook):
    """Takes items for the input while a session lasts, each when it is asked for, in a thread.

    When the session begins, what an earlier one took and did not finish goes back.

    Args:
      shared: the queue, in the graph of the session.
      worker: this process' name.
      strays: what advance() returned in the step, int64 scalar.
      feed: where the input asks.
    """

    def __init__(self, shared: WorkQueue, worker: str, strays: tf.Tensor, feed: Feed) -> None:
        self._take = shared.take(worker)
        self._release = shared.release(worker)
        no_rows = tf.zeros([0], tf.int64)
        self._alive = shared.advance(worker, no_rows)
        self._strays = strays
        self._feed = feed
        self._has_warned = False

    def after_create_session(self, session: tf.Session, coord: tf.train.Coordinator) -> None:
        """Begins to take."""
        session.run(self._release)
        line = self._feed.open(coord.should_stop)
        thread = threading.Thread(target=self._serve, args=(session, coord, line), daemon=True)
        thread.start()

    def before_run(self, run_context: tf.train.SessionRunContext) -> tf.train.SessionRunArgs:
        """Asks for the strays of the step."""
        return tf.train.SessionRunArgs(self._strays)

    def after_run(
        self,
        run_context: tf.train.SessionRunContext,
        run_values: tf.train.SessionRunValues,
    ) -> None:
        """Logs at the first strays that rows are trained twice."""
        if run_values.results and not self._has_warned:
            self._has_warned = True
            log("the work queue was set back to a checkpoint, or what this process took was given "
                "to others while it stood still: the rows that it had read are trained twice")

    def _serve(self, session: tf.Session, coord: tf.train.Coordinator, line: Line) -> None:
        try:
            self._answer_all(session, coord, line)
        except Exception as error:  # nobody sees what ends a thread: the input raises it
            if isinstance(error, (tf.errors.UnavailableError, tf.errors.AbortedError)):
                # The step fails of the same loss by itself, and the session recovers from that
                # error, but not from one of the input: the step must be the first to fail.
                coord.wait_for_stop(_LOSS_SECS)
            if not coord.should_stop():
                self._feed.error = error
                line.answer(error)

    def _answer_all(self, session: tf.Session, coord: tf.train.Coordinator, line: Line) -> None:
        last_call = time.monotonic()
        # The input that waits for an item occupies one of the threads that ops run in; with
        # --inter 1, the only one.
        in_this_thread = tf.RunOptions(inter_op_thread_pool=-1)
        while not coord.should_stop():
            if line.is_asked():
                taken = session.run(self._take, options=in_this_thread)
                last_call = time.monotonic()
                _answer(line, taken, coord)
            elif time.monotonic() - last_call > _ALIVE_SECS:
                session.run(self._alive, options=in_this_thread)
                last_call = time.monotonic()


def _answer(line: Line, taken: Assignment, coord: tf.train.Coordinator) -> None:
    """Passes on what the queue answered; where it has nothing now, waits before."""
    if taken.answer == kernel.NOTHING_NOW:
        coord.wait_for_stop(_AGAIN_SECS)
        line.answer(Later())
    elif taken.answer == kernel.ITEM:
        item = Item(int(taken.epoch), int(taken.item), int(taken.done))
        line.answer(item)
    else:
        line.answer(None)


class QueuePlace(NamedTuple):
    """Where a queue is, as WorkQueue.reset takes it.

    Attributes:
      epoch: how many epochs were begun.
      left: what is left of them, int64 [N, 3].
      skip: how many rows to leave out.
    """

    epoch: np.int64
    left: np.ndarray
    skip: np.int64


class QueueState(SelfRestoring):
    """A queue in checkpoints: what its items are, how many epochs were begun, what of them is left.

    A checkpoint of other items, or of none, gives the number of rows to leave out of this queue's
    order.

    Args:
      identity: tells the queue's items from others.
      sizes: how many rows of each item can be used, int64 [I].
      reading: which rows they are.
      device: where the queue is.
      client: where this process is.
    """

    needs_tensors = False

    def __init__(
        self,
        shared: WorkQueue,
        identity: str,
        sizes: np.ndarray,
        reading: Reading,
        device: str,
        client: str,
    ) -> None:
        self._shared = shared
        self._identity = identity
        self._reading = reading
        self._client = client
        state = shared.state()
        with tf.device(device):
            tensors = {
                _ITEMS: tf.constant(identity),
                _EPOCH: state.epoch,
                _LEFT: state.left,
                QUEUE_ROWS: tf.constant(reading.rows.to_json()),
                QUEUE_TRAINED: _count_trained(state, sizes),
            }
        specs = save_whole(list(tensors), list(tensors.values()))
        super().__init__(shared.handle, specs, "work_queue")

    def restore_from(self, path: tf.Tensor) -> tf.Operation:
        """Sets the queue to where the checkpoint with this prefix has it."""
        with tf.device(self._client):
            place = tf.py_func(self._read, [path], 3 * [tf.int64])
        return self._shared.reset(*place)

    def _read(self, path: bytes) -> QueuePlace:
        saved = read_saved(path.decode())
        skip, note = position.resume_queue(saved, self._reading)
        nothing_left = np.zeros([0, 3], np.int64)
        start = QueuePlace(np.int64(0), nothing_left, np.int64(skip))
        checkpoint = tf.train.load_checkpoint(path.decode())
        if note or not checkpoint.has_tensor(_ITEMS):
            return start
        identity = checkpoint.get_tensor(_ITEMS).decode()
        if identity == self._identity:
            epoch = checkpoint.get_tensor(_EPOCH)
            left = checkpoint.get_tensor(_LEFT)
            return QueuePlace(epoch, left, np.int64(0))
        log("{} has a work queue of other items ({}; now {}): training resumes behind {:,} rows in "
            "another order".format(path.decode(), identity, self._identity, skip))
        return start


def _count_trained(state: State, sizes: np.ndarray) -> tf.Tensor:
    """How many rows were trained of all epochs that were begun, int64 scalar."""
    rows = tf.gather(tf.constant(sizes), state.left[:, 1]) - state.left[:, 2]
    return state.epoch * sizes.sum() - tf.reduce_sum(rows)

"""The work queue of a run (--workqueue): what its items are, how they are read, and where they stand in checkpoints.

DeepRec's WorkQueue hands out whole files, in the same order each epoch, many of them ahead of use, and forgets those
that were taken when it is saved. Here an item is a slice of the training file, and a checkpoint has all that is not
trained yet.
"""

import os
from typing import Iterator, List, NamedTuple, Tuple

import numpy as np
import tensorflow.compat.v1 as tf

from common.config.flag_types import FEATURES, FlagParser, add_switch
from common.config.run import Run
from common.kernels.pipeline import work_queue as kernel
from common.kernels.pipeline.work_queue import Plan, WorkQueue
from common.log import log
from common.pipeline import blocks, reader
from common.pipeline.blocks import Part
from common.pipeline.encoder import Block
from common.pipeline.feed import Feed, Taking
from common.pipeline.source import Data
from common.tf_private import SaveSpec, SelfRestoring

_MAX_ROWS = 16384
_ITEMS_A_TRAINER = 8
_PREFIX = "work_queue/"


def add_flags(parser: FlagParser) -> None:
    """Adds the flag that turns the queue on."""
    add_switch(parser.group(FEATURES), "workqueue", False,
               "take rows from one queue of work items that all trainers share")


class Items(NamedTuple):
    """The items of a file.

    Attributes:
      parts: the rows of each.
      plan: the same as the queue has it.
      max_rows: the most rows that one may have.
      identity: tells these items from others in a checkpoint.
    """

    parts: List[Part]
    plan: Plan
    max_rows: int
    identity: str


def make_items(file: reader.InputFile, data: Data, run: Run) -> Items:
    """Cuts the chunks of a file into items: several for each trainer, none of many rows."""
    total = reader.num_rows(file)
    trainers = run.cluster.num_trainers if run.cluster else 1
    max_rows = min(_MAX_ROWS, max(total // (_ITEMS_A_TRAINER * trainers), 1))
    parts = blocks.cut_chunks(file, max_rows)
    bounds = np.array([part.chunk.first_row + part.low for part in parts] + [total], np.int64)
    bad = np.sort(np.array(list(data.bad_rows.rows(file.path)), np.int64))
    sizes = np.diff(bounds) - np.diff(np.searchsorted(bad, bounds))
    groups = np.searchsorted([chunk.first_row for chunk in file.chunks], bounds[:-1], side="right") - 1
    plan = Plan(bounds, sizes, groups, run.seed, 0 if run.cluster else run.epochs, run.shuffle_rows > 0)
    identity = "{} rows in {} bytes, {} items of at most {} rows, {} rows left out, seed {}, {}".format(
        total, os.path.getsize(file.path), len(parts), max_rows, len(bad), run.seed,
        "shuffled" if plan.shuffled else "in the file's order")
    return Items(parts, plan, max_rows, identity)


class RunQueue:
    """The queue that this process of a run takes its rows from.

    Attributes:
      feed: where the input asks for items.
    """

    def __init__(self, run: Run, data: Data) -> None:
        cluster = run.cluster
        on_server = bool(cluster and cluster.has_servers)
        self.feed = Feed()
        self._run, self._data = run, data
        self._items = make_items(data.train, data, run)
        self._device = "/job:ps/task:0" if on_server else ""
        self._client = "/job:{}/task:{}".format(cluster.role, cluster.task) if on_server and cluster else ""
        self._worker = cluster.name if cluster else "chief-0"

    def described(self) -> str:
        """How many items there are, and where, for the start-up table."""
        return "{} items of at most {} rows, {}".format(
            len(self._items.parts), self._items.max_rows, "on ps-0" if self._device else "in this process")

    def read(self) -> Iterator[Block]:
        """The rows of the items that this process is given, one item a block, as far as they are not trained yet."""
        return blocks.read_items(self._data.train, self._data, self._items.parts, self.feed.items(),
                                 self._run.seed if self._run.shuffle_rows else None)

    def attach(self, spec: tf.estimator.EstimatorSpec,
               rows: tf.Tensor) -> Tuple[tf.estimator.EstimatorSpec, tf.train.SessionRunHook]:
        """Adds the queue to the graph of training: to its step, its session and its checkpoints.

        Args:
          rows: the numbers of the batch's rows in the file, int64 [B].

        Returns:
          the spec, whose step notes in the queue that these rows were trained, and the hook that takes items.
        """
        shared = WorkQueue(self._items.plan, self._device, kernel.SILENT_SECS)
        with tf.control_dependencies([spec.train_op]):
            strays = shared.advance(self._worker, rows)
        position = Position(shared, self._items.identity, self._run.batch_size, self._device, self._client)
        tf.add_to_collection(tf.GraphKeys.SAVEABLE_OBJECTS, position)
        return spec._replace(train_op=strays.op), Taking(shared, self._worker, strays, self.feed)


class Position(SelfRestoring):
    """A queue in checkpoints: what its items are, how many epochs were begun and what of them is not trained.

    A checkpoint of other items, or of none, gives the place that its step has in this queue's order of rows.

    Args:
      identity: tells the queue's items from others.
      batch_size: rows a step.
      device: where the queue is.
      client: where this process is.
    """

    def __init__(self, shared: WorkQueue, identity: str, batch_size: int, device: str, client: str) -> None:
        self._shared, self._identity, self._batch_size, self._client = shared, identity, batch_size, client
        state = shared.state()
        with tf.device(device):
            tensors = {"items": tf.constant(identity), "epoch": state.epoch, "left": state.left}
        super().__init__(shared.handle, [SaveSpec(tensor, "", _PREFIX + name)
                                         for name, tensor in tensors.items()], "work_queue")

    def restore_from(self, path: tf.Tensor) -> tf.Operation:
        """Sets the queue to where the checkpoint with this prefix has it."""
        with tf.device(self._client):
            found = tf.py_func(self._find, [path], 3 * [tf.int64])
        return self._shared.reset(*found)

    def _find(self, path: bytes) -> Tuple[np.int64, np.ndarray, np.int64]:
        """What reset() takes: the epochs begun, what is left of them, and rows to leave out."""
        checkpoint = tf.train.load_checkpoint(path.decode())
        given = None
        if checkpoint.has_tensor(_PREFIX + "items"):
            given = checkpoint.get_tensor(_PREFIX + "items").decode()
        if given == self._identity:
            return checkpoint.get_tensor(_PREFIX + "epoch"), checkpoint.get_tensor(_PREFIX + "left"), np.int64(0)
        step = int(checkpoint.get_tensor("global_step"))
        log("{} has {}; it goes on behind the first {} rows of its order, {} for each of {} steps".format(
            path.decode(), "no work queue" if given is None else "a work queue of other items ({}; now {})".format(
                given, self._identity), step * self._batch_size, self._batch_size, step))
        return np.int64(0), np.zeros([0, 3], np.int64), np.int64(step * self._batch_size)

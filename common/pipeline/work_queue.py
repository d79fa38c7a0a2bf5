"""The work queue of a run (--workqueue): what its items are, and how their rows are read.

DeepRec's WorkQueue hands out whole files, in the same order each epoch, many of them ahead of use,
and forgets those that were taken when it is saved. Here an item is a slice of a training file,
and a checkpoint has all that is not trained yet. common.pipeline.queue_graph holds what the graph
of training needs of it.
"""

from typing import Iterator, List, NamedTuple, Optional, Tuple

import numpy as np
import tensorflow.compat.v1 as tf

from common.config.flag_types import FEATURES, FlagParser, add_switch
from common.config.run import Run
from common.counts import counted
from common.formats.files import Files
from common.kernels.pipeline import work_queue as kernel
from common.kernels.pipeline.work_queue import Plan, WorkQueue
from common.pipeline import blocks, row_order
from common.pipeline.features import Block
from common.pipeline.feed import Feed
from common.pipeline.position import Reading
from common.pipeline.queue_graph import QueueState, Taking
from common.pipeline.row_order import Part
from common.pipeline.source import Data

_MAX_ROWS = 16384
_ITEMS_A_TRAINER = 8


def add_flags(parser: FlagParser) -> None:
    """Adds the flag that turns the queue on."""
    add_switch(parser.group(FEATURES), "workqueue", False,
               "take rows from one queue of work items that all trainers share")


class Items(NamedTuple):
    """The items of some files.

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


def make_items(files: Files, data: Data, run: Run) -> Items:
    """Cuts the chunks of some files into items: several for each trainer, none of many rows."""
    total = files.num_rows
    trainers = run.num_trainers
    fair_share = total // (_ITEMS_A_TRAINER * trainers)
    max_rows = min(_MAX_ROWS, max(fair_share, 1))
    parts = row_order.cut_chunks(files, max_rows)
    bad = sorted(data.bad_rows.rows(files.paths))
    first_rows = [part.chunk.first_row + part.low for part in parts]
    last = parts[-1]
    bounds = np.array(first_rows + [last.chunk.first_row + last.high], np.int64)
    plan = Plan(
        bounds=bounds,
        sizes=_count_usable(parts, bounds, bad),
        groups=_chunk_of_each(first_rows, files),
        seed=run.seed,
        epochs=run.epochs,
        shuffled=run.shuffle_rows > 0,
    )
    identity = "{} rows in {} bytes, {} items of at most {} rows, {} rows left out, seed {}, {}"
    identity = identity.format(
        total,
        files.num_bytes,
        len(parts),
        max_rows,
        len(bad),
        run.seed,
        "shuffled" if plan.shuffled else "in the file's order",
    )
    return Items(parts, plan, max_rows, identity)


def _count_usable(parts: List[Part], bounds: np.ndarray, bad: List[int]) -> np.ndarray:
    """How many rows of each item can be used, int64 [I]."""
    num_rows = np.array([part.num_rows for part in parts])
    bad_rows = np.array(bad, np.int64)
    bad_before = np.searchsorted(bad_rows, bounds)
    return num_rows - np.diff(bad_before)


def _chunk_of_each(first_rows: List[int], files: Files) -> np.ndarray:
    """The number of the chunk that each item lies in, int64 [I]."""
    chunk_starts = [chunk.first_row for chunk in files.chunks]
    behind = np.searchsorted(chunk_starts, first_rows, side="right")
    return behind - 1


class RunQueue:
    """The queue that this process of a run takes its rows from.

    Attributes:
      feed: where the input asks for items.
    """

    def __init__(self, run: Run, data: Data, reading: Reading) -> None:
        cluster = run.cluster
        self.feed = Feed()
        self._run = run
        self._data = data
        self._reading = reading
        self._items = make_items(data.train, data, run)
        self._worker = cluster.name if cluster else "chief-0"
        self._device = ""
        self._client = ""
        if cluster and cluster.has_servers:
            self._device = "/job:ps/task:0"
            self._client = cluster.device

    def described(self) -> str:
        """How many items there are, and where, for the start-up table."""
        place = "on ps-0" if self._device else "in this process"
        num_items = counted(len(self._items.parts), "item")
        return "{} of at most {}, {}".format(num_items, counted(self._items.max_rows, "row"), place)

    def read(self) -> Iterator[Optional[Block]]:
        """The untrained rows of the items that this process is given, one item a block.

        None means that there is no item now: what was read is to be trained.
        """
        seed = self._run.seed if self._run.shuffle_rows else None
        items = self.feed.items()
        files = self._data.train
        return blocks.read_items(files, self._data, self._items.parts, items, seed)

    def attach(
        self,
        spec: tf.estimator.EstimatorSpec,
        rows: tf.Tensor,
    ) -> Tuple[tf.estimator.EstimatorSpec, tf.train.SessionRunHook]:
        """Adds the queue to the graph of training: to its step, its session and its checkpoints.

        Args:
          rows: the numbers of the batch's rows, int64 [B].

        Returns:
          the spec, whose step records in the queue that these rows were trained, and the hook that
          takes items.
        """
        shared = WorkQueue(self._items.plan, self._device, kernel.SILENT_SECS)
        with tf.control_dependencies([spec.train_op]):
            strays = shared.advance(self._worker, rows)
        position = QueueState(
            shared,
            self._items.identity,
            self._items.plan.sizes,
            self._reading,
            self._device,
            self._client,
        )
        # Savers save what is in this collection along with the variables.
        tf.add_to_collection(tf.GraphKeys.SAVEABLE_OBJECTS, position)
        return spec._replace(train_op=strays.op), Taking(shared, self._worker, strays, self.feed)

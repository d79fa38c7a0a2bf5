"""Where a process's training rows come from: a part of the files, or the work queue."""

import functools
from typing import List, NamedTuple, Optional, Tuple, Union

import tensorflow.compat.v1 as tf

from common.config.run import Run
from common.errors import BadInput, Lost
from common.pipeline import dataset, identity, position, row_order, sampled_rows, tf_path
from common.pipeline.dataset import Begin, InputFn
from common.pipeline.plans import Order, Plan
from common.pipeline.position import Reading, Saved
from common.pipeline.position_graph import Position
from common.pipeline.row_order import Stream
from common.pipeline.sampled_rows import Sample
from common.pipeline.source import Data
from common.pipeline.work_queue import RunQueue

Rows = Union["FilePart", "Queue"]


class Standing(NamedTuple):
    """How far a checkpoint is in the rows.

    Attributes:
      rows_trained: the rows of this pass that were trained, by all trainers.
      note: what people should know of it; empty where nothing is unusual.
    """

    rows_trained: int
    note: str = ""


def of_run(run: Run, data: Data, saved: Optional[Saved]) -> Rows:
    """The training rows of a process.

    Args:
      saved: what the checkpoint says from which training resumes; None without one.
    """
    if run.workqueue:
        return Queue(run, data)
    return FilePart(run, data, saved)


def reading_of(run: Run, data: Data) -> Reading:
    """How a run reads its training rows.

    Raises:
      OSError: a file is gone.
    """
    by_lines = run.toggles.tf
    any_order = run.parquet_shuffle or not data.train.is_parquet
    trainers = run.num_trainers

    @functools.lru_cache(maxsize=None)
    def count(shard: int, shards: int) -> int:
        if by_lines:
            return tf_path.rows_of_part(data.train, data, shard, shards)
        part = Stream(run.batch_size, shard=shard, shards=shards)
        bad_rows = data.bad_rows.rows(data.train.paths)
        return row_order.count_shard(data.train, bad_rows, part)

    return Reading(
        rows=identity.listing(data.train.paths, data.train.stamps).rows(),
        order=Order.of(run.seed, run.shuffle_rows, any_order, by_lines),
        trainers=trainers,
        batch_size=run.batch_size,
        epochs=run.epochs,
        count=count,
        has_own_copy=run.cluster is not None and run.cluster.role != "chief")


class FilePart:
    """The rows of the training files; with several trainers, one part of equal size for each.

    Args:
      saved: what the checkpoint says from which training resumes; None without one.

    Attributes:
      reading: how the rows are read.
      counter: what counts the rows of steps: this object.
      queue: as Queue has it; None.
      error: what ended the input of --tf, where TensorFlow made of it an error that names no type.
    """

    queue: Optional[RunQueue] = None
    error: Optional[Exception] = None

    def __init__(self, run: Run, data: Data, saved: Optional[Saved]) -> None:
        self._run, self._data = run, data
        self.reading = reading_of(run, data)
        self.counter = self
        self._first_plan = position.resume(saved, self.reading).plan
        self._trainer, self._device = 0, ""
        cluster = run.cluster
        if cluster and cluster.trains:
            self._trainer = cluster.shard
        if cluster and cluster.has_servers:
            self._device = cluster.device
        self._position: Optional[Position] = None
        self._stream = Stream(
            run.batch_size, shard=self._trainer, shards=self.reading.trainers)

    def standing(self, saved: Optional[Saved]) -> Standing:
        """How far a checkpoint is in the rows."""
        place = position.resume(saved, self.reading)
        return Standing(place.rows_trained, place.note)

    def steps_left(self, saved: Optional[Saved]) -> int:
        """How many steps of all trainers are left of the epochs of the run."""
        return position.steps_left(position.resume(saved, self.reading), self.reading)

    def input_fn(self) -> InputFn:
        """The rows from where training resumes; to be called in the graph of training."""
        run, data = self._run, self._data
        self._position = Position(self.reading, self._device)
        place = self._position.read(self._trainer)
        if run.toggles.tf:
            return self._tf_input(place)
        begin = Begin(place, self._begin)
        return dataset.columnar_input(
            data.train, data, self._stream, run.toggles.smartstaged, begin)

    def count(self, step: tf.Operation, rows: tf.Tensor) -> tf.Operation:
        """A training step of the graph of input_fn that also counts its rows, int scalar."""
        assert self._position
        return self._position.count(step, self._trainer, rows)

    def rows_left(self, session: tf.Session) -> List[int]:
        """How many rows each trainer has left of the epochs of the run."""
        assert self._position
        return position.rows_left(self._position.now(session), self.reading)

    def rows_of_batch(self, batch: int) -> List[int]:
        """The numbers from 0 of the rows in a batch; batches count from where training resumed."""
        start_row = self._stream.start_row + batch * self._run.batch_size
        stream = self._stream._replace(start_row=start_row)
        return tf_path.rows_of_batch(self._data.train, self._data, stream)

    def described(self) -> List[Tuple[str, str]]:
        """Nothing beside what the start-up table says of the files."""
        return []

    def _begin(self, plan_text: bytes, trained: int) -> Stream:
        """The rows of this trainer from where a session begins, as the chief's plan has them.

        Raises:
          BadInput: the chief reads other files, or knows of another number of trainers.
        """
        plan = Plan.from_json(plan_text.decode())
        self._check_same(plan)
        order = plan.order
        self._stream = Stream(
            batch_size=self._run.batch_size,
            epochs=self._run.epochs,
            shuffle_rows=order.shuffle_rows,
            seed=order.seed,
            start_row=int(trained),
            any_order=order.any_order,
            shard=self._trainer,
            shards=plan.trainers,
            legs=tuple(leg for leg in plan.legs[self._trainer] if self._is_read(leg.epoch)),
            first_epoch=plan.next_epoch)
        return self._stream

    def _is_read(self, epoch: int) -> bool:
        """Whether an epoch is among those of the run."""
        return not self._run.epochs or epoch < self._run.epochs

    def _check_same(self, plan: Plan) -> None:
        rows, name = self.reading.rows, self._name()
        if plan.trainers != self.reading.trainers:
            raise BadInput("{} was started for {} trainers, and its chief for {}. Give all the "
                           "same cluster.".format(name, self.reading.trainers, plan.trainers))
        if plan.rows.names_digest != rows.names_digest:
            raise BadInput("{} reads other rows than its chief: {}. Give all trainers the same "
                           "files.".format(name, rows.difference(plan.rows)))

    def _check_legs(self, plan: Plan) -> None:
        """Raises Lost where the chief plans other legs than those that the graph of --tf reads."""
        if plan.legs != self._first_plan.legs:
            raise Lost("the chief began at another checkpoint than {} was started with".format(
                self._name()))

    def _name(self) -> str:
        """What messages call this process."""
        return self._run.cluster.name if self._run.cluster else "this process"

    def _tf_input(self, place: List[tf.Tensor]) -> InputFn:
        """The same as --tf reads it, whose graph is made for the plan of this start."""
        plan = self._first_plan
        self._begin(plan.to_json().encode(), 0)

        def begin(plan_text: bytes, trained: int) -> int:
            try:
                start_row = self._begin(plan_text, trained).start_row
                self._check_legs(Plan.from_json(plan_text.decode()))
                return start_row
            except (BadInput, Lost) as error:  # of which tf.py_func makes one that names no type
                self.error = error
                raise

        start_row = tf.py_func(begin, place, tf.int64)
        start_row.set_shape([])
        return tf_path.tf_input(
            self._data.train, self._data, self._stream, with_users=False, start_row=start_row)


class Queue:
    """The items of the work queue that this process is given.

    Attributes:
      reading: how the rows are read.
      queue: the process's end of it, which counts rows by itself.
    """

    counter = None

    def __init__(self, run: Run, data: Data) -> None:
        self._run, self._data = run, data
        self.reading = reading_of(run, data)
        self.queue = RunQueue(run, data, self.reading)

    @property
    def error(self) -> Optional[Exception]:
        """What ended the input, where tf.data made of it an error that names no type."""
        return self.queue.feed.error

    def standing(self, saved: Optional[Saved]) -> Standing:
        """How far a checkpoint is in the rows."""
        rows, note = position.resume_queue(saved, self.reading)
        return Standing(rows, note)

    def steps_left(self, saved: Optional[Saved]) -> int:
        """How many steps of all trainers are left of the epochs of the run."""
        reading = self.reading
        left = reading.epochs * reading.count(0, 1) - self.standing(saved).rows_trained
        return max(-(-left // reading.batch_size), 0)

    def input_fn(self) -> InputFn:
        """The rows of the items, as they are taken."""
        run, data = self._run, self._data
        stream = Stream(run.batch_size)
        return dataset.columnar_input(data.train, data, stream, run.toggles.smartstaged,
                                      read_items=self.queue.read)

    def rows_of_batch(self, batch: int) -> List[int]:
        """Never asked for: --tf has no work queue, and other batches carry their rows' numbers."""
        raise NotImplementedError

    def described(self) -> List[Tuple[str, str]]:
        """How many items there are, and where, for the start-up table."""
        return [("work queue", self.queue.described())]


def evaluation_input(run: Run, data: Data, sample: Optional[Sample] = None) -> InputFn:
    """The test rows, in their order.

    Args:
      sample: of the test rows, which are read in place of all.

    Raises:
      ValueError: there are none.
    """
    if data.test is None:
        raise ValueError("there are no test rows: the data were opened without them.")
    stream = Stream(run.batch_size)
    if run.toggles.tf:
        read_lines = sample.lines if sample else None
        return tf_path.tf_input(
            data.test, data, stream, with_users=True, read_lines=read_lines)
    read_items = sample.blocks if sample else None
    return dataset.columnar_input(
        data.test, data, stream, run.toggles.smartstaged, read_items=read_items)


def evaluation_sample(run: Run, data: Data) -> Optional[Sample]:
    """The test rows that evaluations within training are of (--eval_rows); None for all of them.
    """
    if not run.eval_rows or data.test is None:
        return None
    return sampled_rows.of_files(data.test, data, run.eval_rows, run.seed)

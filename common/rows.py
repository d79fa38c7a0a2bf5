"""Where a process's training rows come from: a part of the file, or the work queue."""

from typing import Callable, List, Optional, Tuple, Union

from common.config.run import Run
from common.pipeline import dataset, tf_path
from common.pipeline.row_order import Stream
from common.pipeline.dataset import InputFn
from common.pipeline.source import Data
from common.pipeline.work_queue import RunQueue

Rows = Union["FilePart", "Queue"]


class FilePart:
    """The rows of the training file; with several trainers, one part of equal size for each.

    Args:
      first_step: gives the global step at which training goes on.
      steps_here: gives the steps that this process has made since training began; a session that is
        made anew leaves their rows out.

    Attributes:
      queue, error: as Queue has them; None.
    """

    queue: Optional[RunQueue] = None
    error: Optional[Exception] = None

    def __init__(self, run: Run, data: Data, first_step: Callable[[], int],
                 steps_here: Callable[[], int]) -> None:
        self._run, self._data = run, data
        self._first_step, self._steps_here = first_step, steps_here
        self._stream = Stream(run.batch_size)

    def input_fn(self) -> InputFn:
        """The rows from where training goes on."""
        run, data = self._run, self._data
        self._stream = self._begin()
        if run.toggles.tf:
            return tf_path.tf_input(data.train, data, self._stream, with_users=False)
        return dataset.columnar_input(data.train, data, self._stream, run.toggles.smartstaged,
                                      lambda: self._steps_here() * run.batch_size)

    def rows_of_batch(self, batch: int) -> List[int]:
        """The numbers from 0 of the rows in a batch; batches count from where training resumed."""
        start_row = self._stream.start_row + batch * self._run.batch_size
        stream = self._stream._replace(start_row=start_row)
        return tf_path.rows_of_batch(self._data.train, self._data, stream)

    def described(self) -> List[Tuple[str, str]]:
        """Nothing beside what the start-up table says of the file."""
        return []

    def _begin(self) -> Stream:
        """All rows behind those of the newest checkpoint's steps.

        In a cluster, a trainer goes on where each would be if all were equally fast.
        """
        run, step = self._run, self._first_step()
        any_order = run.parquet_shuffle or not self._data.train.is_parquet
        stream = Stream(run.batch_size, run.epochs, run.shuffle_rows, run.seed,
                        step * run.batch_size, any_order)
        if not run.cluster:
            return stream
        trainers = run.cluster.num_trainers
        start_row = step // trainers * run.batch_size
        return stream._replace(epochs=0, start_row=start_row, shard=run.cluster.shard,
                               shards=trainers)


class Queue:
    """The items of the work queue that this process is given.

    Attributes:
      queue: the process's end of it.
    """

    def __init__(self, run: Run, data: Data) -> None:
        self._run, self._data = run, data
        self.queue = RunQueue(run, data)

    @property
    def error(self) -> Optional[Exception]:
        """What ended the input, where tf.data made of it an error that names no type."""
        return self.queue.feed.error

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


def evaluation_input(run: Run, data: Data) -> InputFn:
    """The rows of the test file, in its order."""
    stream = Stream(run.batch_size)
    if run.toggles.tf:
        return tf_path.tf_input(data.test, data, stream, with_users=True)
    return dataset.columnar_input(data.test, data, stream, run.toggles.smartstaged)

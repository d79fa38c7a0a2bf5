"""Items of the work queue on their way to the input: a thread takes them in the session, one when the input asks."""

import queue
import threading
import time
from typing import Callable, Iterator, NamedTuple, Optional, Union

import tensorflow.compat.v1 as tf

from common.kernels.pipeline import work_queue
from common.kernels.pipeline.work_queue import WorkQueue
from common.log import log

_POLL_SECS = 0.2
_AGAIN_SECS = 0.5
_ALIVE_SECS = 10.0  # a sixth of what the queue takes for the silence of a lost worker
_LOSS_SECS = 2.0


class Item(NamedTuple):
    """Item `item` of epoch `epoch`, of which `done` rows were trained before."""

    epoch: int
    item: int
    done: int


Answer = Union[Item, Exception, None]


class Line:
    """Between the thread of one session and the input that asks it.

    Args:
      is_over: whether the session ends; whoever waits then leaves.
    """

    def __init__(self, is_over: Callable[[], bool]) -> None:
        self._is_over = is_over
        self._asked = threading.Event()
        self._answers: "queue.Queue[Answer]" = queue.Queue()

    def ask(self) -> Optional[Item]:
        """The next item; None when there are no more, or the session ends. Raises what the thread could not mend."""
        self._asked.set()
        while not self._is_over():
            try:
                answer = self._answers.get(timeout=_POLL_SECS)
            except queue.Empty:
                continue
            if isinstance(answer, Exception):
                raise answer
            return answer
        return None

    def is_asked(self) -> bool:
        """Waits a little for the input to ask."""
        return self._asked.wait(_POLL_SECS)

    def answer(self, answer: Answer) -> None:
        """Answers what was asked."""
        self._asked.clear()
        self._answers.put(answer)


class Feed:
    """Where the input finds the line to the session that trains.

    Attributes:
      error: what ended the feed; input pipelines lose the exception's type on the way.
    """

    def __init__(self) -> None:
        self.error: Optional[Exception] = None
        self._line: Optional[Line] = None

    def open(self, is_over: Callable[[], bool]) -> Line:
        """The line of a new session."""
        self._line = Line(is_over)
        return self._line

    def items(self) -> Iterator[Item]:
        """The items that the session takes, until there are no more.

        Raises:
          RuntimeError: no session takes items.
        """
        if not self._line:
            raise RuntimeError("the input asks for work items before a session with the hook that takes them began.")
        line = self._line  # another session's input asks on another line
        for item in iter(line.ask, None):
            yield item


class Taking(tf.train.SessionRunHook):
    """Takes items for the input for as long as a session lasts, each when it is asked for, in a thread.

    When the session begins, what an earlier one took and did not finish goes back.

    Args:
      shared: the queue, in the graph of the session.
      worker: this process' name.
      strays: what advance() gave in the step, int64 scalar.
      feed: where the input asks.
    """

    def __init__(self, shared: WorkQueue, worker: str, strays: tf.Tensor, feed: Feed) -> None:
        self._take, self._release = shared.take(worker), shared.release(worker)
        self._alive = shared.advance(worker, tf.zeros([0], tf.int64))
        self._strays, self._feed = strays, feed
        self._said = False

    def after_create_session(self, session: tf.Session, coord: tf.train.Coordinator) -> None:
        """Begins to take."""
        session.run(self._release)
        line = self._feed.open(coord.should_stop)
        threading.Thread(target=self._serve, args=(session, coord, line), daemon=True).start()

    def before_run(self, run_context: tf.train.SessionRunContext) -> tf.train.SessionRunArgs:
        """Asks for the strays of the step."""
        return tf.train.SessionRunArgs(self._strays)

    def after_run(self, run_context: tf.train.SessionRunContext, run_values: tf.train.SessionRunValues) -> None:
        """Says at the first strays that rows are trained twice."""
        if run_values.results and not self._said:
            self._said = True
            log("the work queue was set back to a checkpoint, or what this process took was given to others while it "
                "stood still: the rows that it had read are trained twice")

    def _serve(self, session: tf.Session, coord: tf.train.Coordinator, line: Line) -> None:
        try:
            self._answer_all(session, coord, line)
        except Exception as error:  # nobody sees what ends a thread: the input raises it
            if isinstance(error, (tf.errors.UnavailableError, tf.errors.AbortedError)):
                # The step fails of the same by itself, and of that the session recovers, if it is the first to fail.
                coord.wait_for_stop(_LOSS_SECS)
            if not coord.should_stop():
                self._feed.error = error
                line.answer(error)

    def _answer_all(self, session: tf.Session, coord: tf.train.Coordinator, line: Line) -> None:
        heard = time.monotonic()
        # The input that waits for an item holds one of the threads that ops run in; with --inter 1, the only one.
        in_this_thread = tf.RunOptions(inter_op_thread_pool=-1)
        while not coord.should_stop():
            if line.is_asked():
                taken = session.run(self._take, options=in_this_thread)
                heard = time.monotonic()
                if taken.answer == work_queue.NOTHING_NOW:
                    coord.wait_for_stop(_AGAIN_SECS)
                else:
                    line.answer(Item(*map(int, taken[1:])) if taken.answer == work_queue.ITEM else None)
            elif time.monotonic() - heard > _ALIVE_SECS:
                session.run(self._alive, options=in_this_thread)
                heard = time.monotonic()

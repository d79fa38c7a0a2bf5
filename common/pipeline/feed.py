"""Items of the work queue on their way from the session that takes them to the input that asks."""

import queue
import threading
from typing import Callable, Iterator, NamedTuple, Optional, Union

_POLL_SECS = 0.2


class Item(NamedTuple):
    """Item `item` of epoch `epoch`, of which `done` rows were trained before."""

    epoch: int
    item: int
    done: int


class Later(NamedTuple):
    """There is nothing now, and there may be something later."""


Answer = Union[Item, Later, Exception, None]


class Line:
    """Connects the thread of one session with the input that asks it.

    Args:
      is_over: whether the session ends, which ends the wait of the input.
    """

    def __init__(self, is_over: Callable[[], bool]) -> None:
        self._is_over = is_over
        self._asked = threading.Event()
        self._answers: "queue.Queue[Answer]" = queue.Queue()

    def ask(self) -> Union[Item, Later, None]:
        """The next item; None when there are no more, or the session ends.

        Raises:
          Exception: what ended the thread of the session.
        """
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
    """Gives the input the line to the session that trains.

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

    def items(self) -> Iterator[Optional[Item]]:
        """The items that the session takes, until there are no more.

        None among them means that there is nothing now: other trainers have the last items. What
        was read is to be trained before the next is asked for, as they may wait for that.

        Raises:
          RuntimeError: no session takes items.
        """
        if not self._line:
            raise RuntimeError("the input asks for work items before a session with the hook that "
                               "takes them began.")
        line = self._line  # another session's input asks on another line
        for answer in iter(line.ask, None):
            yield answer if isinstance(answer, Item) else None

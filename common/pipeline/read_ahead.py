"""Chunks that are read before they are asked for, in threads, where reading takes round trips."""

import collections
import concurrent.futures
from typing import Callable, Deque, Generic, Iterable, Iterator, Tuple, TypeVar

Key = TypeVar("Key")
Content = TypeVar("Content")
_THREADS = 16
BYTES_AHEAD = 64 << 20


class ReadAhead(Generic[Key, Content]):
    """Reads what a plan says, ahead of whoever asks for it.

    Args:
      read: reads one; called in several threads at a time.
      num_bytes: how much memory one takes. One at least is read ahead, and no more than BYTES_AHEAD
        while others wait.
    """

    def __init__(self, read: Callable[[Key], Content], num_bytes: Callable[[Key], int]) -> None:
        self._read, self._num_bytes = read, num_bytes
        self._threads = concurrent.futures.ThreadPoolExecutor(_THREADS, "read-ahead")
        self._plan: Iterator[Key] = iter(())
        self._ahead: Deque[Tuple[Key, "concurrent.futures.Future[Content]"]] = collections.deque()

    def plan(self, keys: Iterable[Key]) -> None:
        """Says what will be asked for, in this order; it replaces an earlier plan."""
        self._drop(len(self._ahead))
        self._plan = iter(keys)
        self._fill()

    def read(self, key: Key) -> Content:
        """The content of a key. Those planned before it are let go; one out of plan is read now.

        Raises:
          whatever reading it raised.
        """
        keys = [planned for planned, _ in self._ahead]
        if key not in keys:
            return self._read(key)
        self._drop(keys.index(key))
        _, content = self._ahead.popleft()
        self._fill()
        return content.result()

    def _drop(self, count: int) -> None:
        for _ in range(count):
            _, content = self._ahead.popleft()
            content.cancel()

    def _fill(self) -> None:
        num_bytes = sum(self._num_bytes(key) for key, _ in self._ahead)
        while not self._ahead or num_bytes < BYTES_AHEAD and len(self._ahead) < _THREADS:
            key = next(self._plan, None)
            if key is None:
                return
            num_bytes += self._num_bytes(key)
            self._ahead.append((key, self._threads.submit(self._read, key)))

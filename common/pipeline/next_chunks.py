"""Chunks read by a thread before they are asked for, so that a disk works while a core decodes.

From an object store many are read at the same time, as each takes round trips.
"""

import collections
import contextlib
from concurrent import futures
from typing import Callable, Deque, Dict, Iterator, Optional, Sequence, Tuple

from common.formats.chunks import Chunk
from common.formats.fetched import Fetched
from common.formats.files import Files
from common.places import location

_REMOTE_CHUNKS = 16
_BYTES = 64 << 20  # of chunks that are read, or are there, before they are asked for
Read = Callable[[Chunk], Fetched]
Pending = Tuple[Chunk, "futures.Future[Fetched]"]


@contextlib.contextmanager
def reading(
    files: Files,
    names: Sequence[str],
    chunks: Iterator[Chunk],
    ahead: int,
) -> Iterator[Read]:
    """Gives a function that reads chunks of some files, to be asked for one after another.

    A chunk that follows itself is read once.

    Args:
      names: the columns that are read.
      chunks: all that will be asked for, in order; there may be no end of them.
      ahead: how many of them are read before they are asked for; 0 for none. Large ones are fewer,
        and those from an object store as many as fill some memory.
    """
    def read(chunk: Chunk) -> Fetched:
        return files.fetch(chunk, names)

    if not ahead:
        yield _remembering(read)
        return
    is_remote = location.is_remote(files.paths[0])
    most = _REMOTE_CHUNKS if is_remote else ahead + 1
    with futures.ThreadPoolExecutor(most if is_remote else 1) as pool:
        upcoming = _Upcoming(chunks, lambda chunk: pool.submit(read, chunk), most)
        try:
            yield upcoming.read_next
        finally:
            upcoming.cancel()


class _Upcoming:
    """Chunks that are being read, the next one first.

    Args:
      chunks: all that will be asked for, in order.
      begin: begins to read one.
      most: how many may be read before they are asked for, with the one that is; fewer where they
        are large.
    """

    def __init__(
        self,
        chunks: Iterator[Chunk],
        begin: Callable[[Chunk], "futures.Future[Fetched]"],
        most: int,
    ) -> None:
        self._chunks, self._begin = chunks, begin
        self._most = most
        self._pending: Deque[Pending] = collections.deque()
        self._newest: Optional[Pending] = None  # stays when it is no longer pending

    def read_next(self, _: Chunk) -> Fetched:
        """The next chunk, which the caller names."""
        while self._has_room():
            chunk = next(self._chunks, None)
            if chunk is None:
                break
            self._append(chunk)
        _, columns = self._pending.popleft()
        return columns.result()

    def _append(self, chunk: Chunk) -> None:
        if self._newest is None or self._newest[0] != chunk:
            self._newest = chunk, self._begin(chunk)
        self._pending.append(self._newest)

    def _has_room(self) -> bool:
        if len(self._pending) < 2:  # however large, one is read while another is decoded
            return True
        num_bytes = sum(chunk.size for chunk in {chunk for chunk, _ in self._pending})
        return len(self._pending) < self._most and num_bytes < _BYTES

    def cancel(self) -> None:
        """Leaves out what was not begun yet."""
        for _, columns in self._pending:
            columns.cancel()


def _remembering(read: Read) -> Read:
    """The same function, which remembers what it read last."""
    last: Dict[Chunk, Fetched] = {}

    def read_once(chunk: Chunk) -> Fetched:
        if chunk not in last:
            last.clear()
            last[chunk] = read(chunk)
        return last[chunk]

    return read_once

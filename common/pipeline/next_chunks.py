"""Chunks read by a thread before they are asked for, so that a disk works while a core decodes."""

import collections
import contextlib
import itertools
from concurrent import futures
from typing import Callable, Deque, Dict, Iterator, Sequence, Tuple

from common.pipeline.chunks import Chunk, RawColumns
from common.pipeline.files import Files

Read = Callable[[Chunk], RawColumns]
Pending = Tuple[Chunk, "futures.Future[RawColumns]"]


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
      ahead: how many of them are read before they are asked for; 0 for none.
    """
    def read(chunk: Chunk) -> RawColumns:
        return files.read(chunk, names, as_views=True)

    if not ahead:
        yield _remembering(read)
        return
    pending: Deque[Pending] = collections.deque()
    with futures.ThreadPoolExecutor(1) as pool:

        def begin(chunk: Chunk) -> Pending:
            if pending and pending[-1][0] == chunk:
                return pending[-1]
            return chunk, pool.submit(read, chunk)

        def read_next(_: Chunk) -> RawColumns:
            for chunk in itertools.islice(chunks, ahead + 1 - len(pending)):
                pending.append(begin(chunk))
            _, columns = pending.popleft()
            return columns.result()

        try:
            yield read_next
        finally:
            for _, columns in pending:
                columns.cancel()


def _remembering(read: Read) -> Read:
    """The same function, which remembers what it read last."""
    last: Dict[Chunk, RawColumns] = {}

    def read_once(chunk: Chunk) -> RawColumns:
        if chunk not in last:
            last.clear()
            last[chunk] = read(chunk)
        return last[chunk]

    return read_once

"""Chunks read by a thread before they are asked for, so that a disk works while a core decodes."""

import collections
import contextlib
import itertools
from concurrent import futures
from typing import Callable, Deque, Iterator, Sequence

from common.pipeline.chunks import Chunk, RawColumns
from common.pipeline.files import Files

Read = Callable[[Chunk], RawColumns]


@contextlib.contextmanager
def reading(
    files: Files,
    names: Sequence[str],
    chunks: Iterator[Chunk],
    ahead: int,
) -> Iterator[Read]:
    """Gives a function that reads chunks of some files, to be asked for one after another.

    Args:
      names: the columns that are read.
      chunks: those that will be asked for, in order.
      ahead: how many of them are read before they are asked for; 0 for none.
    """
    def read(chunk: Chunk) -> RawColumns:
        return files.read(chunk, names, as_views=True)

    if not ahead:
        yield read
        return
    pending: Deque["futures.Future[RawColumns]"] = collections.deque()
    with futures.ThreadPoolExecutor(1) as pool:

        def read_next(_: Chunk) -> RawColumns:
            missing = ahead + 1 - len(pending)
            for chunk in itertools.islice(chunks, missing):
                pending.append(pool.submit(read, chunk))
            return pending.popleft().result()

        try:
            yield read_next
        finally:
            for future in pending:
                future.cancel()

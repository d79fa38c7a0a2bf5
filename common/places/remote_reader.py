"""A file of an object store to read, seek and tell in: what is asked for is fetched in parallel.

Reading piece after piece fetches the next ones meanwhile, so that a round trip of 50 ms is paid
once and not for each.
"""

import concurrent.futures
import functools
import os
from typing import List, NamedTuple, Sequence, Tuple

import numpy as np
import pyarrow as pa

from common.places import remote
from common.places.remote import RemoteFile

_PIECE_BYTES = 4 << 20  # of one request at most
_LEAST_BYTES = 64 << 10  # of one request at least
_PIECES_AHEAD = 4
_GAP_BYTES = 64 << 10  # that are fetched too where that saves a request
_THREADS = 32


class _Piece(NamedTuple):
    """Bytes start to end of a file, on their way or there; the future gives uint8 [end - start]."""

    start: int
    end: int
    content: "concurrent.futures.Future[np.ndarray]"


class RemoteReader:
    """What pyarrow.PythonFile reads; not for several threads at a time.

    Args:
      file: to read.
      ranges: (start, size) of what will be read; it is fetched now and kept until the end.
    """

    def __init__(self, file: RemoteFile, ranges: Sequence[Tuple[int, int]] = ()) -> None:
        self._file = file
        self._position = 0
        self._last_end = 0
        self.closed = False
        self._kept = [self._fetch(start, end) for start, end in _merged(ranges)]
        self._passing: List[_Piece] = []

    def read(self, num_bytes: int = -1) -> object:
        """The next bytes, fewer at the end of the file alone; -1: all to the end.

        Raises:
          BadInput: they could not be read whole.
        """
        start = self._position
        rest = max(self._file.num_bytes - start, 0)
        end = start + (rest if num_bytes is None or num_bytes < 0 else min(num_bytes, rest))
        content = self._take(start, end)
        self._position = self._last_end = end
        return content

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Moves to an offset from the start, the position or the end; returns the position."""
        bases = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._file.num_bytes}
        self._position = bases[whence] + offset
        return self._position

    def tell(self) -> int:
        """The position."""
        return self._position

    def size(self) -> int:
        """The bytes of the file."""
        return self._file.num_bytes

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def writable(self) -> bool:
        """It is not."""
        return False

    def flush(self) -> None:
        """There is nothing to write."""

    def close(self) -> None:
        """Lets go of what was fetched."""
        self.closed = True
        for piece in self._kept + self._passing:
            piece.content.cancel()
        self._kept, self._passing = [], []

    def _take(self, start: int, end: int) -> object:
        """Bytes start to end, from pieces that are there and new ones."""
        parts = []
        position = start
        is_next = start == self._last_end
        while position < end:
            piece = self._piece_at(position, end, is_next)
            stop = min(end, piece.end)
            parts.append(piece.content.result()[position - piece.start:stop - piece.start])
            position = stop
        self._passing = [piece for piece in self._passing if piece.end > end]
        if len(parts) == 1:
            return memoryview(parts[0])
        return b"".join(parts)

    def _piece_at(self, position: int, end: int, is_next: bool) -> _Piece:
        """The piece with a position; fetches up to an end, and more where reading goes on."""
        for piece in self._kept + self._passing:
            if piece.start <= position < piece.end:
                if is_next and self._passing and piece == self._passing[-1]:
                    self._fetch_ahead(piece.end)
                return piece
        self._passing = [self._fetch(*bounds) for bounds in self._bounds(position, end)]
        if is_next and position:
            self._fetch_ahead(self._passing[-1].end)
        return self._passing[0]

    def _fetch_ahead(self, position: int) -> None:
        end = position + _PIECES_AHEAD * _PIECE_BYTES
        self._passing += [self._fetch(*bounds) for bounds in self._bounds(position, end)]

    def _bounds(self, start: int, end: int) -> List[Tuple[int, int]]:
        """Start to end, cut into requests; none behind the end of the file."""
        end = min(max(end, start + _LEAST_BYTES), self._file.num_bytes)
        starts = range(start, end, _PIECE_BYTES)
        return [(first, min(first + _PIECE_BYTES, end)) for first in starts]

    def _fetch(self, start: int, end: int) -> _Piece:
        threads = _threads(os.getpid())
        content = threads.submit(remote.read_range, self._file, start, end - start)
        return _Piece(start, end, content)


def open_reader(file: RemoteFile, ranges: Sequence[Tuple[int, int]] = ()) -> pa.NativeFile:
    """A file to read, seek and tell in, with some (start, size) of it fetched already."""
    return pa.PythonFile(RemoteReader(file, ranges), mode="r")


def _merged(ranges: Sequence[Tuple[int, int]]) -> List[Tuple[int, int]]:
    """The (start, end) of requests for all ranges (start, size): those with small gaps as one."""
    merged: List[Tuple[int, int]] = []
    for start, size in sorted(ranges):
        end = start + size
        if merged:
            first, last = merged[-1]
            if start - last <= _GAP_BYTES and end - first <= _PIECE_BYTES:
                merged[-1] = first, max(last, end)
                continue
        for piece in range(start, end, _PIECE_BYTES):
            merged.append((piece, min(piece + _PIECE_BYTES, end)))
    return merged


@functools.lru_cache(maxsize=1)
def _threads(process: int) -> concurrent.futures.ThreadPoolExecutor:
    """The threads of this process; a forked one has none of its parent's."""
    return concurrent.futures.ThreadPoolExecutor(_THREADS, "remote-read")

"""The bytes of a text file, from any place in it, whether it is compressed or not.

Compressed text is unpacked into a temporary file that has no name, so that nothing stays behind
whatever ends the process, and chunks can be read in any order.
"""

import contextlib
import functools
import os
import tempfile
import threading
import time
from typing import IO, Callable, Iterator, Optional, Tuple

import pyarrow as pa

from common.errors import BadInput, in_one_line
from common.formats import unchanged
from common.naming import text_forms
from common.log import log
from common.places import location
from common.places.location import Stamp

_BLOCK_BYTES = 1 << 20
_BUFFER_BYTES = 1 << 23
_PROGRESS_SECS = 10.0
_ERRORS = (OSError, pa.ArrowException)


class TextBytes:
    """The text of a file; threads may share it.

    Args:
      path: the file's.
      opened: its stamp when it was opened; once it has another, reading it is an error.
    """

    def __init__(self, path: str, opened: Stamp) -> None:
        self.path = path
        self.opened = opened
        self._lock = threading.Lock()
        self._codec: Optional[str] = None
        self._head = b""  # of plain text, so that small files are read once
        self._unpacked: Optional[IO[bytes]] = None

    @property
    def codec(self) -> str:
        """What the file is compressed with, as pyarrow names it; "" for plain text.

        Raises:
          BadInput: its first bytes are no text, or contradict its name.
        """
        if self._codec is None:
            size = min(text_forms.HEAD_BYTES, self.opened.num_bytes)
            head = unchanged.read_range(self.path, self.opened, 0, size)
            codec = text_forms.codec_of(self.path, head)
            if codec:
                head = self._packed_head(codec, text_forms.HEAD_BYTES)
            else:
                self._head = head
            text_forms.check_text(self.path, head, codec)
            self._codec = codec
        return self._codec

    @property
    def num_bytes(self) -> int:
        """How many bytes the text has; compressed text is unpacked for that."""
        if not self.codec:
            return self.opened.num_bytes
        return os.fstat(self._unpack().fileno()).st_size

    def head(self, size: int) -> bytes:
        """The first bytes of the text, `size` or all that there are; nothing else is unpacked."""
        if self.codec and not self._unpacked:
            return self._packed_head(self.codec, size)
        return self.read(0, min(size, self.num_bytes))

    def read(self, start: int, size: int) -> bytes:
        """Some bytes of the text, all of them.

        Raises:
          BadInput: the file changed since it was opened, or ends too early; its compressed data are
            damaged; the folder of temporary files has no room for its text.
          OSError: it cannot be read.
        """
        if not self.codec:
            return self._read_plain(start, size)
        return self._read_unpacked(self._unpack(), start, size)

    def _read_unpacked(self, file: IO[bytes], start: int, size: int) -> bytes:
        # Who closes this object takes the file from it alone: it is closed when its last reader is
        # done, and no other file gets its number before.
        unchanged.check(self.path, self.opened)
        data = os.pread(file.fileno(), size, start)
        unchanged.check_whole(self.path, start, size, len(data))
        return data

    def blocks(self, start: int, end: int, size: int) -> Iterator[Tuple[int, bytes]]:
        """Some bytes of the text in blocks, each with its offset; raises as `read` does.

        From an object store the next blocks are fetched meanwhile. Compressed text is unpacked once
        for all blocks, whoever closes this object between them.
        """
        with contextlib.ExitStack() as opened:
            read = self._block_reader(start, opened)
            for offset in range(start, end, size):
                yield offset, read(offset, min(size, end - offset))

    def _block_reader(
        self,
        start: int,
        opened: contextlib.ExitStack,
    ) -> Callable[[int, int], bytes]:
        """Reads blocks at offsets, one after another from start."""
        if self.codec:
            return functools.partial(self._read_unpacked, self._unpack())
        if not location.is_remote(self.path):
            return self.read
        file = opened.enter_context(location.open_binary(self.path))
        file.seek(start)
        return lambda _, size: file.read(size)

    def local_file(self) -> Optional[IO[bytes]]:
        """A local file of the text for what reads no other; None where the file itself is one.

        Its name, /proc/self/fd/N, is good until it is closed or garbage.
        """
        if not self.codec and not location.is_remote(self.path):
            return None
        return self._unpack()

    def close(self) -> None:
        """Gives up the unpacked text; it is unpacked again where it is read again."""
        with self._lock:
            self._unpacked = None
            self._head = b""

    def _read_plain(self, start: int, size: int) -> bytes:
        head = self._head
        if start + size > len(head):
            return unchanged.read_range(self.path, self.opened, start, size)
        unchanged.check(self.path, self.opened)
        return head[start:start + size]

    def _unpack(self) -> IO[bytes]:
        with self._lock:
            if self._unpacked is None:
                self._unpacked = self._unpack_now()
            return self._unpacked

    def _unpack_now(self) -> IO[bytes]:
        folder = os.environ.get("TMPDIR") or tempfile.gettempdir()
        with unchanged.reading(self.path, self.opened), location.open_binary(self.path) as packed:
            # By itself pyarrow would ask a store for 64 KB at a time.
            text = pa.BufferedInputStream(packed, _BUFFER_BYTES)
            if self.codec:
                text = pa.CompressedInputStream(text, self.codec)
            blocks = iter(lambda: self._read_packed(text, self.codec, _BLOCK_BYTES), b"")
            return self._write(blocks, folder)

    def _write(self, blocks: Iterator[bytes], folder: str) -> IO[bytes]:
        """Writes text to a temporary file of a folder."""
        num_bytes = 0
        told_at = time.monotonic()
        try:
            file = tempfile.TemporaryFile(dir=folder)
            for block in blocks:
                file.write(block)
                num_bytes += len(block)
                if time.monotonic() - told_at > _PROGRESS_SECS:
                    log("{}: {:,} MB of its text are unpacked".format(self.path, num_bytes >> 20))
                    told_at = time.monotonic()
            file.flush()
        except OSError as error:
            message = ("{}: its text cannot be unpacked into the folder {} ({}). The file has {} "
                       "bytes, and {} of the text were written. Unpack it beforehand, or set "
                       "TMPDIR to a folder with more room.")
            raise BadInput(message.format(
                self.path, folder, error.strerror, self.opened.num_bytes, num_bytes))
        return file

    def _packed_head(self, codec: str, size: int) -> bytes:
        """The first bytes of compressed text."""
        with unchanged.reading(self.path, self.opened), location.open_binary(self.path) as packed:
            return self._read_packed(pa.CompressedInputStream(packed, codec), codec, size)

    def _read_packed(self, packed: pa.NativeFile, codec: str, size: int) -> bytes:
        """The next bytes of compressed text; raises BadInput where they are damaged."""
        try:
            return packed.read(size)
        except _ERRORS as error:
            unchanged.check(self.path, self.opened)
            message = ("{}: it cannot be unpacked by {}: {}. Was it cut short on its way? Fetch or "
                       "write it again.")
            raise BadInput(message.format(self.path, codec, in_one_line(error)))

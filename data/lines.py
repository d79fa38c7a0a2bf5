"""Reads text files line by line, with progress, and describes written files."""

import hashlib
import io
import os
import sys
import time
from typing import IO, Iterator, Tuple

import pyarrow as pa

from common.errors import BadInput, in_one_line
from common.naming import text_forms
from common.places import location

_MAX_LINE_BYTES = 1 << 25
_BUFFER_BYTES = 1 << 20
_PROGRESS_SECS = 3.0


class Progress:
    """Prints to stderr how much of a file has been read, every few seconds and at its end.

    With num_bytes, it is that much which is read, as from several files of which path is made.
    """

    def __init__(self, path: str, unit: str, num_bytes: int = 0) -> None:
        self._name = os.path.basename(path)
        self._unit = unit
        self._total = max(1, num_bytes or os.path.getsize(path))
        self._shown = time.monotonic()

    def update(self, count: int, num_bytes: int) -> None:
        """Reports that count units were read, from the first num_bytes of the file."""
        if time.monotonic() - self._shown >= _PROGRESS_SECS:
            self._show(count, num_bytes / self._total)

    def end(self, count: int) -> None:
        """Reports the end of the file after count units."""
        self._show(count, 1.0)

    def _show(self, count: int, share: float) -> None:
        text = "{}: {:,} {}, {:.0%} of the bytes".format(self._name, count, self._unit, share)
        print(text, file=sys.stderr)
        self._shown = time.monotonic()


def read_lines(path: str) -> Iterator[Tuple[int, bytes]]:
    """Yields each line's number from 1 and the line without its end; unpacks gzip, bzip2 and so on.

    A byte order mark is no part of the first line. Memory holds one line of at most 32 MiB.

    Raises:
      BadInput: the file is missing, empty or no text, its compressed data are damaged, or a line is
        too long.
    """
    if not location.exists(path):
        raise BadInput("{}: {}.".format(path, location.missing(path)))
    if is_parquet(path):
        raise BadInput("{}: the file is Parquet, expected lines of text.".format(path))
    progress = Progress(path, "lines")
    number = 0
    with open(path, "rb") as raw:
        file = _unpacked(path, raw)
        line = _read_line(path, file, number)
        line = line[text_forms.mark_size(line):]
        while line:
            number += 1
            if number % 1024 == 0:
                progress.update(number, raw.tell())
            yield number, line.rstrip(b"\r\n")
            line = _read_line(path, file, number)
    if not number:
        raise BadInput("{}: the file is empty.".format(path))
    progress.end(number)


def start_of(path: str) -> bytes:
    """The first bytes of a file's text, at most text_forms.HEAD_BYTES; nothing of a missing file.

    Raises:
      BadInput: the file is no text, or its compressed data are damaged.
    """
    if not os.path.isfile(path):
        return b""
    with open(path, "rb") as raw:
        try:
            return _unpacked(path, raw).read(text_forms.HEAD_BYTES)
        except (OSError, pa.ArrowException) as error:
            raise _unreadable(path, 0, error)


def _unpacked(path: str, raw: IO[bytes]) -> IO[bytes]:
    """The text of a file, which its first bytes say is compressed or not."""
    head = raw.read(text_forms.HEAD_BYTES)
    raw.seek(0)
    codec = text_forms.codec_of(path, head)
    if not codec:
        text_forms.check_text(path, head)
        return raw
    packed = pa.PythonFile(raw, mode="r")
    return io.BufferedReader(pa.CompressedInputStream(packed, codec), _BUFFER_BYTES)


def _read_line(path: str, file: IO[bytes], number: int) -> bytes:
    """The line that follows the first number lines; empty at the end of the file."""
    try:
        line = file.readline(_MAX_LINE_BYTES)
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(path, number, error)
    if len(line) == _MAX_LINE_BYTES:
        raise BadInput("{}, line {}: the line is longer than {} bytes. Expected one record a line."
                       .format(path, number + 1, _MAX_LINE_BYTES))
    return line


def _unreadable(path: str, number: int, error: Exception) -> BadInput:
    return BadInput("{}, after line {}: the file cannot be read ({}). Fetch it again.".format(
        path, number, in_one_line(error)))


def is_parquet(path: str) -> bool:
    """Whether a file that is there begins as Parquet does."""
    with open(path, "rb") as file:
        return file.read(4) == b"PAR1"


def is_utf8(text: bytes) -> bool:
    """Whether bytes are UTF-8."""
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def describe(path: str, count: int, unit: str) -> str:
    """One line about a file that was written: its SHA-256, how much it holds, and its name."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    name = os.path.basename(path)
    return "{}  {} {}  {}".format(digest.hexdigest(), count, unit, name)

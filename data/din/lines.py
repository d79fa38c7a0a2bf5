"""Reads text files and samples line by line, with progress, and describes written files."""

import hashlib
import io
import os
import sys
import time
from typing import IO, Iterator, NamedTuple, Tuple

import pyarrow as pa

from common.errors import BadInput
from common.naming import text_forms

SEPARATOR = b"\x02"
DEFAULT_CATEGORY = "default_cat"
_MAX_LINE_BYTES = 1 << 25
_BUFFER_BYTES = 1 << 20
_PROGRESS_SECS = 3.0


class Sample(NamedTuple):
    """One line of samples; items and categories are the history, by SEPARATOR, oldest first."""

    label: bytes
    user: bytes
    item: bytes
    category: bytes
    items: bytes
    categories: bytes


class Progress:
    """Prints to stderr how much of a file has been read, every few seconds and at its end."""

    def __init__(self, path: str, unit: str) -> None:
        self._name = os.path.basename(path)
        self._unit = unit
        self._total = max(1, os.path.getsize(path))
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

    Memory holds one line of at most 32 MiB.

    Raises:
      BadInput: the file is missing, empty or no text, its compressed data are damaged, or a line is
        too long.
    """
    if not os.path.isfile(path):
        raise BadInput("{}: no such file.".format(path))
    if _is_parquet(path):
        raise BadInput("{}: the file is Parquet, expected text. Convert it: python data/amazon.py "
                       "convert {} TEXT".format(path, path))
    progress = Progress(path, "lines")
    number = 0
    with open(path, "rb") as raw:
        file = _unpacked(path, raw)
        line = _read_line(path, file, number)
        while line:
            number += 1
            if number % 1024 == 0:
                progress.update(number, raw.tell())
            yield number, line.rstrip(b"\r\n")
            line = _read_line(path, file, number)
    if not number:
        raise BadInput("{}: the file is empty.".format(path))
    progress.end(number)


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


def _is_parquet(path: str) -> bool:
    with open(path, "rb") as file:
        return file.read(4) == b"PAR1"


def _read_line(path: str, file: IO[bytes], number: int) -> bytes:
    """The line that follows the first number lines; empty at the end of the file."""
    try:
        line = file.readline(_MAX_LINE_BYTES)
    except (OSError, pa.ArrowException) as error:
        raise BadInput("{}, after line {}: the file cannot be read ({}). Fetch it again.".format(
            path, number, error))
    if len(line) == _MAX_LINE_BYTES:
        raise BadInput("{}, line {}: the line is longer than {} bytes. Expected one record a line."
                       .format(path, number + 1, _MAX_LINE_BYTES))
    return line


def read_samples(path: str) -> Iterator[Tuple[int, Sample]]:
    """Yields each line's number from 1 and its sample.

    Raises:
      BadInput: the file cannot be read, or a line is no sample.
    """
    for number, line in read_lines(path):
        expected = _unmet_expectation(line)
        if expected:
            given = line[:80].decode("utf-8", "backslashreplace")
            raise BadInput("{}, line {}: {!r} is given, expected {}. Write the samples again with "
                           "local_aggretor.py.".format(path, number, given, expected))
        yield number, Sample(*line.split(b"\t"))


def _unmet_expectation(line: bytes) -> str:
    """What was expected of a line but is not so; empty if it is a sample."""
    fields = line.split(b"\t")
    if len(fields) != 6:
        return "6 columns, not {}".format(len(fields))
    sample = Sample(*fields)
    if sample.label not in (b"0", b"1"):
        return "a label of 0 or 1"
    if _has_empty_name(sample):
        return "no empty name"
    if b"\r" in line or SEPARATOR in sample.user + sample.item + sample.category:
        return "no byte 0x0d, and 0x02 in the histories alone"
    if sample.items.count(SEPARATOR) != sample.categories.count(SEPARATOR):
        return "as many categories as items in the history"
    return "" if is_utf8(line) else "UTF-8"


def _has_empty_name(sample: Sample) -> bool:
    for field in sample[1:]:
        names = field.split(SEPARATOR)
        if not all(names):
            return True
    return False


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

"""Text cut into chunks of lines, in one pass that looks for line ends alone."""

from typing import Iterator, Tuple

import numpy as np
from numpy import ndarray

from common.formats import native_lines
from common.formats.chunks import Chunk
from common.formats.text_bytes import TextBytes

_SCAN_BYTES = 1 << 22
_TAIL_BYTES = 4096
_NEWLINE = ord("\n")


def cut(text: TextBytes, start: int, num_rows: int) -> Iterator[Chunk]:
    """The chunks of a text, each of num_rows lines but for the last, as they are found.

    Blank lines at the text's end do not count.

    Args:
      start: where the first row begins.
    """
    end = _content_end(text)
    first_row = lines = 0
    for offset, data in text.blocks(start, end, _SCAN_BYTES):
        content = np.frombuffer(data, np.uint8)
        cuts, lines = _line_cuts(content, num_rows, lines)
        for position in cuts.tolist():
            next_start = offset + position
            yield Chunk(first_row, num_rows, start, next_start - start)
            first_row += num_rows
            start = next_start
    if start < end:
        yield Chunk(first_row, lines + 1, start, end - start)


def _line_cuts(content: ndarray, run: int, lines: int) -> Tuple[ndarray, int]:
    """As common.formats.native_lines.line_cuts."""
    cuts_and_lines = native_lines.line_cuts(content, run, lines)
    if cuts_and_lines is not None:
        return cuts_and_lines
    behind_newlines = np.flatnonzero(content == _NEWLINE) + 1
    missing = run - lines
    cuts = behind_newlines[missing - 1::run]
    return cuts, (lines + len(behind_newlines)) % run


def _content_end(text: TextBytes) -> int:
    """The position behind the last byte of a text that is no line end."""
    end = text.num_bytes
    while end > 0:
        begin = max(0, end - _TAIL_BYTES)
        content = text.read(begin, end - begin).rstrip(b"\r\n")
        if content:
            return begin + len(content)
        end = begin
    return 0

from typing import List

import numpy as np
import pytest

from common.formats import line_chunks
from common.formats import native_columns as compiled
from common.formats import native_lines
from common.formats.chunks import Chunk
from common.formats.text_bytes import TextBytes
from common.places import location


def expected_chunks(data: bytes, start: int, num_rows: int) -> List[Chunk]:
    """The chunks of text, found line by line."""
    lines = data[start:].rstrip(b"\r\n").split(b"\n")
    if lines == [b""]:
        return []
    chunks = []
    for first in range(0, len(lines), num_rows):
        some = lines[first:first + num_rows]
        is_last = first + num_rows >= len(lines)
        size = sum(map(len, some)) + len(some) - is_last
        chunks.append(Chunk(first, len(some), start, size))
        start += size
    return chunks


@pytest.mark.parametrize("native", [True, False])
@pytest.mark.parametrize("scan_bytes", [1, 7, 64, 100, 1 << 22])
@pytest.mark.parametrize("num_rows", [1, 2, 5, 1000])
def test_chunks_are_found_as_by_reading_lines(tmp_path: object, monkeypatch: pytest.MonkeyPatch,
                                              native: bool, scan_bytes: int,
                                              num_rows: int) -> None:
    monkeypatch.setattr(line_chunks, "_SCAN_BYTES", scan_bytes)
    if not native:
        monkeypatch.setattr(line_chunks.native_lines, "line_cuts", lambda *args: None)
    rng = np.random.default_rng(num_rows)
    for size in (0, 1, 2, 50, 300):
        data = bytes(rng.choice(list(b"ab\n\n\r"), size).tolist())
        for text in (data, b"\n" + data, data + b"\n\r\n\n", b"\n\n"):
            path = "{}/rows".format(tmp_path)
            with open(path, "wb") as file:
                file.write(text)
            for start in (0, 1, 2):
                if start <= len(text):
                    found = line_chunks.cut(TextBytes(path, location.stamp(path)), start, num_rows)
                    assert list(found) == expected_chunks(text, start, num_rows)


@pytest.mark.skipif(compiled.library() is None, reason="the native library is not there")
def test_lines_are_counted_over_blocks() -> None:
    content = np.frombuffer(b"a\n\nbc\n" * 1000 + b"d", np.uint8)
    cuts, lines = native_lines.line_cuts(content, 700, 699)  # type: ignore[misc]
    behind = np.flatnonzero(content == ord("\n")) + 1
    assert cuts.tolist() == behind[[0, 700, 1400, 2100, 2800]].tolist()
    assert lines == 699 + 3000 - 5 * 700

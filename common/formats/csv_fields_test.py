from typing import List, Optional

import numpy as np
import pytest

from common.formats import csv_fields
from common.formats import native_columns as compiled

pytestmark = pytest.mark.skipif(compiled.library() is None, reason="there is no compiler")

Lines = List[List[bytes]]


def random_text(rng: np.random.Generator, width: int, num_lines: int, longest: int) -> bytes:
    """Lines of random fields, some of them empty and some of text that is not ASCII."""
    letters = rng.choice(["a", "b1", "日", "é", "\0", '"', " "], [num_lines, width])
    lengths = rng.integers(0, longest + 1, [num_lines, width])
    ends = rng.choice(["\n", "\r\n"], num_lines) if rng.random() < 0.5 else ["\n"] * num_lines
    lines = []
    for letter, length, end in zip(letters, lengths, ends):
        fields = [one * times for one, times in zip(letter, length.tolist())]
        lines.append(",".join(fields) + end)
    return "".join(lines).encode()


def damaged(rng: np.random.Generator, data: bytes) -> bytes:
    """Text with a byte or two put in, or a byte left out."""
    place = int(rng.integers(0, len(data)))
    put = [b"", b",", b"\n", b"\r", b"\r\n", b"\xff", b"\xc3"][rng.integers(0, 7)]
    changed = data[:place] + put + data[place + int(rng.integers(0, 2)):]
    return changed if changed.endswith(b"\n") else changed + b"\n"


def by_python(data: bytes, width: int) -> Optional[Lines]:
    """The fields of each line; None where one has another number of them, or a '\r' within."""
    lines = []
    for line in data.split(b"\n")[:-1]:
        fields = (line[:-1] if line.endswith(b"\r") else line).split(b",")
        if len(fields) != width or any(b"\r" in field for field in fields):
            return None
        lines.append(fields)
    try:
        data.decode()
    except UnicodeDecodeError:
        return None
    return lines


def views_of(data: bytes, width: int, num_lines: int) -> Optional[Lines]:
    names = [str(column) for column in range(width)]
    views = csv_fields.plain_views(data, ",", names, names[::-1], num_lines)
    if views is None:
        return None
    columns = [views[name].to_arrow().to_pylist() for name in names]
    return [list(line) for line in zip(*columns)]


@pytest.mark.parametrize("width, num_lines, longest", [
    (1, 1, 0), (1, 40, 3), (2, 300, 5), (7, 100, 9), (20, 60, 40), (3, 9, 9000), (200, 90, 0)])
def test_fields_are_those_of_python(width: int, num_lines: int, longest: int) -> None:
    rng = np.random.default_rng(width)
    for _ in range(20):
        data = random_text(rng, width, num_lines, longest)
        lines = by_python(data, width)
        assert lines is not None and views_of(data, width, num_lines) == lines
        for _ in range(10):
            changed = damaged(rng, data)
            count = changed.count(b"\n")
            assert views_of(changed, width, count) == by_python(changed, width)


@pytest.mark.parametrize("num_lines", [0, 1, 2, 4, 900])
def test_another_number_of_lines_is_not_plain(num_lines: int) -> None:
    assert views_of(b"a,b\nc,d\ne,f\n", 2, num_lines) is None

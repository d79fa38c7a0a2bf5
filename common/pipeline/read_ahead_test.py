import threading
import time
from typing import List

import pytest

from common.pipeline import read_ahead
from common.pipeline.read_ahead import ReadAhead


def _read(key: int) -> int:
    time.sleep(0.02)
    if key == 13:
        raise ValueError("thirteen")
    return key * key


def test_what_is_planned_is_read_in_parallel() -> None:
    ahead = ReadAhead(_read, lambda key: 1)
    ahead.plan(range(100, 200))
    began = time.monotonic()
    assert [ahead.read(key) for key in range(100, 200)] == [key * key for key in range(100, 200)]
    assert time.monotonic() - began < 1  # one after another: 2 s


def test_what_is_not_planned_is_read_too() -> None:
    ahead = ReadAhead(_read, lambda key: 1)
    assert ahead.read(3) == 9
    ahead.plan([4, 5, 6, 7])
    assert ahead.read(6) == 36 and ahead.read(4) == 16 and ahead.read(7) == 49
    ahead.plan([1])
    assert ahead.read(1) == 1


def test_an_error_comes_where_it_is_read() -> None:
    ahead = ReadAhead(_read, lambda key: 1)
    ahead.plan([12, 13, 14])
    assert ahead.read(12) == 144
    with pytest.raises(ValueError, match="thirteen"):
        ahead.read(13)
    assert ahead.read(14) == 196


@pytest.mark.parametrize("num_bytes, expected", [
    (read_ahead.BYTES_AHEAD // 4, 4), (10 * read_ahead.BYTES_AHEAD, 1), (1, 16)])
def test_memory_is_bounded(num_bytes: int, expected: int) -> None:
    begun: List[int] = []
    go = threading.Event()

    def read(key: int) -> int:
        begun.append(key)
        go.wait(10)
        return key

    ahead = ReadAhead(read, lambda key: num_bytes)
    ahead.plan(range(50))
    time.sleep(0.1)
    assert sorted(begun) == list(range(expected))
    go.set()
    assert ahead.read(0) == 0

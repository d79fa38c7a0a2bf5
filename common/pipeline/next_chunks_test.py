import itertools
import threading
import time
from typing import Iterator, List

import pytest

from common.errors import BadInput
from common.formats.chunks import Chunk
from common.formats.files import Files
from common.pipeline import next_chunks

CHUNKS = [Chunk(10 * number, 10, 0, 0) for number in range(6)]


class Recorded(Files):
    """Files that record which chunks are read, and in which thread; one of them cannot be read."""

    def __init__(self, bad: int = -1) -> None:
        self.bad = bad
        self.paths = ["rows"]
        self.known = CHUNKS
        self.numbers: List[int] = []
        self.threads: List[int] = []

    def fetch(self, chunk: Chunk, names: object) -> object:
        number = self.known.index(chunk)
        if number == self.bad:
            raise BadInput("chunk {} is bad".format(number))
        self.numbers.append(number)
        self.threads.append(threading.get_ident())
        return number


@pytest.mark.parametrize("ahead", [0, 1, 3, 10])
def test_chunks_come_in_order(ahead: int) -> None:
    files = Recorded()
    with next_chunks.reading(files, ["a"], iter(CHUNKS), ahead) as read:
        assert [read(chunk) for chunk in CHUNKS] == list(range(6))
    is_elsewhere = [thread != threading.get_ident() for thread in files.threads]
    assert is_elsewhere == 6 * [ahead > 0]


@pytest.mark.parametrize("ahead", [0, 1, 3])
def test_a_chunk_that_follows_itself_for_ever_is_read_once(ahead: int) -> None:
    files = Recorded()
    with next_chunks.reading(files, ["a"], itertools.repeat(CHUNKS[2]), ahead) as read:
        assert [read(CHUNKS[2]) for _ in range(9)] == 9 * [2]
    assert files.numbers == [2]


def test_a_chunk_that_fills_the_memory_is_read_from_a_store_once() -> None:
    files = Recorded()
    files.paths = ["s3://bucket/rows"]
    large = CHUNKS[2]._replace(size=9 * next_chunks._BYTES)
    files.known = [*CHUNKS[:2], large]
    chunks = [CHUNKS[0], *9 * [large], CHUNKS[1]]
    with next_chunks.reading(files, ["a"], iter(chunks), 3) as read:
        assert [read(chunk) for chunk in chunks] == [0, *9 * [2], 1]
    assert sorted(files.numbers) == [0, 1, 2]


def test_no_more_are_read_than_wanted() -> None:
    files = Recorded()
    with next_chunks.reading(files, ["a"], iter(CHUNKS), 2) as read:
        assert read(CHUNKS[0]) == 0
    assert files.numbers in ([0], [0, 1], [0, 1, 2])


def test_an_error_comes_with_the_chunk_that_has_it() -> None:
    files = Recorded(bad=1)
    with next_chunks.reading(files, ["a"], iter(CHUNKS), 2) as read:
        assert read(CHUNKS[0]) == 0
        with pytest.raises(BadInput, match="chunk 1 is bad"):
            read(CHUNKS[1])


def test_few_large_chunks_are_read_ahead() -> None:
    files = Recorded()
    files.known = [chunk._replace(size=next_chunks._BYTES) for chunk in CHUNKS]
    taken: List[int] = []

    def chunks() -> Iterator[Chunk]:
        for number, chunk in enumerate(files.known):
            taken.append(number)
            yield chunk

    with next_chunks.reading(files, ["a"], chunks(), 5) as read:
        for number, chunk in enumerate(files.known[:4]):
            assert read(chunk) == number
            assert taken == list(range(number + 2))


@pytest.mark.parametrize("size, expected", [
    (0, list(range(16))), (next_chunks._BYTES // 3 + 1, [0, 1, 2]),
    (9 * next_chunks._BYTES, [0, 1])])
def test_from_a_store_many_are_read_at_once_as_far_as_memory_goes(
        size: int, expected: List[int], monkeypatch: pytest.MonkeyPatch) -> None:
    chunks = [Chunk(10 * number, 10, 0, size) for number in range(40)]
    begun: List[int] = []
    go = threading.Event()

    def fetch(chunk: Chunk, names: object) -> int:
        begun.append(chunk.first_row // 10)
        assert go.wait(10)
        return chunk.first_row // 10

    files = Recorded()
    files.paths = ["s3://bucket/rows"]
    monkeypatch.setattr(files, "fetch", fetch)
    with next_chunks.reading(files, ["a"], iter(chunks), 2) as read_next:
        first = threading.Thread(target=read_next, args=(chunks[0],))
        first.start()
        time.sleep(0.2)
        assert sorted(begun) == expected
        go.set()
        first.join()
        assert [read_next(chunk) for chunk in chunks[1:]] == list(range(1, 40))

import itertools
import threading
from typing import List

import pytest

from common.errors import BadInput
from common.pipeline import next_chunks
from common.pipeline.chunks import Chunk
from common.pipeline.files import Files

CHUNKS = [Chunk(10 * number, 10, 0, 0) for number in range(6)]


class Recorded(Files):
    """Files that record which chunks are read, and in which thread; one of them cannot be read."""

    def __init__(self, bad: int = -1) -> None:
        self.bad = bad
        self.numbers: List[int] = []
        self.threads: List[int] = []

    def read(self, chunk: Chunk, names: object, as_views: bool = False) -> object:
        number = CHUNKS.index(chunk)
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

from typing import List

import numpy as np
import pyarrow as pa
import pytest

from common.formats import string_views
from common.formats.string_views import StringViews

WORDS = [b"", b"a", "\u65e5\u672c".encode(), b"", b"a longer one", b"b"]


@pytest.mark.parametrize("words", [[], [b""], WORDS, WORDS[::-1]])
def test_texts_of_an_array_are_its_values(words: List[bytes]) -> None:
    for array in (pa.array(words, pa.binary()), pa.array([b"x", b"yy"] + words + [b"z"],
                                                         pa.binary())[2:-1]):
        found = string_views.from_arrow(array)
        assert [found.data[start:end].tobytes()
                for start, end in zip(found.starts, found.ends)] == words
        assert found.num_bytes == sum(map(len, words))
        assert found.to_arrow().to_pylist() == words


def test_texts_may_have_gaps_between_them() -> None:
    data = np.frombuffer(b"one,two,three,", np.uint8)
    found = StringViews(data, np.array([0, 8], np.int32), np.array([3, 13], np.int32))
    assert found.to_arrow().to_pylist() == [b"one", b"three"] and found.num_bytes == 8


@pytest.mark.parametrize("data", [b"|", b"a|", b"a||bc|", b"||"])
def test_pieces_are_those_of_split(data: bytes) -> None:
    pieces = string_views.split_at(data, np.flatnonzero(np.frombuffer(data, np.uint8) == ord("|")))
    assert pieces.to_pylist() == [piece + b"|" for piece in data.split(b"|")[:-1]]
    assert string_views.without_last(pieces).to_pylist() == data.split(b"|")[:-1]

import numpy as np
import pytest

from common.formats import splits


@pytest.mark.parametrize("lengths, expected", [([], [0]), ([2, 0, 3], [0, 2, 2, 5])])
def test_splits_of_lengths(lengths: list, expected: list) -> None:
    found = splits.splits_of(np.array(lengths, np.int32))
    assert found.tolist() == expected and found.dtype == np.int64


def test_starts_lie_behind_the_separators() -> None:
    assert splits.starts_after(np.array([3, 4, 9])).tolist() == [0, 4, 5]


def test_ranges_follow_one_another() -> None:
    numbers, found = splits.ranges(np.array([7, 0, 3]), np.array([2, 0, 3]))
    assert numbers.tolist() == [7, 8, 3, 4, 5] and found.tolist() == [0, 2, 2, 5]

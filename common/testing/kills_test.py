import pytest

from common.testing import kills
from common.testing.kills import Record, Step


def test_steps_that_are_made_again_count_as_made_last() -> None:
    steps = [Step(1, [1, 2]), Step(2, [3, 4]), Step(3, [5]), Step(2, [3]), Step(3, [4]),
             Step(4, [5])]
    assert kills.record_of(steps) == Record([1, 2, 3, 4, 5], again=3, most_again=2)


@pytest.mark.parametrize("kept, message", [
    ([0, 1, 2, 0, 1], "epoch 1: 2 rows"), ([0, 1, 1, 0, 1, 2], "epoch 0: 3 rows, 2 of them")])
def test_a_row_that_is_lost_or_seen_twice_is_noticed(
        kept: list, message: str) -> None:
    kills.check(Record([0, 1, 2, 0, 1, 2], 0, 0), [3])
    with pytest.raises(AssertionError, match=message):
        kills.check(Record(kept, 0, 0), [3])
    with pytest.raises(AssertionError):
        kills.check(Record([0, 1, 2, 0, 1, 2], 100, 100), [3])


@pytest.mark.slow
def test_each_row_once_though_the_run_is_killed_with_another_batch_size_each_time(
        tmp_path: object) -> None:
    record = kills.kill_often(str(tmp_path), kills=2, rows=3000)
    assert record.most_again > 0  # the kills did come between checkpoints

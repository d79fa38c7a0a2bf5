from typing import List, Tuple

import numpy as np
import pyarrow as pa
import pytest

from data.din import rated
from data.din.rated import Choice
from data.din.reviews import Reviews

Sample = Tuple[int, int, int, List[int]]  # label, user, target, history


def reviews_of(*users: List[Tuple[int, float]]) -> Reviews:
    """The ratings of users, given as pairs of item and rating, a day apart."""
    pairs = [pair for user in users for pair in user]
    names = [b"u%d" % number for number in range(len(users))]
    sizes = np.array([len(user) for user in users])
    return Reviews(
        users=pa.array(names, pa.binary()),
        sizes=sizes,
        items=np.array([item for item, _ in pairs], np.int64),
        ratings=pa.array([str(rating).encode() for _, rating in pairs], pa.binary()),
        times=86400 * np.concatenate([np.arange(size) for size in sizes]),
    )


def samples(reviews: Reviews, choice: Choice, among: object = True) -> List[Sample]:
    chosen = np.broadcast_to(np.array(among), len(reviews.items))
    found: List[Sample] = []
    for rows in rated.make_rows(reviews, choice, chosen):
        ends = np.cumsum(rows.lengths)
        for number, history in enumerate(rows.history_of):
            items = rows.history[ends[history] - rows.lengths[history]:ends[history]]
            found.append((int(rows.labels[number]), int(rows.users[number]),
                          int(rows.targets[number]), items.tolist()))
    return found


REVIEWS = reviews_of([(5, 4.0), (6, 3.5), (7, 5), (5, 1)], [(9, 3)], [(8, 1), (8, 5)])


def test_each_rating_but_the_first_is_a_target() -> None:
    assert samples(REVIEWS, Choice()) == [
        (0, 0, 6, [5]), (1, 0, 7, [5, 6]), (0, 0, 5, [6, 7])]  # user 2 has no other item


@pytest.mark.parametrize("choice, expected", [
    (Choice(newest=1), [(0, 0, 6, [5]), (1, 0, 7, [6]), (0, 0, 5, [7])]),
    (Choice(targets=1), [(0, 0, 5, [6, 7])]),
    (Choice(least=3.5), [(1, 0, 6, [5]), (1, 0, 7, [5, 6]), (0, 0, 5, [6, 7])]),
])
def test_choices(choice: Choice, expected: List[Sample]) -> None:
    assert samples(REVIEWS, choice) == expected


def test_blocks_are_those_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    users = [[(int(item), 1 + item % 5) for item in rng.integers(0, 50, size)]
             for size in rng.integers(1, 30, 20)]
    whole = samples(reviews_of(*users), Choice(newest=7))
    monkeypatch.setattr(rated, "_BLOCK_ROWS", 3)
    assert samples(reviews_of(*users), Choice(newest=7)) == whole
    expected = [
        (int(user[place][1] >= 4), number, user[place][0],
         [item for item, _ in user[max(0, place - 7):place] if item != user[place][0]])
        for number, user in enumerate(users) for place in range(1, len(user))]
    assert whole == [sample for sample in expected if sample[3]]


def test_no_ratings() -> None:
    assert samples(reviews_of([]), Choice()) == []

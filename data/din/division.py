"""How ratings are divided into those of training and those of the test."""

import collections
from typing import Callable, Counter, Iterable

import numpy as np

from data.din.reviews import Reviews
from data.din.script.split_by_user import number_of

_DAY = 86400  # seconds

# Which ratings of some users belong to the test: bool [N].
IsTest = Callable[[Reviews], np.ndarray]


def by_user(share: float, seed: int) -> IsTest:
    """A share of the users is drawn for the test, with all their ratings."""
    limit = int(share * 2 ** 64)

    def is_test(reviews: Reviews) -> np.ndarray:
        is_drawn = [number_of(user, seed) < limit for user in reviews.users.to_pylist()]
        return np.repeat(np.array(is_drawn, bool), reviews.sizes)

    return is_test


def by_time(share: float, ratings: Iterable[Reviews]) -> IsTest:
    """The last days are those of the test: as many as have at most a share of all ratings.

    Args:
      share: of the ratings.
      ratings: all of them, with times in seconds.
    """
    num_by_day: Counter[int] = collections.Counter()
    for reviews in ratings:
        days, counts = np.unique(reviews.times // _DAY, return_counts=True)
        num_by_day.update(dict(zip(days.tolist(), counts.tolist())))
    left = share * sum(num_by_day.values())
    first_day = max(num_by_day, default=0) + 1
    for day in sorted(num_by_day, reverse=True):
        left -= num_by_day[day]
        if left < 0:
            break
        first_day = day
    return lambda reviews: reviews.times >= first_day * _DAY

import numpy as np
import pyarrow as pa
import pytest

from data.din import division
from data.din.reviews import Reviews


def reviews_of(num_users: int, days: np.ndarray) -> Reviews:
    """Ratings at noon of some days, shared out evenly among users."""
    names = [b"u%d" % number for number in range(num_users)]
    size = len(days) // num_users
    nothing = np.zeros(len(days), np.int64)
    ratings = pa.array([b"1"] * len(days), pa.binary())
    users = pa.array(names, pa.binary())
    return Reviews(users, np.full(num_users, size), nothing, ratings, 86400 * days + 43200)


def test_users_are_divided_whole() -> None:
    reviews = reviews_of(2000, np.zeros(6000, np.int64))
    is_test = division.by_user(0.278, 3)(reviews)
    by_user = is_test.reshape(2000, 3)
    assert (by_user.all(axis=1) == by_user.any(axis=1)).all()
    assert is_test.mean() == pytest.approx(0.278, abs=0.03)
    assert (division.by_user(0.278, 3)(reviews) == is_test).all()
    assert (division.by_user(0.278, 4)(reviews) != is_test).any()


@pytest.mark.parametrize("share, first_day", [
    (0.1, 8), (0.2, 8), (0.3, 8), (0.4, 5), (0.99, 5), (0.09, 9)])
def test_the_last_days_are_the_test(share: float, first_day: int) -> None:
    """Days 1, 5 and 8 have 6, 3 and 1 of ten ratings; later ones have none."""
    days = np.array([1, 8, 1, 5, 1, 1, 5, 1, 5, 1])
    parts = [reviews_of(1, days[:4]), reviews_of(2, days[4:])]
    chosen = division.by_time(share, parts)(reviews_of(1, days))
    assert (chosen == (days >= first_day)).all()

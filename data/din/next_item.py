"""Samples that ask whether a user's last review follows from the earlier ones, two for each user.

The last review is the target of the sample with label 1. The sample with label 0 precedes it; its
target is the item of a random review, drawn again until the user has not reviewed it. Both have the
user's other reviews as their history, without earlier ones of the last item: no negative target can
be in the history, so a positive one in it would tell the label.
"""

from typing import NamedTuple, Tuple

import numpy as np
from numpy.random import Generator

from common.errors import BadInput
from data import ragged
from data.din.reviews import Reviews
from data.din.rows import Rows


class Histories(NamedTuple):
    """Users that have a history, and what belongs to it.

    Attributes:
      users: the users, indices, int64 [S].
      lengths: items of each history, int64 [S].
      items: the items of all histories, int64 [sum of lengths].
      targets: the last item of each user, int64 [S].
      num_repeats: how many earlier reviews of the last item were left out, of all users.
    """

    users: np.ndarray
    lengths: np.ndarray
    items: np.ndarray
    targets: np.ndarray
    num_repeats: int


def make_rows(
        reviews: Reviews,
        cumulative: np.ndarray,
        rng: Generator,
) -> Tuple[Rows, int]:
    """Makes a negative and a positive sample for each user with a history.

    Args:
      reviews: all reviews of some users.
      cumulative: that of Items.
      rng: draws the negatives.

    Returns:
      the samples, and how many reviews were left out of histories as earlier ones of the target.

    Raises:
      BadInput: a user reviewed all items.
    """
    histories = find_histories(reviews)
    negatives = draw_negatives(reviews, histories.users, cumulative, rng)
    num_users = len(histories.users)
    row_of_user = np.arange(num_users)
    labels = np.tile([0, 1], num_users)
    rows = Rows(
        labels=labels,
        users=_twice(histories.users),
        targets=np.stack([negatives, histories.targets], axis=1).ravel(),
        lengths=histories.lengths,
        history=histories.items,
        history_of=_twice(row_of_user),
    )
    return rows, histories.num_repeats


def _twice(values: np.ndarray) -> np.ndarray:
    return np.repeat(values, 2)


def find_histories(reviews: Reviews) -> Histories:
    """Takes each user's last review as the target and the others as the history."""
    last = np.cumsum(reviews.sizes) - 1
    last_items = reviews.items[last]
    owner = ragged.owners(reviews.sizes)
    is_last = np.zeros(len(owner), bool)
    is_last[last] = True
    is_target_item = reviews.items == last_items[owner]
    is_history = ~is_target_item
    lengths = np.bincount(owner[is_history], minlength=len(reviews.sizes))
    users = np.flatnonzero(lengths)
    return Histories(
        users=users,
        lengths=lengths[users],
        items=reviews.items[is_history],
        targets=last_items[users],
        num_repeats=int((is_target_item & ~is_last).sum()),
    )


def draw_negatives(
        reviews: Reviews,
        users: np.ndarray,
        cumulative: np.ndarray,
        rng: Generator,
) -> np.ndarray:
    """Draws the item of a random review for each user, none that the user reviewed.

    Args:
      reviews: of all users.
      users: the users to draw for, indices, int64 [S].
      cumulative: that of Items.
      rng: where draws come from.

    Returns:
      items, indices, int64 [S].

    Raises:
      BadInput: a user reviewed all items.
    """
    num_items = len(cumulative)
    owner = ragged.owners(reviews.sizes)
    pairs = owner * num_items + reviews.items
    reviewed = np.unique(pairs)
    _check_some_are_left(reviews, users, reviewed // num_items, num_items)
    drawn = np.zeros(len(users), np.int64)
    left = np.arange(len(users))
    num_reviews = cumulative[-1]
    while len(left):
        points = rng.integers(0, num_reviews, len(left))
        items = np.searchsorted(cumulative, points, side="right")
        drawn[left] = items
        drawn_pairs = users[left] * num_items + items
        left = left[_is_among(drawn_pairs, reviewed)]
    return drawn


def _check_some_are_left(
        reviews: Reviews,
        users: np.ndarray,
        reviewers: np.ndarray,
        num_items: int,
) -> None:
    """Raises BadInput if a user reviewed all items; reviewers has a user once for each item."""
    num_users = len(reviews.sizes)
    num_reviewed = np.bincount(reviewers, minlength=num_users)
    full = users[num_reviewed[users] == num_items]
    if len(full):
        user = reviews.users[int(full[0])].as_py()
        name = user.decode("utf-8", "replace")
        raise BadInput("user {!r} reviewed all {} items, so none is left to draw as a negative. "
                       "Give more reviews.".format(name, num_items))


def _is_among(keys: np.ndarray, ordered: np.ndarray) -> np.ndarray:
    """Which keys are among ordered ones, bool; there is at least one."""
    place = np.searchsorted(ordered, keys)
    place = np.minimum(place, len(ordered) - 1)
    return ordered[place] == keys

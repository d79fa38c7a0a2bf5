"""Samples of ratings: whether a user, given what he or she rated before, rates an item highly.

Each rating of a user but the first is the target of a sample. The label is 1 where the rating is
high enough, and the history is what the user rated before, whatever the rating.
"""

from typing import Iterator, NamedTuple

import numpy as np
import pyarrow.compute as pc

from data import ragged
from data.din.reviews import Reviews
from data.din.rows import Rows

_BLOCK_ROWS = 1 << 13


class Choice(NamedTuple):
    """Which samples are made.

    Attributes:
      least: the lowest rating of a sample with label 1.
      newest: the longest history, counted from its end.
      targets: how many ratings of a user are targets, the newest; 0 for all but the first.
    """

    least: float = 4.0
    newest: int = 100
    targets: int = 0


def make_rows(reviews: Reviews, choice: Choice, among: np.ndarray) -> Iterator[Rows]:
    """Yields the samples of some users, block by block, in the order of the reviews.

    Earlier ratings of the target leave its history; a sample whose history is empty is left out.

    Args:
      reviews: all ratings of the users.
      choice: which samples are made.
      among: which ratings may be targets, bool [N].
    """
    position = ragged.positions(reviews.sizes)
    owner = ragged.owners(reviews.sizes)
    is_target = (position > 0) & among
    if choice.targets:
        num_newer = reviews.sizes[owner] - 1 - position
        is_target &= num_newer < choice.targets
    ratings = pc.cast(reviews.ratings.cast("string"), "double").to_numpy()
    is_high = ratings >= choice.least
    targets = np.flatnonzero(is_target)
    for start in range(0, len(targets), _BLOCK_ROWS):
        chosen = targets[start:start + _BLOCK_ROWS]
        lengths = np.minimum(position[chosen], choice.newest)
        yield _rows_of(reviews, chosen, lengths, owner[chosen], is_high[chosen])


def _rows_of(
        reviews: Reviews,
        chosen: np.ndarray,
        lengths: np.ndarray,
        users: np.ndarray,
        is_high: np.ndarray,
) -> Rows:
    """The samples of chosen reviews, each with the reviews right before it as its history."""
    row = ragged.owners(lengths)
    oldest = chosen - lengths
    history = reviews.items[oldest[row] + ragged.positions(lengths)]
    targets = reviews.items[chosen]
    is_other = history != targets[row]
    lengths = np.bincount(row[is_other], minlength=len(chosen))
    has_history = lengths > 0
    lengths = lengths[has_history]
    return Rows(
        labels=is_high[has_history].astype(np.int64),
        users=users[has_history],
        targets=targets[has_history],
        lengths=lengths,
        history=history[is_other],
        history_of=np.arange(len(lengths)),
    )

"""Metrics of each user's own rows. Rows without a user belong to none, and are left out."""

import math
from typing import Optional, Tuple

import numpy as np

from common.config.schema import NO_USER


def gauc(labels: np.ndarray, scores: np.ndarray, users: np.ndarray,
         weights: Optional[np.ndarray] = None) -> Tuple[float, int]:
    """The mean of users' own AUC, weighted by rows, over users with both classes.

    arXiv 1706.06978, equation 7.

    Args:
      labels, scores: [N].
      users: [N]; NO_USER for rows without one.
      weights: of the rows, [N]; None: 1 each.

    Returns:
      the mean, NaN if there is no such user, and the number of such users.
    """
    weights = np.ones(len(labels)) if weights is None else weights
    order = np.lexsort((scores, users))
    has_user = users[order] != NO_USER
    counts = weights[order] > 0
    rows = order[has_user & counts]
    is_positive = labels[rows] > 0.5
    of_positives = weights[rows] * is_positive
    of_negatives = weights[rows] * ~is_positive
    _, user = np.unique(users[rows], return_inverse=True)
    positives = np.bincount(user, weights=of_positives)
    negatives = np.bincount(user, weights=of_negatives)
    has_both = (positives > 0) & (negatives > 0)
    if not has_both.any():
        return math.nan, 0
    # Mann and Whitney: of all pairs of a user's, those that are ordered rightly.
    below = _below(user, scores[rows], of_negatives)
    right = np.bincount(user, weights=of_positives * below)
    pairs = positives * negatives
    areas = right[has_both] / pairs[has_both]
    total = positives + negatives
    mean = np.average(areas, weights=total[has_both])
    return float(mean), int(has_both.sum())


def _below(user: np.ndarray, scores: np.ndarray, negatives: np.ndarray) -> np.ndarray:
    """The weight of each row's user's negatives with a lower score, equal ones half: float64 [N].

    Args:
      user: the user's number from 0, int [N], ascending.
      scores: [N], ascending within a user.
      negatives: the weight of negative rows, 0 of others, [N].
    """
    before = np.cumsum(negatives) - negatives
    is_new_user = np.diff(user, prepend=-1) != 0
    is_new_score = np.diff(scores, prepend=np.nan) != 0
    before_user = before[is_new_user]
    is_new_tie = is_new_user | is_new_score
    before_tie = before[is_new_tie]
    tie = np.cumsum(is_new_tie) - 1
    tied = np.bincount(tie, weights=negatives)
    return before_tie[tie] - before_user[user] + tied[tie] / 2


def apart(users: np.ndarray) -> np.ndarray:
    """Each row's user by a number from 0, int [N]: rows without one are each of a user alone."""
    _, user = np.unique(users, return_inverse=True)
    is_alone = users == NO_USER
    first = user.max(initial=0) + 1
    user[is_alone] = first + np.arange(is_alone.sum())
    return user

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
    rows = np.lexsort((scores, users))
    rows = rows[(users[rows] != NO_USER) & (weights[rows] > 0)]
    is_positive, scores, weights = labels[rows] > 0.5, scores[rows], weights[rows]
    _, user = np.unique(users[rows], return_inverse=True)
    positives = np.bincount(user, weights=weights * is_positive)
    negatives = np.bincount(user, weights=weights * ~is_positive)
    has_both = (positives > 0) & (negatives > 0)
    if not has_both.any():
        return math.nan, 0
    # Mann and Whitney: of all pairs of a user's, those that are ordered rightly.
    below = _below(user, scores, weights * ~is_positive)
    right = np.bincount(user, weights=weights * is_positive * below)
    areas = right[has_both] / (positives * negatives)[has_both]
    mean = np.average(areas, weights=(positives + negatives)[has_both])
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
    is_new = is_new_user | (np.diff(scores, prepend=np.nan) != 0)
    of_user = before[is_new_user][user]
    tie = np.cumsum(is_new) - 1
    tied = np.bincount(tie, weights=negatives)
    return before[is_new][tie] - of_user + tied[tie] / 2


def apart(users: np.ndarray) -> np.ndarray:
    """Each row's user by a number from 0, int [N]: rows without one are each of a user alone."""
    _, user = np.unique(users, return_inverse=True)
    is_alone = users == NO_USER
    user[is_alone] = user.max(initial=0) + 1 + np.arange(is_alone.sum())
    return user

"""Metrics of a binary task, exact over all rows and in float64; NaN is the value of what does not
exist.

AUC counts each pair of a positive and a negative row once, ties half. Its interval is Newcombe's
(Statistics in Medicine 25, 2006, method 5), which stays honest with a handful of positives and at
AUC 0 and 1 where DeLong's does not, widened by the design effect of users that have several rows.
"""

import math
from typing import Callable, Dict, List, NamedTuple, Optional, Tuple

import numpy as np

_Z95 = 1.959963984540054
_BISECTIONS = 50
_NAMES = ["rows", "positives", "auc", "auc_low", "auc_high", "log_loss", "calibration", "accuracy"]
_USER_NAMES = ["gauc", "gauc_users"]


class Interval(NamedTuple):
    """A 95 % confidence interval."""

    low: float
    high: float


class Placements(NamedTuple):
    """Shares of the other class that rows are ordered rightly against, ties half.

    Attributes:
      positives: of each positive row, float64 [P], in row order.
      negatives: of each negative row, float64 [N], in row order.
    """

    positives: np.ndarray
    negatives: np.ndarray

    @property
    def has_both(self) -> bool:
        """Whether there are rows of both classes."""
        return bool(len(self.positives) and len(self.negatives))

    @property
    def auc(self) -> float:
        """The mean of either class; NaN where only one class is there."""
        return float(self.positives.mean()) if self.has_both else math.nan


def placements(labels: np.ndarray, scores: np.ndarray) -> Placements:
    """How each row is placed among those of the other class.

    Args:
      labels: [N], 1 for positive rows and 0 for negative ones.
      scores: [N], higher for rows thought positive.
    """
    is_positive = labels > 0.5
    high, low = scores[is_positive], scores[~is_positive]
    below = _twice_below(high, low)
    above = 2 * len(high) - _twice_below(low, high)
    positives = below / (2.0 * max(len(low), 1))
    negatives = above / (2.0 * max(len(high), 1))
    return Placements(positives, negatives)


def _twice_below(scores: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Twice the number of others below each score, where an equal one counts half: int [N]."""
    ordered = np.sort(others)
    less = np.searchsorted(ordered, scores, "left")
    less_or_equal = np.searchsorted(ordered, scores, "right")
    return less + less_or_equal


def auc(labels: np.ndarray, scores: np.ndarray) -> float:
    """The area under the ROC curve of labels [N] and scores [N]; NaN for a single class."""
    return placements(labels, scores).auc


def auc_interval(
        labels: np.ndarray,
        scores: np.ndarray,
        users: Optional[np.ndarray] = None,
) -> Interval:
    """The 95 % interval of the AUC of labels [N] and scores [N].

    Args:
      users: [N]; rows of one user are not taken to be independent. None: all rows are.

    Returns:
      the interval; NaNs where only one class is there.
    """
    placed = placements(labels, scores)
    if not placed.has_both:
        return Interval(math.nan, math.nan)
    estimate = placed.auc
    effect = 1.0 if users is None else _design_effect(labels, placed, users)

    def holds(truth: float) -> bool:
        variance = effect * _auc_variance(truth, placed)
        return (estimate - truth) ** 2 <= _Z95 ** 2 * variance

    low = _boundary(holds, estimate, 0.0)
    high = _boundary(holds, estimate, 1.0)
    return Interval(low, high)


def _auc_variance(truth: float, placed: Placements) -> float:
    """Variance of a true AUC for independent rows (Hanley and McNeil), both sample sizes set to
    their mean.
    """
    num_positives, num_negatives = len(placed.positives), len(placed.negatives)
    size = (num_positives + num_negatives) / 2.0 - 1
    spread = 1 + size * (1 - truth) / (2 - truth) + size * truth / (1 + truth)
    return truth * (1 - truth) * spread / (num_positives * num_negatives)


def _boundary(holds: Callable[[float], bool], inside: float, outside: float) -> float:
    """Where a condition that holds at inside ceases to hold on the way to outside, by bisection."""
    for _ in range(_BISECTIONS):
        middle = (inside + outside) / 2
        if holds(middle):
            inside = middle
        else:
            outside = middle
    return inside


def _design_effect(labels: np.ndarray, placed: Placements, users: np.ndarray) -> float:
    """By how much a user's dependent rows widen the AUC's variance (Obuchowski 1997), at least
    1.
    """
    is_positive = labels > 0.5
    influence = np.empty(len(labels))
    influence[is_positive] = _influence(placed.positives)
    influence[~is_positive] = _influence(placed.negatives)
    independent = np.square(influence).sum()
    if not independent > 0:
        return 1.0
    _, user = np.unique(users, return_inverse=True)
    by_user = np.bincount(user, weights=influence)
    return max(1.0, float(np.square(by_user).sum() / independent))


def _influence(shares: np.ndarray) -> np.ndarray:
    """How much each row of a class moves the AUC, float64 [N]."""
    return (shares - shares.mean()) / len(shares)


def gauc(labels: np.ndarray, scores: np.ndarray, users: np.ndarray) -> Tuple[float, int]:
    """The mean of users' own AUC, weighted by rows, over users with both classes.

    arXiv 1706.06978, equation 7.

    Args:
      labels, scores, users: [N].

    Returns:
      the mean, NaN if there is no such user, and the number of such users.
    """
    order = np.lexsort((scores, users))
    is_positive, scores = labels[order] > 0.5, scores[order]
    _, user = np.unique(users[order], return_inverse=True)
    rows = np.bincount(user)
    positives = np.bincount(user, weights=is_positive)
    negatives = rows - positives
    has_both = (positives > 0) & (negatives > 0)
    if not has_both.any():
        return math.nan, 0
    ranks = _ranks_by_user(user, scores, rows)
    rank_sums = np.bincount(user, weights=ranks * is_positive)
    pairs = positives * negatives
    # Mann and Whitney: of all pairs, those that are ordered rightly.
    right = rank_sums - positives * (positives + 1) / 2
    areas = right[has_both] / pairs[has_both]
    mean = np.average(areas, weights=rows[has_both])
    return float(mean), int(has_both.sum())


def _ranks_by_user(user: np.ndarray, scores: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Each row's rank from 1 among its user's, equal scores at the mean of their ranks: float64
    [N].

    Args:
      user: the user's number, int [N], ascending.
      scores: [N], ascending within a user.
      rows: of each user, int [U].
    """
    first = np.cumsum(rows) - rows
    ranks = np.arange(len(user)) - first[user] + 1.0
    is_new = (np.diff(scores) != 0) | (np.diff(user) != 0)
    starts = np.concatenate([[True], is_new])[:len(user)]
    tie = np.cumsum(starts) - 1
    means = np.bincount(tie, weights=ranks) / np.bincount(tie)
    return means[tie]


def log_loss(labels: np.ndarray, logits: np.ndarray) -> float:
    """Mean negative log likelihood of labels [N] under logits [N], in nats; NaN without rows."""
    if not len(labels):
        return math.nan
    logits = logits.astype(np.float64)
    losses = np.logaddexp(0, logits) - labels * logits
    return float(np.mean(losses))


def names(by_user: bool) -> List[str]:
    """The metrics of a task, in the order of reports; by_user: with GAUC."""
    return _NAMES + _USER_NAMES if by_user else _NAMES


def evaluate(
        labels: np.ndarray,
        logits: np.ndarray,
        users: Optional[np.ndarray] = None,
        by_user: bool = False,
) -> Dict[str, float]:
    """All metrics of one task.

    Args:
      labels: float [N], 0 or 1.
      logits: float [N].
      users: [N], for the interval and for GAUC.
      by_user: whether to add GAUC.

    Returns:
      rows, positives, auc, auc_low, auc_high, log_loss, calibration (mean prediction over mean
      label), accuracy (at probability 0.5), and gauc and gauc_users where by_user says so.
    """
    labels = labels.astype(np.float64)
    interval = auc_interval(labels, logits, users)
    result = {
        "rows": float(len(labels)),
        "positives": float(labels.sum()),
        "auc": auc(labels, logits),
        "auc_low": interval.low,
        "auc_high": interval.high,
        "log_loss": log_loss(labels, logits),
        "calibration": _calibration(labels, logits),
        "accuracy": _accuracy(labels, logits),
    }
    if by_user and users is not None:
        result["gauc"], num_users = gauc(labels, logits, users)
        result["gauc_users"] = float(num_users)
    return result


def _calibration(labels: np.ndarray, logits: np.ndarray) -> float:
    """The sum of predictions over that of labels; below 1 the model under-predicts."""
    num_positives = labels.sum()
    if not num_positives:
        return math.nan
    predictions = 0.5 * (1 + np.tanh(0.5 * logits.astype(np.float64)))
    return float(predictions.sum() / num_positives)


def _accuracy(labels: np.ndarray, logits: np.ndarray) -> float:
    if not len(labels):
        return math.nan
    return float(np.mean((logits > 0) == (labels > 0.5)))

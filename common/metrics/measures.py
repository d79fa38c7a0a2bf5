"""Metrics of a binary task, exact over all rows and in float64; NaN is the value of what does not exist.

AUC counts each pair of a positive and a negative row once, ties half. Its interval is Newcombe's (Statistics in
Medicine 25, 2006, method 5), which stays honest with a handful of positives and at AUC 0 and 1 where DeLong's does
not, widened by the design effect of users that have several rows.
"""

import math
from typing import Callable, Dict, NamedTuple, Optional, Tuple

import numpy as np

_Z95 = 1.959963984540054


class Interval(NamedTuple):
    """A 95 % confidence interval."""

    low: float
    high: float


def placements(labels: np.ndarray, scores: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """Shares of the other class that each row is ordered rightly against, ties half.

    Args:
      labels: [N], 1 for positive rows and 0 for negative ones.
      scores: [N], higher for rows thought positive.

    Returns:
      float64 [positives] and float64 [negatives], each in row order; the mean of either is the AUC.
    """
    positive = labels > 0.5
    high, low = scores[positive], scores[~positive]
    sorted_high, sorted_low = np.sort(high), np.sort(low)
    below = np.searchsorted(sorted_low, high, "left") + np.searchsorted(sorted_low, high, "right")
    above = 2 * len(high) - np.searchsorted(sorted_high, low, "left") - np.searchsorted(sorted_high, low, "right")
    return below / (2.0 * max(len(low), 1)), above / (2.0 * max(len(high), 1))


def auc(labels: np.ndarray, scores: np.ndarray) -> float:
    """The area under the ROC curve of labels [N] and scores [N]; NaN where only one class is there."""
    of_positives, of_negatives = placements(labels, scores)
    return float(of_positives.mean()) if len(of_positives) and len(of_negatives) else math.nan


def auc_interval(labels: np.ndarray, scores: np.ndarray, users: Optional[np.ndarray] = None) -> Interval:
    """The 95 % interval of the AUC of labels [N] and scores [N].

    Args:
      users: [N]; rows of one user are not taken to be independent. None: all rows are.

    Returns:
      the interval; NaNs where only one class is there.
    """
    of_positives, of_negatives = placements(labels, scores)
    num_positives, num_negatives = len(of_positives), len(of_negatives)
    if not num_positives or not num_negatives:
        return Interval(math.nan, math.nan)
    estimate = float(of_positives.mean())
    effect = 1.0 if users is None else _design_effect(labels, of_positives, of_negatives, users)

    def holds(truth: float) -> bool:
        variance = effect * _auc_variance(truth, num_positives, num_negatives)
        return (estimate - truth) ** 2 <= _Z95 ** 2 * variance

    return Interval(_boundary(holds, estimate, 0.0), _boundary(holds, estimate, 1.0))


def _auc_variance(truth: float, num_positives: int, num_negatives: int) -> float:
    """Variance of the AUC of independent rows after Hanley and McNeil, both sample sizes set to their mean."""
    size = (num_positives + num_negatives) / 2.0 - 1
    spread = 1 + size * (1 - truth) / (2 - truth) + size * truth / (1 + truth)
    return truth * (1 - truth) * spread / (num_positives * num_negatives)


def _boundary(holds: Callable[[float], bool], inside: float, outside: float) -> float:
    """Where a condition that holds at inside ceases to hold on the way to outside, by bisection."""
    for _ in range(50):
        middle = (inside + outside) / 2
        inside, outside = (middle, outside) if holds(middle) else (inside, middle)
    return inside


def _design_effect(labels: np.ndarray, of_positives: np.ndarray, of_negatives: np.ndarray,
                   users: np.ndarray) -> float:
    """By how much dependent rows of a user widen the AUC's variance (Obuchowski 1997), at least 1."""
    influence = np.empty(len(labels))
    positive = labels > 0.5
    influence[positive] = (of_positives - of_positives.mean()) / len(of_positives)
    influence[~positive] = (of_negatives - of_negatives.mean()) / len(of_negatives)
    independent = np.square(influence).sum()
    by_user = np.bincount(np.unique(users, return_inverse=True)[1], weights=influence)
    return max(1.0, float(np.square(by_user).sum() / independent)) if independent > 0 else 1.0


def gauc(labels: np.ndarray, scores: np.ndarray, users: np.ndarray) -> Tuple[float, int]:
    """The mean of each user's own AUC, weighted by rows, over users with both classes (arXiv 1706.06978, eq. 7).

    Args:
      labels, scores, users: [N].

    Returns:
      the mean, NaN if there is no such user, and the number of such users.
    """
    order = np.lexsort((scores, users))
    labels, scores, users = labels[order] > 0.5, scores[order], users[order]
    _, user = np.unique(users, return_inverse=True)
    rows = np.bincount(user)
    positives = np.bincount(user, weights=labels)
    negatives = rows - positives
    first = np.cumsum(rows) - rows
    new_score = np.concatenate([[True], (np.diff(scores) != 0) | (np.diff(user) != 0)])[:len(user)]
    tie = np.cumsum(new_score) - 1
    ranks = np.arange(len(user)) - first[user] + 1.0
    ranks = (np.bincount(tie, weights=ranks) / np.bincount(tie))[tie]
    rank_sums = np.bincount(user, weights=ranks * labels)
    mixed = (positives > 0) & (negatives > 0)
    if not mixed.any():
        return math.nan, 0
    pairs = positives[mixed] * negatives[mixed]
    areas = (rank_sums[mixed] - positives[mixed] * (positives[mixed] + 1) / 2) / pairs
    return float(np.average(areas, weights=rows[mixed])), int(mixed.sum())


def log_loss(labels: np.ndarray, logits: np.ndarray) -> float:
    """Mean negative log likelihood of labels [N] under logits [N], in nats; NaN without rows."""
    logits = logits.astype(np.float64)
    return float(np.mean(np.logaddexp(0, logits) - labels * logits)) if len(labels) else math.nan


def evaluate(labels: np.ndarray, logits: np.ndarray, users: Optional[np.ndarray] = None,
             by_user: bool = False) -> Dict[str, float]:
    """All metrics of one task.

    Args:
      labels: float [N], 0 or 1.
      logits: float [N].
      users: [N], for the interval and for GAUC.
      by_user: whether to add GAUC.

    Returns:
      rows, positives, auc, auc_low, auc_high, log_loss, calibration (mean prediction over mean label), accuracy (at
      probability 0.5), and gauc and gauc_users where asked for.
    """
    labels = labels.astype(np.float64)
    interval = auc_interval(labels, logits, users)
    predictions = 0.5 * (1 + np.tanh(0.5 * logits.astype(np.float64)))
    result = {
        "rows": float(len(labels)),
        "positives": float(labels.sum()),
        "auc": auc(labels, logits),
        "auc_low": interval.low,
        "auc_high": interval.high,
        "log_loss": log_loss(labels, logits),
        "calibration": float(predictions.sum() / labels.sum()) if labels.sum() else math.nan,
        "accuracy": float(np.mean((logits > 0) == (labels > 0.5))) if len(labels) else math.nan,
    }
    if by_user and users is not None:
        result["gauc"], num_users = gauc(labels, logits, users)
        result["gauc_users"] = float(num_users)
    return result

"""Metrics of a binary task, exact over all rows and in float64; NaN is the value of what does not
exist.

AUC counts each pair of a positive and a negative row once, ties half. Its interval is Newcombe's
(Statistics in Medicine 25, 2006, method 5), which stays honest with a handful of positives and at
AUC 0 and 1 where DeLong's does not, widened by the design effect of users that have several rows.
Where rows have weights, each counts as often as its weight says; the interval is that of as many
rows as carry the same information (Kish 1965).
"""

import math
from typing import Callable, Dict, List, NamedTuple, Optional

import numpy as np

from common.config.schema import NO_USER
from common.metrics import by_user as of_users

_Z95 = 1.959963984540054
_BISECTIONS = 50
_NAMES = ["rows", "positives", "auc", "auc_low", "auc_high", "log_loss", "calibration", "accuracy"]
_USER_NAMES = ["gauc", "gauc_users", "rows_without_user"]


class Interval(NamedTuple):
    """A 95 % confidence interval."""

    low: float
    high: float


class Shares(NamedTuple):
    """How the rows of a class are placed among those of the other.

    Attributes:
      values: the share of the other class that each row is ordered rightly against, ties half,
        float64 [M], in row order.
      weights: of the rows, float64 [M].
    """

    values: np.ndarray
    weights: np.ndarray

    @property
    def mean(self) -> float:
        """The mean share, which is the AUC."""
        return float(np.average(self.values, weights=self.weights))

    @property
    def effective_rows(self) -> float:
        """How many rows of equal weight tell as much."""
        return float(self.weights.sum() ** 2 / np.square(self.weights).sum())

    @property
    def influence(self) -> np.ndarray:
        """How much each row moves the AUC, float64 [M]."""
        return self.weights * (self.values - self.mean) / self.weights.sum()


class Placements(NamedTuple):
    """The shares of both classes."""

    positives: Shares
    negatives: Shares

    @property
    def has_both(self) -> bool:
        """Whether there are rows of both classes."""
        return bool(self.positives.weights.any() and self.negatives.weights.any())

    @property
    def auc(self) -> float:
        """The mean of either class; NaN where only one class is there."""
        return self.positives.mean if self.has_both else math.nan


def placements(labels: np.ndarray, scores: np.ndarray,
               weights: Optional[np.ndarray] = None) -> Placements:
    """How each row is placed among those of the other class.

    Args:
      labels: [N], 1 for positive rows and 0 for negative ones.
      scores: [N], higher for rows thought positive.
      weights: of the rows, [N]; None: 1 each.
    """
    weights = np.ones(len(labels)) if weights is None else weights
    is_positive = labels > 0.5
    high, low = scores[is_positive], scores[~is_positive]
    of_high, of_low = weights[is_positive], weights[~is_positive]
    below = _twice_below(high, low, of_low)
    above = 2 * of_high.sum() - _twice_below(low, high, of_high)
    positives = below / (2.0 * (of_low.sum() or 1.0))
    negatives = above / (2.0 * (of_high.sum() or 1.0))
    return Placements(Shares(positives, of_high), Shares(negatives, of_low))


def _twice_below(scores: np.ndarray, others: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Twice the weight of others below each score, where an equal one counts half: float64 [N]."""
    order = np.argsort(others)
    ordered = others[order]
    until = np.concatenate([[0.0], np.cumsum(weights[order])])
    less = until[np.searchsorted(ordered, scores, "left")]
    less_or_equal = until[np.searchsorted(ordered, scores, "right")]
    return less + less_or_equal


def auc(labels: np.ndarray, scores: np.ndarray, weights: Optional[np.ndarray] = None) -> float:
    """The area under the ROC curve of labels [N] and scores [N]; NaN for a single class."""
    return placements(labels, scores, weights).auc


def auc_interval(
        labels: np.ndarray,
        scores: np.ndarray,
        users: Optional[np.ndarray] = None,
        weights: Optional[np.ndarray] = None,
) -> Interval:
    """The 95 % interval of the AUC of labels [N] and scores [N].

    Args:
      users: [N]; rows of one user are not taken to be independent, but those of NO_USER are. None:
        all rows are.
      weights: of the rows, [N]; None: 1 each.

    Returns:
      the interval; NaNs where only one class is there.
    """
    return _interval(labels, placements(labels, scores, weights), users)


def _interval(labels: np.ndarray, placed: Placements, users: Optional[np.ndarray]) -> Interval:
    """The same of rows that are placed already."""
    if not placed.has_both:
        return Interval(math.nan, math.nan)
    estimate = placed.auc
    effect = 1.0 if users is None else design_effect(labels, placed, users)

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
    num_positives = placed.positives.effective_rows
    num_negatives = placed.negatives.effective_rows
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


def design_effect(labels: np.ndarray, placed: Placements, users: np.ndarray) -> float:
    """By how much a user's dependent rows widen the AUC's variance (Obuchowski 1997), at least
    1.
    """
    is_positive = labels > 0.5
    influence = np.empty(len(labels))
    influence[is_positive] = placed.positives.influence
    influence[~is_positive] = placed.negatives.influence
    independent = np.square(influence).sum()
    if not independent > 0:
        return 1.0
    by_user = np.bincount(of_users.apart(users), weights=influence)
    return max(1.0, float(np.square(by_user).sum() / independent))


def log_loss(labels: np.ndarray, logits: np.ndarray,
             weights: Optional[np.ndarray] = None) -> float:
    """Mean negative log likelihood of labels [N] under logits [N], in nats; NaN without rows."""
    logits = logits.astype(np.float64)
    return _mean(np.logaddexp(0, logits) - labels * logits, weights)


def names(by_user: bool) -> List[str]:
    """The metrics of a task, in the order of reports; by_user: with GAUC."""
    return _NAMES + _USER_NAMES if by_user else _NAMES


def evaluate(
        labels: np.ndarray,
        logits: np.ndarray,
        users: Optional[np.ndarray] = None,
        by_user: bool = False,
        weights: Optional[np.ndarray] = None,
) -> Dict[str, float]:
    """All metrics of one task.

    Args:
      labels: float [N], 0 or 1.
      logits: float [N].
      users: [N], for the interval and for GAUC; NO_USER for rows without one.
      by_user: whether to add GAUC.
      weights: how often each row counts, >= 0 [N]; None: 1 each.

    Returns:
      rows and positives, which are counted; auc, auc_low, auc_high, log_loss, calibration (mean
      prediction over mean label) and accuracy (at probability 0.5), which are weighted; and gauc,
      gauc_users and rows_without_user where by_user says so.
    """
    labels = labels.astype(np.float64)
    if weights is not None:
        weights = weights.astype(np.float64)
    placed = placements(labels, logits, weights)
    interval = _interval(labels, placed, users)
    result = {
        "rows": float(len(labels)),
        "positives": float(labels.sum()),
        "auc": placed.auc,
        "auc_low": interval.low,
        "auc_high": interval.high,
        "log_loss": log_loss(labels, logits, weights),
        "calibration": _calibration(labels, logits, weights),
        "accuracy": _mean((logits > 0) == (labels > 0.5), weights),
    }
    if by_user and users is not None:
        result["gauc"], num_users = of_users.gauc(labels, logits, users, weights)
        result["gauc_users"] = float(num_users)
        result["rows_without_user"] = float((users == NO_USER).sum())
    return result


def _calibration(labels: np.ndarray, logits: np.ndarray, weights: Optional[np.ndarray]) -> float:
    """The mean prediction over the mean label; below 1 the model under-predicts."""
    mean_label = _mean(labels, weights)
    if not mean_label > 0:
        return math.nan
    predictions = 0.5 * (1 + np.tanh(0.5 * logits.astype(np.float64)))
    return _mean(predictions, weights) / mean_label


def _mean(values: np.ndarray, weights: Optional[np.ndarray]) -> float:
    """The mean of values by the rows' weights; NaN where there are none."""
    total = len(values) if weights is None else weights.sum()
    return float(np.average(values, weights=weights)) if total else math.nan

"""The ROC curve of a task and its reliability, each as a few points with their intervals.

Intervals of shares are Wilson's, at 95 %, of as many independent rows as the rows are worth: by
their weights (Kish 1965), and by the design effect of users with several rows.
"""

import math
from typing import List, NamedTuple, Optional, Tuple

import numpy as np

from common.metrics import by_user as of_users
from common.metrics import measures
from common.metrics.collected import Collected
from common.metrics.measures import Interval

_Z95 = 1.959963984540054
MAX_POINTS = 400  # of a ROC curve
MAX_BINS = 15
_ROWS_OF_BIN = 20  # at least, where there are so many


class RocPoint(NamedTuple):
    """The shares of negative and of positive rows above a threshold, the latter with its interval.
    """

    false_positives: float
    true_positives: float
    low: float
    high: float


class Bin(NamedTuple):
    """Rows of about the same prediction.

    Attributes:
      predicted: their mean prediction.
      observed: the share of positives, with its interval from low to high.
      rows: how many they are.
    """

    predicted: float
    observed: float
    low: float
    high: float
    rows: int


def wilson(share: float, rows: float) -> Interval:
    """The 95 % interval of a share of so many independent rows; NaNs where there are none."""
    if not rows > 0 or math.isnan(share):
        return Interval(math.nan, math.nan)
    square = _Z95 ** 2 / rows
    middle = (share + square / 2) / (1 + square)
    spread = math.sqrt(max(share * (1 - share), 0.0) / rows * _Z95 ** 2 + square ** 2 / 4)
    spread /= 1 + square
    # What rounding moved past the share at 0 or 1 is put back.
    return Interval(min(max(middle - spread, 0.0), share), max(min(middle + spread, 1.0), share))


class _Sorted(NamedTuple):
    """Rows by their prediction, ascending; users by numbers from 0, weights float64 [N]."""

    labels: np.ndarray
    logits: np.ndarray
    users: Optional[np.ndarray]
    weights: np.ndarray


def _sorted(rows: Collected) -> _Sorted:
    """The rows in the order in which everything here is fast: sorting is most of its cost."""
    order = np.argsort(rows.logits, kind="stable")
    users = None if rows.users is None else of_users.apart(rows.users)[order]
    weights = np.ones(len(order))
    if rows.weights is not None:
        weights = rows.weights[order].astype(np.float64)
    return _Sorted(rows.labels[order], rows.logits[order], users, weights)


def both(rows: Collected) -> Tuple[List[RocPoint], List[Bin]]:
    """The ROC curve and the reliability of a task."""
    in_order = _sorted(rows)
    return _roc(in_order), _reliability(in_order)


def roc(rows: Collected) -> List[RocPoint]:
    """The ROC curve from (0, 0) to (1, 1), thinned to MAX_POINTS; none where a class is missing."""
    return _roc(_sorted(rows))


def _roc(rows: _Sorted) -> List[RocPoint]:
    placed = measures.placements(rows.labels, rows.logits, rows.weights)
    if not placed.has_both:
        return []
    effect = 1.0
    if rows.users is not None:
        effect = measures.design_effect(rows.labels, placed, rows.users)
    false, true = _shares_above(rows)
    kept = _thinned(false + true)
    worth = placed.positives.effective_rows / effect
    points = []
    for x, y in zip(false[kept].tolist(), true[kept].tolist()):
        points.append(RocPoint(x, y, *wilson(y, worth)))
    return points


def _shares_above(rows: _Sorted) -> Tuple[np.ndarray, np.ndarray]:
    """The shares of negatives and of positives above each threshold, ascending from 0 to 1."""
    is_positive = rows.labels[::-1] > 0.5
    weights = rows.weights[::-1]
    of_positives = np.cumsum(weights * is_positive)
    of_negatives = np.cumsum(weights * ~is_positive)
    is_last = np.append(np.diff(rows.logits[::-1]) != 0, True)  # of the rows of one score
    false = np.append(0.0, of_negatives[is_last] / of_negatives[-1])
    true = np.append(0.0, of_positives[is_last] / of_positives[-1])
    return false, true


def _thinned(along: np.ndarray) -> np.ndarray:
    """The places of points at even distances along a curve, its ends among them, int [P]."""
    if len(along) <= MAX_POINTS:
        return np.arange(len(along))
    wanted = np.linspace(along[0], along[-1], MAX_POINTS)
    nearest = np.searchsorted(along, wanted)
    return np.unique(np.append(np.minimum(nearest, len(along) - 1), [0, len(along) - 1]))


def reliability(rows: Collected) -> List[Bin]:
    """Mean prediction and share of positives in bins of equal numbers of rows, by prediction.

    Rows of one prediction are in one bin, so there may be fewer bins than MAX_BINS.
    """
    return _reliability(_sorted(rows))


def _reliability(rows: _Sorted) -> List[Bin]:
    size = len(rows.labels)
    if not rows.weights.any():
        return []
    predicted = probabilities(rows.logits)
    is_new = np.append(True, np.diff(rows.logits) != 0)
    first_of_tie = np.maximum.accumulate(np.where(is_new, np.arange(size), 0))
    num_bins = min(MAX_BINS, max(size // _ROWS_OF_BIN, 1))
    number = first_of_tie * num_bins // size
    edges = [0, *(np.flatnonzero(np.diff(number)) + 1).tolist(), size]
    bins = []
    for begin, end in zip(edges, edges[1:]):
        part = slice(begin, end)
        if rows.weights[part].any():
            users = None if rows.users is None else rows.users[part]
            bins.append(_bin(rows.labels[part], predicted[part], rows.weights[part], users))
    return bins


def _bin(labels: np.ndarray, predicted: np.ndarray, weights: np.ndarray,
         users: Optional[np.ndarray]) -> Bin:
    share, interval = rate(labels, weights, users)
    mean = float(np.average(predicted, weights=weights))
    return Bin(mean, share, interval.low, interval.high, len(labels))


def rate(labels: np.ndarray, weights: np.ndarray,
         users: Optional[np.ndarray]) -> Tuple[float, Interval]:
    """The share of positive rows and its interval.

    Args:
      labels, weights: [N], of which some weigh more than 0.
      users: each row's user by a number from 0, int [N]; None: rows are independent.
    """
    share = float(np.average(labels, weights=weights))
    worth = float(weights.sum() ** 2 / np.square(weights).sum())
    if users is not None:
        influence = weights * (labels - share)
        alone = float(np.square(influence).sum())
        together = float(np.square(np.bincount(users, weights=influence)).sum())
        worth /= max(together / alone, 1.0) if alone > 0 else 1.0
    return share, wilson(share, worth)


def probabilities(logits: np.ndarray) -> np.ndarray:
    """The predictions of logits [N], float64 [N]."""
    return 0.5 * (1 + np.tanh(0.5 * logits.astype(np.float64)))

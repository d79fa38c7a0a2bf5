"""By how much the AUC of two scores of the same rows differs, with an interval.

Rows that both order alike cancel out, so the interval is much narrower than those of the two AUCs.
"""

import math
from typing import NamedTuple, Optional, Sequence

import numpy as np

from common.metrics import by_user, measures

_Z95 = 1.959963984540054


class Scored(NamedTuple):
    """What scores of some rows are worth.

    Attributes:
      auc: NaN where only one class is there.
      influence: how much each row moves it, float64 [N].
    """

    auc: float
    influence: np.ndarray


class Loss(NamedTuple):
    """How much AUC is lost, and its 95 % interval; NaN where there is none."""

    value: float
    low: float
    high: float


def scored(labels: np.ndarray, scores: np.ndarray, weights: Optional[np.ndarray] = None) -> Scored:
    """The AUC of scores [N] with labels [N], by weights [N] where rows have any."""
    placed = measures.placements(labels, scores, weights)
    influence = np.zeros(len(labels))
    if placed.has_both:
        is_positive = labels > 0.5
        influence[is_positive] = placed.positives.influence
        influence[~is_positive] = placed.negatives.influence
    return Scored(placed.auc, influence)


def loss(before: Scored, after: Sequence[Scored], users: Optional[np.ndarray] = None) -> Loss:
    """How much lower the mean AUC of some scores is than another one's, of the same rows.

    The interval takes in that other rows, and other draws of `after`, would have given others.

    Args:
      after: at least one; more than one draw of the same kind tells how much these differ.
      users: [N]; rows of one user are not taken to be independent. None: all rows are.
    """
    losses = np.array([before.auc - one.auc for one in after])
    value = float(losses.mean())
    if math.isnan(value):
        return Loss(math.nan, math.nan, math.nan)
    difference = np.mean([before.influence - one.influence for one in after], axis=0)
    if users is not None:
        difference = np.bincount(by_user.apart(users), weights=difference)
    variance = float(np.square(difference).sum())
    if len(after) > 1:
        variance += float(losses.var(ddof=1)) / len(after)
    reach = _Z95 * math.sqrt(variance)
    return Loss(value, value - reach, value + reach)

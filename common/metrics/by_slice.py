"""A task's metrics on slices of its rows, each the rows of one value of a column."""

import math
from typing import Dict, List, Tuple

import numpy as np

from common.metrics import by_user as of_users
from common.metrics import curves, measures
from common.metrics.collected import Collected

NAMES = ("rows", "positives", "auc", "auc_low", "auc_high", "calibration", "calibration_low",
         "calibration_high")


def measure(rows: Collected, codes: np.ndarray, size: int) -> List[Dict[str, float]]:
    """The metrics NAMES of each slice; NaN where one does not exist.

    Args:
      codes: the number of each row's slice, int [N], or [M] where only some of the M rows that the
        evaluation has count.
      size: how many slices there are.
    """
    if rows.chosen is not None:
        codes = codes[rows.chosen]
    order = np.argsort(codes, kind="stable")
    begins = np.searchsorted(codes[order], np.arange(size + 1))
    measured = []
    for begin, end in zip(begins, begins[1:]):
        measured.append(_of_slice(rows.at(order[begin:end])))
    return measured


def _of_slice(rows: Collected) -> Dict[str, float]:
    if not len(rows.labels):
        return {**dict.fromkeys(NAMES, math.nan), "rows": 0.0, "positives": 0.0}
    values = measures.evaluate(rows.labels, rows.logits, rows.users, weights=rows.weights)
    values["calibration_low"], values["calibration_high"] = _calibration_interval(rows)
    return {name: values[name] for name in NAMES}


def _calibration_interval(rows: Collected) -> Tuple[float, float]:
    """The 95 % interval of the mean prediction over the mean label, that of the label's share."""
    weights = np.ones(len(rows.labels)) if rows.weights is None else rows.weights.astype(np.float64)
    if not weights.any() or not rows.labels.any():
        return math.nan, math.nan
    users = None if rows.users is None else of_users.apart(rows.users)
    _, share = curves.rate(rows.labels, weights, users)
    mean = float(np.average(curves.probabilities(rows.logits), weights=weights))
    return mean / share.high, mean / share.low

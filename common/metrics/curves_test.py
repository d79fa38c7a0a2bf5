import math
from typing import Tuple

import numpy as np
import pytest

from common.config.schema import NO_USER
from common.metrics import curves, measures
from common.metrics.collected import Collected


def draw(size: int, seed: int = 0) -> Tuple[np.ndarray, np.ndarray]:
    """Labels drawn by the probabilities of rounded logits, so that there are ties."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(-1, 1.5, size).round(1).astype(np.float32)
    labels = rng.random(size) < 1 / (1 + np.exp(-logits.astype(np.float64)))
    return labels.astype(np.float32), logits


def area(points: list) -> float:
    x, y = np.array([point.false_positives for point in points]), np.array(
        [point.true_positives for point in points])
    return float(np.trapz(y, x))


@pytest.mark.parametrize("weighted", [False, True])
def test_the_area_under_the_roc_curve_is_the_auc(weighted: bool) -> None:
    labels, logits = draw(2000)
    weights = np.random.default_rng(1).random(2000).astype(np.float32) if weighted else None
    points = curves.roc(Collected(labels, logits, weights=weights))
    assert area(points) == pytest.approx(measures.auc(labels, logits, weights), abs=1e-6)
    assert points[0][:2] == (0.0, 0.0) and points[-1][:2] == (1.0, 1.0)
    assert all(point.low <= point.true_positives <= point.high for point in points)


def test_a_curve_of_many_thresholds_is_thinned_and_keeps_its_area() -> None:
    rng = np.random.default_rng(3)
    labels = (rng.random(20000) < 0.05).astype(np.float32)
    logits = (rng.standard_normal(20000) + labels).astype(np.float32)
    points = curves.roc(Collected(labels, logits))
    assert 300 < len(points) <= curves.MAX_POINTS + 2
    assert area(points) == pytest.approx(measures.auc(labels, logits), abs=1e-3)


def test_one_class_has_no_roc() -> None:
    logits = np.array([1.0, 2.0], np.float32)
    for labels in (np.zeros(2, np.float32), np.ones(2, np.float32)):
        assert curves.roc(Collected(labels, logits)) == []
    weights = np.array([0.0, 1.0], np.float32)  # rows that weigh nothing are none
    labels = np.array([0.0, 1.0], np.float32)
    assert curves.roc(Collected(labels, logits, weights=weights)) == []


def test_users_widen_the_intervals() -> None:
    labels, logits = (np.repeat(array, 5) for array in draw(200))
    users = np.repeat(np.arange(200), 5)
    alone = curves.roc(Collected(labels, logits))
    by_user = curves.roc(Collected(labels, logits, users))
    middle = len(alone) // 2
    assert [point[:2] for point in alone] == [point[:2] for point in by_user]
    width = alone[middle].high - alone[middle].low
    assert by_user[middle].high - by_user[middle].low > 1.8 * width
    alone_bins = curves.reliability(Collected(labels, logits))
    bins = curves.reliability(Collected(labels, logits, users))
    assert bins[7].high - bins[7].low > 1.8 * (alone_bins[7].high - alone_bins[7].low)
    nobody = np.full(1000, NO_USER)
    of_nobody = curves.reliability(Collected(labels, logits, nobody))
    np.testing.assert_allclose(of_nobody, alone_bins)


def test_bins_against_a_plain_count() -> None:
    labels, logits = draw(3000, 5)
    bins = curves.reliability(Collected(labels, logits))
    assert len(bins) == curves.MAX_BINS and sum(one.rows for one in bins) == 3000
    assert max(one.rows for one in bins) < 2 * 3000 / curves.MAX_BINS
    order = np.argsort(logits, kind="stable")
    end = 0
    for one in bins:
        places = order[end:end + one.rows]
        end += one.rows
        assert one.observed == pytest.approx(labels[places].mean())
        expected = (1 / (1 + np.exp(-logits[places].astype(np.float64)))).mean()
        assert one.predicted == pytest.approx(expected)
        assert one.low < one.observed < one.high
    inside = [one.low <= one.predicted <= one.high for one in bins]
    assert sum(inside) >= 12  # the labels are drawn by the predictions


def test_weights_count_as_repeated_rows_in_bins() -> None:
    labels, logits = draw(400)
    weights = np.random.default_rng(2).integers(0, 3, 400).astype(np.float32)
    bins = curves.reliability(Collected(labels, logits, weights=weights))
    first = np.argsort(logits, kind="stable")[:bins[0].rows]
    assert bins[0].observed == pytest.approx(np.average(labels[first], weights=weights[first]))


def test_few_rows_and_rows_of_one_prediction_are_one_bin() -> None:
    labels = np.array([0, 1, 1, 0, 0], np.float32)
    assert [one.rows for one in curves.reliability(Collected(labels, np.arange(5.0)))] == [5]
    same = curves.reliability(Collected(np.tile(labels, 100), np.zeros(500)))
    assert [(one.rows, one.predicted, one.observed) for one in same] == [(500, 0.5, 0.4)]
    nothing = Collected(labels, np.arange(5.0), weights=np.zeros(5))
    assert curves.reliability(nothing) == []


def test_wilsons_interval() -> None:
    # Newcombe, Statistics in Medicine 17 (1998), table I, method 3.
    for positives, rows, low, high in ((81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605),
                                       (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)):
        found = curves.wilson(positives / rows, rows)
        assert found == pytest.approx((low, high), abs=6e-5)
    assert all(map(math.isnan, curves.wilson(0.5, 0)))

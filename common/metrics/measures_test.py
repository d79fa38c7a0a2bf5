import math
from typing import Optional, Tuple

import numpy as np
import pytest

from common.config.schema import NO_USER
from common.metrics import by_user, measures


def draw(
        seed: int,
        size: int,
        ties: bool = False,
        rate: float = 0.3,
) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, scores and users; with ties the scores are few whole numbers."""
    rng = np.random.default_rng(seed)
    labels = (rng.random(size) < rate).astype(np.float32)
    scores = (rng.standard_normal(size) + labels).astype(np.float32)
    return labels, np.round(scores) if ties else scores, rng.integers(0, max(size // 5, 1), size)


def auc_by_pairs(labels: np.ndarray, scores: np.ndarray) -> Optional[float]:
    """The AUC by its definition: all pairs of a positive and a negative row, ties half."""
    high, low = scores[labels == 1], scores[labels == 0]
    if not len(high) or not len(low):
        return None
    difference = high[:, None].astype(np.float64) - low[None, :]
    return float(np.mean((difference > 0) + 0.5 * (difference == 0)))


@pytest.mark.parametrize("size", [2, 3, 10, 1000])
@pytest.mark.parametrize("ties", [False, True])
def test_auc_counts_pairs(size: int, ties: bool) -> None:
    for seed in range(30):
        labels, scores, _ = draw(seed, size, ties)
        expected = auc_by_pairs(labels, scores)
        got = measures.auc(labels, scores)
        assert math.isnan(got) if expected is None else abs(got - expected) < 1e-12


def test_auc_of_equal_perfect_and_reversed_scores() -> None:
    labels = np.array([0, 0, 1, 1])
    assert measures.auc(labels, np.zeros(4)) == 0.5
    assert measures.auc(labels, np.arange(4)) == 1.0
    assert measures.auc(labels, -np.arange(4)) == 0.0


@pytest.mark.parametrize("positives", [1, 3, 10, 60])
@pytest.mark.parametrize("distance, truth", [(0.0, 0.5), (0.954, 0.75), (2.327, 0.95)])
def test_interval_covers_the_truth_as_often_as_it_says(
        positives: int,
        distance: float,
        truth: float,
) -> None:
    rng = np.random.default_rng(positives)
    labels = np.r_[np.ones(positives), np.zeros(300)]
    covered = 0
    for _ in range(200):
        low, high = measures.auc_interval(labels,
                                          rng.standard_normal(len(labels)) + distance * labels)
        covered += low <= truth <= high
    assert covered >= 180  # 95 % of 200 less three standard deviations


def test_interval_is_wider_where_rows_of_a_user_depend_on_each_other() -> None:
    rng = np.random.default_rng(0)
    covered = {True: 0, False: 0}
    for _ in range(200):
        users = np.repeat(np.arange(60), 20)
        liking = rng.standard_normal(60)[users]
        labels = (rng.random(len(users)) < 1 / (1 + np.exp(1 - liking * 2))).astype(float)
        scores = rng.standard_normal(60)[users] + 0.1 * rng.standard_normal(len(users))
        for with_users in (True, False):
            low, high = measures.auc_interval(labels, scores, users if with_users else None)
            covered[with_users] += low <= 0.5 <= high
    assert covered[True] >= 180 > 120 > covered[False]


def test_interval_with_perfect_order_is_not_a_point() -> None:
    low, high = measures.auc_interval(np.array([0, 0, 0, 1, 1]), np.arange(5))
    assert low < 0.7 and high == pytest.approx(1.0)


@pytest.mark.parametrize("ties", [False, True])
def test_gauc_is_the_weighted_mean_of_users_auc(ties: bool) -> None:
    for seed in range(20):
        labels, scores, users = draw(seed, 200, ties)
        areas = [(auc_by_pairs(labels[users == u], scores[users == u]), np.sum(users == u))
                 for u in np.unique(users)]
        mixed = [(area, rows) for area, rows in areas if area is not None]
        got, num_users = by_user.gauc(labels, scores, users)
        assert num_users == len(mixed)
        assert abs(got - np.average([a for a, _ in mixed], weights=[r for _, r in mixed])) < 1e-12


def test_gauc_without_a_user_of_both_classes() -> None:
    got, num_users = by_user.gauc(np.array([0, 1]), np.array([0.0, 1.0]), np.array([1, 2]))
    assert math.isnan(got) and num_users == 0


def test_log_loss_of_extreme_logits() -> None:
    labels, logits = np.array([0.0, 1.0, 1.0, 0.0]), np.array([-800.0, 800.0, -800.0, 2.0],
                                                              np.float32)
    assert measures.log_loss(labels, logits) == pytest.approx((800 + math.log1p(math.exp(2))) / 4)


def test_evaluate_against_definitions() -> None:
    labels, logits, users = draw(1, 500)
    result = measures.evaluate(labels, logits, users, by_user=True)
    p = 1 / (1 + np.exp(-logits.astype(np.float64)))
    assert result["rows"] == 500 and result["positives"] == labels.sum()
    assert result["auc"] == pytest.approx(auc_by_pairs(labels, logits), abs=1e-12)
    assert result["log_loss"] == pytest.approx(
        -np.mean(np.where(labels == 1, np.log(p), np.log(1 - p))))
    assert result["calibration"] == pytest.approx(p.mean() / labels.mean())
    assert result["accuracy"] == pytest.approx(np.mean((p > 0.5) == (labels == 1)))
    assert result["auc_low"] < result["auc"] < result["auc_high"]
    assert result["gauc"] == by_user.gauc(labels, logits, users)[0]


def test_evaluate_of_one_class_and_of_nothing() -> None:
    for labels in (np.zeros(5), np.ones(5), np.zeros(0)):
        result = measures.evaluate(labels, np.linspace(-1, 1, len(labels)), np.arange(len(labels)),
                                   by_user=True)
        assert math.isnan(result["auc"]) and math.isnan(result["auc_low"]) and math.isnan(
            result["gauc"])
        assert math.isnan(result["calibration"]) == (labels.sum() == 0)


@pytest.mark.parametrize("ties", [False, True])
def test_a_weight_counts_as_so_many_rows(ties: bool) -> None:
    for seed in range(10):
        labels, scores, users = draw(seed, 80, ties)
        weights = np.random.default_rng(seed).integers(0, 4, 80)
        rows = np.repeat(np.arange(80), weights)
        repeated = measures.evaluate(labels[rows], scores[rows], users[rows], by_user=True)
        weighted = measures.evaluate(labels, scores, users, by_user=True, weights=weights)
        for name in ("auc", "log_loss", "calibration", "accuracy", "gauc", "gauc_users"):
            assert weighted[name] == pytest.approx(repeated[name], rel=1e-12), name
        scaled = measures.evaluate(labels, scores, users, True, weights * 1e-3)
        assert scaled == pytest.approx(weighted, nan_ok=True)
        low, high = measures.auc_interval(labels, scores, weights=weights)
        independent = measures.auc_interval(labels[rows], scores[rows])
        assert low < independent.low < high > independent.high


def test_weights_of_nothing() -> None:
    for weights in (np.zeros(2), np.array([0.0, 1.0])):
        result = measures.evaluate(np.array([1.0, 0.0]), np.array([1.0, 2.0]), np.arange(2), True,
                                   weights)
        assert math.isnan(result["auc"]) and math.isnan(result["auc_high"])
        assert math.isnan(result["gauc"]) and math.isnan(result["calibration"])
        assert math.isnan(result["log_loss"]) != weights.any()


def test_rows_without_a_user_are_no_user() -> None:
    labels, scores, users = draw(1, 300)
    alone = np.arange(300) % 3 == 0
    nobody = np.where(alone, NO_USER, users)
    result = measures.evaluate(labels, scores, nobody, by_user=True)
    assert result["rows_without_user"] == 100
    left = by_user.gauc(labels[~alone], scores[~alone], users[~alone])
    assert (result["gauc"], result["gauc_users"]) == left
    own = measures.auc_interval(labels, scores, np.where(alone, 1000 + np.arange(300), users))
    assert (result["auc_low"], result["auc_high"]) == own
    as_one = measures.auc_interval(labels, scores, np.where(alone, 1000, users))
    assert as_one != own

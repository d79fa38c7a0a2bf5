import math
from typing import List

import numpy as np
import pytest

from common.metrics import measures, paired


def rows(seed: int, size: int = 2000) -> List[np.ndarray]:
    """Labels, scores that are worth something, and worse scores of the same rows."""
    rng = np.random.default_rng(seed)
    labels = (rng.random(size) < 0.3).astype(float)
    good = labels + rng.normal(0, 1, size)
    return [labels, good, good + rng.normal(0, 1, size)]


def test_the_loss_is_the_difference_of_both_aucs() -> None:
    labels, good, worse = rows(1)
    before, after = paired.scored(labels, good), paired.scored(labels, worse)
    lost = paired.loss(before, [after])
    assert lost.value == pytest.approx(measures.auc(labels, good) - measures.auc(labels, worse))
    assert lost.low < lost.value < lost.high
    assert before.influence.sum() == pytest.approx(0, abs=1e-9)


def test_equal_scores_lose_nothing_for_sure() -> None:
    labels, good, _ = rows(2)
    before = paired.scored(labels, good)
    assert paired.loss(before, 3 * [before]) == (0.0, 0.0, 0.0)


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    samples = [rows(seed) for seed in range(3, 303)]
    losses = []
    for labels, good, worse in samples:
        losses.append(paired.loss(paired.scored(labels, good), [paired.scored(labels, worse)]))
    truth = np.mean([lost.value for lost in losses])
    covered = np.mean([lost.low <= truth <= lost.high for lost in losses])
    assert 0.91 <= covered <= 0.985
    widths = np.mean([lost.high - lost.low for lost in losses])
    deviation = np.std([lost.value for lost in losses])
    assert widths == pytest.approx(2 * 1.96 * deviation, rel=0.12)


def test_draws_that_differ_widen_the_interval() -> None:
    labels, good, worse = rows(5)
    before, after = paired.scored(labels, good), paired.scored(labels, worse)
    others = [after._replace(auc=after.auc + shift) for shift in (-0.1, 0.1)]
    alike, apart = paired.loss(before, 2 * [after]), paired.loss(before, others)
    assert apart.value == pytest.approx(alike.value)
    assert apart.high - apart.low > 2 * 1.96 * 0.09


def test_rows_of_one_user_widen_the_interval() -> None:
    labels, good, worse = (np.repeat(values, 4) for values in rows(6, 500))
    before, after = paired.scored(labels, good), paired.scored(labels, worse)
    alone = paired.loss(before, [after])
    together = paired.loss(before, [after], np.repeat(np.arange(500), 4))
    assert together.high - together.low == pytest.approx(2 * (alone.high - alone.low))


def test_one_class_has_no_loss() -> None:
    one = paired.scored(np.zeros(5), np.arange(5.0))
    assert all(map(math.isnan, paired.loss(one, [one])))


def test_rows_count_by_their_weights() -> None:
    labels, good, worse = rows(7, 300)
    weights = np.random.default_rng(0).integers(1, 4, 300)
    repeated = [np.repeat(values, weights) for values in (labels, good, worse)]
    weighted = paired.loss(paired.scored(labels, good, weights.astype(float)),
                           [paired.scored(labels, worse, weights.astype(float))])
    of_all = paired.loss(paired.scored(*repeated[:2]), [paired.scored(repeated[0], repeated[2])])
    assert weighted.value == pytest.approx(of_all.value)

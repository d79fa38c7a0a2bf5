import math

import numpy as np
import pytest

from common.metrics import by_slice, measures
from common.metrics.collected import Collected, by_task


def test_each_slice_is_measured_as_rows_of_its_own() -> None:
    rng = np.random.default_rng(0)
    labels = (rng.random(900) < 0.3).astype(np.float32)
    logits = (rng.standard_normal(900) + labels - 1).astype(np.float32)
    users, codes = rng.integers(0, 50, 900), rng.integers(0, 3, 900)
    weights = rng.random(900).astype(np.float32)
    found = by_slice.measure(Collected(labels, logits, users, weights), codes, 4)
    for number in range(3):
        own = codes == number
        expected = measures.evaluate(labels[own], logits[own], users[own], weights=weights[own])
        for name in ("rows", "positives", "auc", "auc_low", "auc_high", "calibration"):
            assert found[number][name] == pytest.approx(expected[name]), name
        low, high = found[number]["calibration_low"], found[number]["calibration_high"]
        assert low < expected["calibration"] < high
    assert found[3]["rows"] == 0 and math.isnan(found[3]["auc"])


def test_codes_are_of_all_rows_where_a_task_counts_some() -> None:
    labels = np.array([0, 1, 1, 0], np.float32)
    logits = np.array([-1, 1, 2, 3], np.float32)
    chosen = np.array([True, False, True, True, False, True])
    rows = Collected(labels, logits, chosen=chosen)
    first, second = by_slice.measure(rows, np.array([0, 1, 0, 1, 1, 1]), 2)
    assert (first["rows"], first["positives"], first["auc"]) == (2, 1, 1.0)
    assert (second["rows"], second["positives"], second["auc"]) == (2, 1, 0.0)


def test_a_slice_of_one_class_has_no_auc() -> None:
    rows = Collected(np.zeros(5, np.float32), np.arange(5.0))
    found, = by_slice.measure(rows, np.zeros(5, np.int64), 1)
    assert (found["rows"], found["positives"]) == (5, 0)
    assert all(math.isnan(found[name]) for name in by_slice.NAMES[2:])


def test_names_of_an_evaluation_are_sorted_by_task() -> None:
    arrays = {"a/labels": np.ones(1), "a/logits": np.zeros(1), "b/c/labels": np.ones(2),
              "b/c/logits": np.zeros(2), "b/c/chosen": np.array([True, True])}
    found = by_task(arrays)
    assert list(found) == ["a", "b/c"] and found["a"].users is None
    assert found["b/c"].chosen.tolist() == [True, True]

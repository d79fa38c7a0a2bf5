import numpy as np

from common.config.schema import NO_USER
from common.metrics import measures, metrics_table


def test_an_auc_of_one_class_is_na_with_the_count() -> None:
    random = np.random.default_rng(1)
    labels = (random.random(100) < 0.3).astype(np.float32)
    scores = (random.standard_normal(100) + labels).astype(np.float32)
    users = random.integers(0, 20, 100)
    text = metrics_table.render({
        "click": measures.evaluate(labels, scores, users, by_user=True),
        "purchase": measures.evaluate(np.zeros(5), np.ones(5))})
    lines = text.splitlines()
    assert lines[0].split()[:4] == ["task", "rows", "positives", "AUC"]
    assert lines[1].startswith("click     100") and "[0." in lines[1]
    assert "n/a (0 positives)" in lines[2]


def test_rows_without_a_user_and_a_calibration_far_off_are_told() -> None:
    labels, scores = np.array([1.0, 0.0, 0.0, 1.0]), np.array([3.0, 3.0, 3.0, 3.0])
    text = metrics_table.render({"click": measures.evaluate(
        labels, scores, np.array([NO_USER, NO_USER, 1, 1]), by_user=True)})
    assert text.splitlines()[2] == ("2 rows have no user: GAUC leaves them out, and the interval "
                                    "takes each for a user's only one")
    labels[0] = 0
    text = metrics_table.render({"click": measures.evaluate(labels, scores)})
    assert text.splitlines()[2].startswith(
        "warning: click: the mean prediction is 3.81 times the mean label. Is this overfitting")
    well = metrics_table.render({"click": measures.evaluate(labels, scores - 4)})
    assert len(well.splitlines()) == 2

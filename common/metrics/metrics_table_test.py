import numpy as np

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

import math

import pytest

from common.callbacks.improvement import Improvement


@pytest.mark.parametrize("metric, better", [("click/auc", 0.8), ("click/log_loss", 0.2),
                                            ("a/b/gauc", 0.8)])
def test_better_is_what_the_metric_means(metric: str, better: float) -> None:
    improvement = Improvement(metric)
    assert improvement.update({metric: 0.5})
    assert not improvement.update({metric: 0.5})
    assert not improvement.update({metric: 1 - better})
    assert improvement.is_better({metric: better}) and improvement.best == 0.5
    assert improvement.update({metric: better}) and improvement.best == better


def test_what_does_not_exist_is_no_improvement() -> None:
    improvement = Improvement("click/auc")
    assert not improvement.update({"click/auc": math.nan}) and not improvement.update({})
    assert math.isnan(improvement.best) and improvement.update({"click/auc": 0.1})
    assert not improvement.update({"click/auc": math.nan}) and improvement.best == 0.1

"""Whole runs of the toy model that evaluate within training."""

import re
from typing import List

import pytest

from common.callbacks.evaluate_every import EvaluateEvery
from common.config.cluster import Cluster
from common.testing import toy
from common.testing.evaluations import evaluated_steps, evaluations, exports, settings_of
from common.testing.runs import make_run, train


@pytest.mark.slow
def test_evaluates_every_so_many_steps_and_the_last_one_once(
        tmp_path: object, capsys: pytest.CaptureFixture) -> None:
    metrics = train(tmp_path, steps=25, **settings_of(10))
    logged = re.findall(r"step (\d+): y/auc (0\.\d{4})\n", capsys.readouterr().err)
    assert [int(step) for step, _ in logged] == [10, 20]  # the last one is printed as a table
    assert evaluated_steps(tmp_path) == [10, 20, 25]
    lines = evaluations(tmp_path)
    assert float(logged[0][1]) == pytest.approx(lines[0].values["y/auc"], abs=1e-4)
    assert lines[-1].values["y/auc"] == pytest.approx(metrics["y"]["auc"])
    assert exports(tmp_path, "export") and exports(tmp_path, "export_best")
    again = train(tmp_path, steps=25, **settings_of(10))
    assert again == metrics
    assert evaluated_steps(tmp_path) == [10, 20, 25, 25]  # a finished run is evaluated anew


@pytest.mark.slow
def test_without_the_flag_only_the_last_checkpoint_is_evaluated(tmp_path: object) -> None:
    train(tmp_path, steps=20, save_steps=5)
    assert evaluated_steps(tmp_path) == [20] and not exports(tmp_path, "export_best")


@pytest.mark.slow
def test_training_is_the_same_with_evaluations_in_it(tmp_path: object) -> None:
    alone = train(tmp_path.joinpath("a"), toy.open_toy(tmp_path, *rows()), steps=20)
    within = train(tmp_path.joinpath("b"), toy.open_toy(tmp_path, *rows()), steps=20,
                   **settings_of(3))
    assert within == alone


def rows() -> List[toy.Rows]:
    return [toy.random_rows(1, 400), toy.random_rows(2, 50)]


@pytest.mark.parametrize("cluster_has_evaluator", [True, False])
def test_the_evaluator_evaluates_where_there_is_one(tmp_path: object,
                                                    cluster_has_evaluator: bool) -> None:
    jobs = {"chief": ["a:1"], "ps": ["b:1"]}
    if cluster_has_evaluator:
        jobs["evaluator"] = ["c:1"]
    run = make_run(tmp_path, cluster=Cluster(jobs, "chief", 0), **settings_of(5))
    assert bool(EvaluateEvery(run).listeners()) != cluster_has_evaluator

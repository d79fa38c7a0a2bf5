"""Runs of the toy model that evaluate within training, on a sample (--eval_rows)."""

import json
import os
from typing import Any, Dict, List, NamedTuple

import pytest

from common.callbacks import evaluation_log
from common.callbacks.validate_first import Validation
from common.testing import runs, toy
from common.testing.evaluations import evaluated_steps, evaluations, exports, folder_of, settings_of
from common.testing.events import points
from common.testing.runs import start_child, train

TEST_ROWS = 50
SAMPLED = 20


class Sampled(NamedTuple):
    """A run with --eval_rows, and its metrics."""

    folder: object
    metrics: Dict[str, Dict[str, float]]


@pytest.fixture(scope="module")
def sampled(tmp_path_factory: Any) -> Sampled:
    """A run that evaluates a sample at steps 10 and 20, and at its end, 25."""
    folder = tmp_path_factory.mktemp("sampled")
    return Sampled(folder, train(folder, steps=25, eval_rows=SAMPLED, **settings_of(10)))


def lines_of(folder: object, name: str = evaluation_log.FILE) -> List[Dict[str, Any]]:
    with open(os.path.join(folder_of(folder), name)) as file:
        return [json.loads(line) for line in file]


def events(folder: object, name: str) -> Dict[int, Dict[str, float]]:
    """The values of each step, which has one point."""
    found = points(os.path.join(folder_of(folder), name))
    steps = [step for step, _ in found]
    assert len(set(steps)) == len(steps)
    return dict(found)


@pytest.mark.slow
def test_evaluations_within_training_are_of_the_sample_and_the_last_one_of_all_too(
        sampled: Sampled) -> None:
    lines = lines_of(sampled.folder)
    counted = [(line["step"], line["eval_rows"], line["num_rows"]) for line in lines]
    assert counted == [(10, 20, 20), (20, 20, 20), (25, 20, 20), (25, 0, 50)]
    assert len({line["tasks"]["y"]["positives"] for line in lines[:3]}) == 1
    assert sampled.metrics["y"]["rows"] == TEST_ROWS
    assert sampled.metrics["y"]["auc"] == lines[3]["tasks"]["y"]["auc"]
    compared = evaluation_log.read(folder_of(sampled.folder), 25, lambda rows: False, SAMPLED)
    assert [line.values["y/rows"] for line in compared] == [20, 20, 20]
    assert [line.step for line in evaluations(sampled.folder)] == [25]
    assert exports(sampled.folder, "export_best")


@pytest.mark.slow
def test_each_evaluation_is_a_point_in_tensorboard(sampled: Sampled) -> None:
    lines = lines_of(sampled.folder)
    of_sample, of_all = events(sampled.folder, "eval_sample"), events(sampled.folder, "eval")
    assert sorted(of_sample) == [10, 20, 25] and sorted(of_all) == [25]
    for line, values in zip(lines, [*map(of_sample.get, (10, 20, 25)), of_all[25]]):
        for name, value in line["tasks"]["y"].items():
            assert values and values["y/" + name] == pytest.approx(value, rel=1e-6)
    assert {"y/auc", "y/auc_low", "y/auc_high", "y/log_loss", "loss"} <= set(of_all[25])


@pytest.mark.slow
def test_a_restart_leaves_one_point_at_each_step(sampled: Sampled) -> None:
    again = start_child(
        sampled.folder, secs=0.0, steps=25, eval_rows=SAMPLED, **settings_of(10))
    assert again.wait() == 0, again.output()
    assert evaluated_steps(sampled.folder)[4:] == [25, 25]
    assert sorted(events(sampled.folder, "eval_sample")) == [10, 20, 25]
    assert sorted(events(sampled.folder, "eval")) == [25]


@pytest.mark.slow
def test_a_sample_of_all_rows_is_no_sample(tmp_path: object) -> None:
    train(tmp_path, steps=10, eval_rows=TEST_ROWS, **settings_of(5))
    counted = [(line["step"], line["eval_rows"], line["num_rows"]) for line in lines_of(tmp_path)]
    assert counted == [(5, 50, 50), (10, 50, 50)]
    assert sorted(events(tmp_path, "eval")) == [5, 10]


@pytest.mark.slow
def test_new_rows_measure_on_a_sample_of_them(tmp_path: object) -> None:
    data = toy.open_toy(tmp_path, toy.random_rows(1, 160), runs.TEST)
    train(tmp_path, data, steps=0, epochs=1, evaluate=False, eval_rows=SAMPLED,
          settings=(Validation(True, "y/auc"),))
    line, = lines_of(tmp_path, "validation.jsonl")
    assert line["num_rows"] == line["tasks"]["y"]["rows"] == SAMPLED
    of_step = events(tmp_path, "eval_validation")[0]
    assert of_step["y/log_loss"] == pytest.approx(line["tasks"]["y"]["log_loss"])


@pytest.mark.slow
def test_the_evaluator_of_a_cluster_evaluates_the_sample_and_then_all(make_job: object) -> None:
    roles = {"chief": 1, "ps": 1, "evaluator": 1}
    job = make_job(roles, steps=60, secs=0.02, keep_checkpoint_max=10,  # type: ignore
                   eval_rows=SAMPLED, **settings_of(20, 9))
    job.start()
    assert set(job.last_statuses().values()) == {0}, job.logs()
    lines = lines_of(job.folder)
    assert [line["num_rows"] for line in lines[:-1]] == (len(lines) - 1) * [SAMPLED]
    assert (lines[-1]["step"], lines[-1]["num_rows"]) == (60, TEST_ROWS)
    assert sorted(events(job.folder, "eval")) == [60]
    of_sample = sorted(events(job.folder, "eval_sample"))
    assert of_sample == [line["step"] for line in lines[:-1]] and of_sample[-1] == 60
    assert job.metrics()["tasks"]["y"]["rows"] == TEST_ROWS

"""Early stopping: its patience alone, and runs that it ends."""

import os
from typing import List, Optional

import pytest
import tensorflow.compat.v1 as tf

from common.callbacks.early_stopping import EarlyStopping
from common.callbacks.evaluation_log import EvaluationLog
from common.checkpoint import early_end
from common.checkpoint.early_end import Rules
from common.testing import toy
from common.testing.evaluations import (
    METRIC, evaluated_steps, evaluation, evaluations, folder_of, settings_of)
from common.testing.runs import TEST, TRAIN, make_run, start_child, train, wait_for


class Trainer:
    """What callbacks ask of a trainer, without one."""

    def __init__(self) -> None:
        self.ended: Optional[int] = None

    def first_step(self) -> int:
        return 0

    def are_other_rows(self, text: str) -> bool:
        return text == "others"

    def end_early(self, step: int, reason: str, decided_by: Rules) -> None:
        self.ended = step
        assert decided_by["early_stop"] > 0
        assert "in a row without a better " in reason


def rules_of(patience: int) -> Rules:
    return {"early_stop": patience, "early_stop_metric": METRIC}


def test_the_rules_are_the_patience_and_its_metric(tmp_path: object) -> None:
    for patience, rules in ((2, rules_of(2)), (0, {})):
        run = make_run(tmp_path, **settings_of(1, patience))
        assert EarlyStopping(run).ends_early_by() == rules


@pytest.mark.parametrize("metric", [METRIC, "y/log_loss"])
@pytest.mark.parametrize("values, patience, ended",
                         [([0.6, 0.7, 0.7, 0.69], 2, 4), ([0.6, 0.5, 0.7, 0.6, 0.65], 2, 5),
                          ([0.6, 0.5, 0.4, 0.3], 0, None), ([float("nan"), float("nan")], 2, 2),
                          ([float("nan"), 0.5, float("nan"), 0.6, 0.7], 2, None)])
def test_patience(tmp_path: object, metric: str, values: List[float], patience: int,
                  ended: Optional[int]) -> None:
    stopping = EarlyStopping(
        make_run(tmp_path, **settings_of(1, patience, metric)))
    trainer = Trainer()
    stopping.attach(trainer)
    for step, value in enumerate(values, 1):
        if trainer.ended is None:
            stopping.evaluated(evaluation(step, value))
    assert trainer.ended == ended


def test_evaluations_of_an_earlier_pass_do_not_count(tmp_path: object) -> None:
    os.makedirs(folder_of(tmp_path))
    log = EvaluationLog(folder_of(tmp_path))
    log.evaluated(evaluation(0, 0.9)._replace(rows="others"))
    stopping, trainer = EarlyStopping(make_run(tmp_path, **settings_of(1, 1))), Trainer()
    stopping.attach(trainer)
    stopping.evaluated(evaluation(1, 0.9)._replace(rows="others"))
    stopping.evaluated(evaluation(2, 0.5))
    assert trainer.ended is None
    stopping.evaluated(evaluation(3, 0.4))
    assert trainer.ended == 3


def test_evaluations_of_other_rows_than_the_sample_do_not_count(tmp_path: object) -> None:
    os.makedirs(folder_of(tmp_path))
    log = EvaluationLog(folder_of(tmp_path))
    log.evaluated(evaluation(0, 0.9))  # of all rows
    stopping = EarlyStopping(make_run(tmp_path, eval_rows=20, **settings_of(1, 1)))
    trainer = Trainer()
    stopping.attach(trainer)
    stopping.evaluated(evaluation(1, 0.5)._replace(eval_rows=20))
    stopping.evaluated(evaluation(1, 0.4))
    assert trainer.ended is None
    stopping.evaluated(evaluation(2, 0.4)._replace(eval_rows=20))
    assert trainer.ended == 2


@pytest.mark.slow
def test_a_run_that_no_longer_improves_ends_early(tmp_path: object,
                                                  capsys: pytest.CaptureFixture) -> None:
    settings = dict(settings_of(10, 2), steps=400)
    metrics = train(tmp_path, **settings)
    steps = evaluated_steps(tmp_path)
    assert steps == list(range(10, steps[-1] + 1, 10)) and steps[-1] < 400
    printed = capsys.readouterr()
    assert "step {}: training ends early: 2 evaluations in a row".format(steps[-1]) in printed.err
    end = early_end.read(folder_of(tmp_path), rules_of(2))
    assert end and end.step == end.last_step == steps[-1]
    assert tf.train.load_variable(folder_of(tmp_path), "global_step") == steps[-1]
    values = [line.values[METRIC] for line in evaluations(tmp_path)]
    assert max(values[-2:]) <= max(values[:-2])
    assert metrics["y"]["auc"] == pytest.approx(values[-1])

    assert train(tmp_path, **settings) == metrics  # the same command finds nothing to train
    expected = "training ended early at step {}: 2 evaluations".format(steps[-1])
    assert expected in capsys.readouterr().out
    longer = dict(settings_of(10), steps=steps[-1] + 5)
    train(tmp_path, **longer)
    assert tf.train.load_variable(folder_of(tmp_path), "global_step") == steps[-1] + 5
    assert not os.path.exists(os.path.join(folder_of(tmp_path), early_end.FILE))


@pytest.mark.slow
def test_killed_and_started_again_it_counts_what_came_before(tmp_path: object) -> None:
    toy.open_toy(tmp_path, TRAIN, TEST)
    settings = dict(settings_of(10, 3), steps=400)
    undisturbed = tmp_path.joinpath("undisturbed")
    train(undisturbed, toy.open_toy(tmp_path, TRAIN, TEST), **settings)
    child = start_child(tmp_path, secs=0.01, **settings)
    wait_for(tmp_path, 25)
    child.kill()
    again = start_child(tmp_path, secs=0.0, **settings)
    assert again.wait() == 0, again.output()
    ends = [early_end.read(folder_of(folder), rules_of(3)) for folder in (undisturbed, tmp_path)]
    assert ends[0] == ends[1] and ends[0]


@pytest.mark.slow
def test_in_a_cluster_all_processes_end_early(make_job: object) -> None:
    roles = {"chief": 1, "worker": 1, "ps": 1, "evaluator": 1}
    # The evaluator may be slower than the checkpoints come, and none is to be gone before it reads.
    job = make_job(roles, steps=3000, secs=0.02, keep_checkpoint_max=150, **settings_of(20, 2))
    job.start()
    assert set(job.last_statuses().values()) == {0}, job.logs()
    step = job.metrics()["global_step"]
    assert step < 3000 and "training ends early" in job.log("evaluator-0")
    end = early_end.read(os.path.join(job.folder, "run"), rules_of(2))
    assert end and end.step <= end.last_step == step
    assert evaluated_steps(job.folder)[-1] == step

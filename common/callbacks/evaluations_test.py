"""Evaluation within training, and what listens to it, in whole runs of the toy model."""

import glob
import json
import os
from typing import Any, Dict, List, Optional

import pytest
import tensorflow.compat.v1 as tf

from common.callbacks import evaluation_log
from common.callbacks.early_stopping import EarlyStop, EarlyStopping
from common.callbacks.evaluate_every import EvalSteps, EvaluateEvery
from common.callbacks.improvement import StopMetric
from common.checkpoint import early_end
from common.testing import toy
from common.testing.runs import make_run, start_child, train, wait_for

METRIC = "y/auc"


def settings_of(eval_steps: int, patience: int = 0, metric: str = METRIC) -> Dict[str, Any]:
    """The fields of Run for evaluation within training."""
    return {"settings": (EvalSteps(eval_steps), EarlyStop(patience), StopMetric(metric))}


def folder_of(tmp_path: object) -> str:
    return os.path.join(str(tmp_path), "run")


def evaluated_steps(tmp_path: object) -> List[int]:
    with open(os.path.join(folder_of(tmp_path), evaluation_log.FILE)) as file:
        return [json.loads(line)["step"] for line in file]


def exports(tmp_path: object, name: str) -> List[str]:
    return sorted(glob.glob(os.path.join(folder_of(tmp_path), name, "*", "saved_model.pb")))


def test_evaluates_every_so_many_steps_and_the_last_one_once(tmp_path: object) -> None:
    metrics = train(tmp_path, steps=25, **settings_of(10))
    assert evaluated_steps(tmp_path) == [10, 20, 25]
    lines = evaluation_log.read(folder_of(tmp_path), 25)
    assert lines[-1].values["y/auc"] == pytest.approx(metrics["y"]["auc"])
    assert exports(tmp_path, "export") and exports(tmp_path, "export_best")
    again = train(tmp_path, steps=25, **settings_of(10))
    assert again == metrics
    assert evaluated_steps(tmp_path) == [10, 20, 25, 25]  # a finished run is evaluated anew


def test_without_the_flag_only_the_last_checkpoint_is_evaluated(tmp_path: object) -> None:
    train(tmp_path, steps=20, save_steps=5)
    assert evaluated_steps(tmp_path) == [20] and not exports(tmp_path, "export_best")


def test_training_is_the_same_with_evaluations_in_it(tmp_path: object) -> None:
    alone = train(tmp_path.joinpath("a"), toy.open_toy(tmp_path, *rows()), steps=20)
    within = train(tmp_path.joinpath("b"),
                   toy.open_toy(tmp_path, *rows()),
                   steps=20,
                   **settings_of(3))
    assert within == alone


def rows() -> List[toy.Rows]:
    return [toy.random_rows(1, 400), toy.random_rows(2, 50)]


class Trainer:
    """What callbacks ask of a trainer, without one."""

    is_chief = True

    def __init__(self) -> None:
        self.ended: Optional[int] = None

    def first_step(self) -> int:
        return 0

    def end_early(self, step: int, reason: str) -> None:
        self.ended = step
        assert "evaluations in a row without a better " in reason


def evaluation(step: int, value: float) -> object:
    from common.callbacks.callback import Evaluation
    return Evaluation(step, "model.ckpt", {METRIC: value, "y/log_loss": -value})


@pytest.mark.parametrize("metric", [METRIC, "y/log_loss"])
@pytest.mark.parametrize("values, patience, ended",
                         [([0.6, 0.7, 0.7, 0.69], 2, 4), ([0.6, 0.5, 0.7, 0.6, 0.65], 2, 5),
                          ([0.6, 0.5, 0.4, 0.3], 0, None),
                          ([float("nan"), float("nan")], 2, 2),
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


def test_a_run_that_no_longer_improves_ends_early(tmp_path: object,
                                                  capsys: pytest.CaptureFixture) -> None:
    settings = dict(settings_of(10, 2), steps=400)
    metrics = train(tmp_path, **settings)
    steps = evaluated_steps(tmp_path)
    assert steps == list(range(10, steps[-1] + 1, 10)) and steps[-1] < 400
    printed = capsys.readouterr()
    assert "step {}: training ends early: 2 evaluations in a row".format(steps[-1]) in printed.err
    end = early_end.read(folder_of(tmp_path), 2)
    assert end and end.step == end.last_step == steps[-1]
    assert tf.train.load_variable(folder_of(tmp_path), "global_step") == steps[-1]
    values = [line.values[METRIC] for line in evaluation_log.read(folder_of(tmp_path), 400)]
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
    toy.open_toy(tmp_path, *rows())
    settings = dict(settings_of(10, 3), steps=400)
    undisturbed = tmp_path.joinpath("undisturbed")
    train(undisturbed, toy.open_toy(tmp_path, *rows()), **settings)
    child = start_child(tmp_path, secs=0.01, **settings)
    wait_for(tmp_path, 25)
    child.kill()
    again = start_child(tmp_path, secs=0.0, **settings)
    assert again.wait() == 0, again.output()
    ends = [early_end.read(folder_of(folder), 3) for folder in (undisturbed, tmp_path)]
    assert ends[0] == ends[1] and ends[0]


def test_a_line_that_a_killed_process_began_is_left_out(tmp_path: object) -> None:
    log = evaluation_log.EvaluationLog(str(tmp_path))
    log.evaluated(evaluation(10, 0.5))
    with open(str(tmp_path.joinpath(evaluation_log.FILE)), "a") as file:
        file.write('{"step": 20, "ta')
    log.evaluated(evaluation(20, float("nan")))
    log.evaluated(evaluation(30, 0.7))
    lines = evaluation_log.read(str(tmp_path), 20)
    assert [line.step for line in lines] == [10, 20] and lines[0].values[METRIC] == 0.5
    assert lines[1].values[METRIC] != lines[1].values[METRIC]


def test_only_the_newest_best_exports_are_kept(tmp_path: object) -> None:
    from common.callbacks.best_export import FOLDER, BestExport

    class Exporting(Trainer):
        def export(self, folder: str, checkpoint: Optional[str] = None) -> None:
            number = len(os.listdir(folder)) if os.path.isdir(folder) else 0
            made.append(number)
            os.makedirs(os.path.join(folder, str(1000 + len(made))))

    made: List[int] = []
    best = BestExport(make_run(tmp_path, **settings_of(1)))
    best.attach(Exporting())
    for step in range(1, 9):
        best.evaluated(evaluation(step, 0.1 * step))
        best.evaluated(evaluation(step, 0.05 * step))  # no better: not exported
    assert len(made) == 8 and len(os.listdir(os.path.join(folder_of(tmp_path), FOLDER))) == 5


def test_a_best_checkpoint_that_was_removed_is_not_counted_as_exported(
        tmp_path: object, capsys: pytest.CaptureFixture) -> None:
    from common.callbacks.best_export import BestExport

    class Late(Trainer):
        def export(self, folder: str, checkpoint: Optional[str] = None) -> None:
            os.makedirs(folder, exist_ok=True)
            asked.append(checkpoint)
            if len(asked) == 1:
                raise tf.errors.NotFoundError(None, None, "no files")

    asked: List[Optional[str]] = []
    best = BestExport(make_run(tmp_path, **settings_of(1)))
    best.attach(Late())
    best.evaluated(evaluation(1, 0.9))
    printed = capsys.readouterr().err
    assert "step 1: the best so far, but the chief removed the checkpoint" in printed
    best.evaluated(evaluation(2, 0.8))  # the best of those that could be exported
    assert len(asked) == 2


@pytest.mark.parametrize("cluster_has_evaluator", [True, False])
def test_the_evaluator_evaluates_where_there_is_one(tmp_path: object,
                                                    cluster_has_evaluator: bool) -> None:
    from common.config.cluster import Cluster
    jobs = {"chief": ["a:1"], "ps": ["b:1"]}
    if cluster_has_evaluator:
        jobs["evaluator"] = ["c:1"]
    run = make_run(tmp_path, cluster=Cluster(jobs, "chief", 0), **settings_of(5))
    assert bool(EvaluateEvery(run).listeners()) != cluster_has_evaluator


@pytest.mark.slow
def test_in_a_cluster_all_processes_end_early(make_job: object) -> None:
    roles = {"chief": 1, "worker": 1, "ps": 1, "evaluator": 1}
    job = make_job(roles, steps=3000, secs=0.02, **settings_of(20, 2))
    job.start()
    assert set(job.last_statuses().values()) == {0}, job.logs()
    step = job.metrics()["global_step"]
    assert step < 3000 and "training ends early" in job.log("evaluator-0")
    end = early_end.read(os.path.join(job.folder, "run"), 2)
    assert end and end.step <= end.last_step == step
    assert evaluated_steps(job.folder)[-1] == step

"""What a trainer says of an early end, without training: whose rows it was decided by."""

import json
import os
from typing import Any

import pytest

from common.callbacks.early_stopping import EarlyStop
from common.checkpoint import early_end
from common.config.cluster import Cluster
from common.pipeline import source
from common.pipeline.source import Data
from common.testing import toy
from common.testing.evaluations import METRIC, folder_of, settings_of
from common.testing.runs import TEST, TRAIN, Params, make_run, model_fn, train
from common.trainer import Trainer

RULES = {"early_stop": 2, "early_stop_metric": METRIC}
JOBS = {"chief": ["a:1"], "worker": ["b:1"], "ps": ["c:1"], "evaluator": ["d:1"]}


def trainer_of(folder: object, data: Data, role: str = "chief", **fields: Any) -> Trainer:
    """A process of a cluster of a run with --early_stop 2, which is not started."""
    cluster = Cluster(JOBS, role, 0)
    run = make_run(folder, cluster=cluster, **settings_of(5, 2), **fields)
    return Trainer(run, data, model_fn, Params())


def copied(folder: object, data: Data) -> Data:
    """The same rows in a copy, whose times are those of copying."""
    os.makedirs(str(folder), exist_ok=True)
    path = toy.open_toy(folder, TRAIN, TEST).train.paths[0]
    status = os.stat(data.train.paths[0])
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 5_000_000_000))
    return source.open_data(str(folder), toy.SCHEMA, False, 0, False)


@pytest.fixture
def data(tmp_path: object) -> Data:
    """The rows of a run that has a checkpoint of step 2."""
    data = toy.open_toy(tmp_path, TRAIN, TEST)
    train(tmp_path, data, steps=2, evaluate=False)
    return data


@pytest.mark.slow
@pytest.mark.parametrize("workqueue", [False, True])
@pytest.mark.parametrize("role", ["worker", "evaluator", "chief"])
def test_an_end_by_a_process_with_its_own_copy_of_the_rows_ends_all(
        tmp_path: object, data: Data, role: str, workqueue: bool) -> None:
    copy = copied(tmp_path.joinpath("copy"), data)
    decides = trainer_of(
        tmp_path, data if role == "chief" else copy, role, workqueue=workqueue)
    decides.end_early(2, "a reason", RULES)
    assert decides.has_ended_early
    for other in ("chief", "worker", "ps", "evaluator"):
        rows = data if other == "chief" else copy
        end = trainer_of(tmp_path, rows, other, workqueue=workqueue).ended_early()
        assert end and end.reason == "a reason"


@pytest.mark.slow
def test_an_end_of_other_rows_ends_nothing(tmp_path: object, data: Data) -> None:
    trainer_of(tmp_path, data).end_early(2, "a reason", RULES)
    assert trainer_of(tmp_path, data).ended_early()
    os.mkdir(str(tmp_path.joinpath("others")))
    others = toy.open_toy(tmp_path.joinpath("others"), toy.random_rows(5, 300), TEST)
    for role in ("chief", "worker", "evaluator"):
        assert trainer_of(tmp_path, others, role).ended_early() is None
    anew = copied(tmp_path.joinpath("anew"), data)  # which only the chief can tell from a copy
    assert trainer_of(tmp_path, anew).ended_early() is None
    path = os.path.join(folder_of(tmp_path), early_end.FILE)
    with open(path) as file:
        of_earlier_version = dict(json.load(file), rows="")
    with open(path, "w") as file:
        json.dump(of_earlier_version, file)
    assert trainer_of(tmp_path, others).ended_early()


@pytest.mark.slow
def test_an_end_is_refused_that_no_callback_heeds(tmp_path: object, data: Data) -> None:
    trainer = trainer_of(tmp_path, data)
    with pytest.raises(ValueError, match="decided_by must be among what callbacks return from"):
        trainer.end_early(2, "a reason", {"max_hours": 2})
    assert EarlyStop(2) in trainer.run.settings and not trainer.has_ended_early

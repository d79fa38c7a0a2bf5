"""Which rows a run trains when it is started again otherwise than before."""

import json
import os
from typing import Any, Dict, List
from unittest import mock

import pytest
import tensorflow.compat.v1 as tf

from common import rows as rows_module
from common import runner
from common.config.toggles import Toggles
from common.errors import BadInput, Lost
from common.formats import files
from common.pipeline import position, position_graph
from common.pipeline.identity import Rows
from common.pipeline.row_order import Leg
from common.pipeline.source import Data
from common.testing import many_files, runs, toy
from common.testing.runs import TEST, TRAIN, Params, make_run, rows_by_step, train

EPOCH = list(range(400))
OTHERS = toy.random_rows(5, 300)


def train_rows(folder: object, data: Data, **fields: Any) -> List[int]:
    """Trains and returns the rows of all steps so far, in the order of the steps."""
    params = Params(os.path.join(str(folder), "log"))
    fields.setdefault("evaluate", False)
    train(folder, data, params, **fields)
    return sum(rows_by_step(folder), [])


def saved_place(folder: object) -> position_graph.Saved:
    path = tf.train.latest_checkpoint(os.path.join(str(folder), "run"))
    return position_graph.read_saved(path)


@pytest.fixture
def data(tmp_path: object) -> Data:
    return toy.open_toy(tmp_path, TRAIN, TEST)


@pytest.mark.slow
def test_another_batch_size_trains_the_rows_that_are_left(tmp_path: object, data: Data) -> None:
    train_rows(tmp_path, data, steps=10, batch_size=16)
    rows = train_rows(tmp_path, data, steps=0, epochs=2, batch_size=64)
    assert sorted(rows[:400]) == EPOCH and sorted(rows[400:]) == EPOCH
    assert [len(batch) for batch in rows_by_step(tmp_path)] == 10 * [16] + 10 * [64]
    assert saved_place(tmp_path).step == 20


@pytest.mark.slow
def test_a_smaller_batch_reads_no_row_twice(tmp_path: object, data: Data) -> None:
    train_rows(tmp_path, data, steps=3, batch_size=64)
    rows = train_rows(tmp_path, data, steps=16, batch_size=16)
    assert sorted(rows) == EPOCH
    assert saved_place(tmp_path).trained == (400,)


@pytest.mark.slow
def test_steps_or_epochs_whichever_ends_first(tmp_path: object, data: Data,
                                              capsys: pytest.CaptureFixture) -> None:
    rows = train_rows(tmp_path, data, steps=20, epochs=1)
    assert len(rows) == 320
    printed = capsys.readouterr().out
    assert "steps             20 of 16 rows, 0.80 of at most 1 epoch" in printed
    assert "0.80 of 1 epoch read: --steps 20 is reached before the last row" in printed
    assert sorted(train_rows(tmp_path, data, steps=99, epochs=1)) == EPOCH
    printed = capsys.readouterr().out
    assert "79 of 16 rows, from step 20 to 99, 1.00 of at most 1 epoch" in printed
    assert saved_place(tmp_path).step == 25 and "epochs read" not in printed
    assert len(train_rows(tmp_path, data, steps=99, epochs=1)) == 400
    assert "the newest checkpoint has step 25: nothing to train" in capsys.readouterr().out
    assert sorted(train_rows(tmp_path, data, steps=99, epochs=2)[400:]) == EPOCH
    capsys.readouterr()
    train_rows(tmp_path, data, steps=55)
    assert "2.20 epochs read" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("workqueue", [False, True])
def test_other_rows_are_read_from_the_first_as_a_new_pass(
        tmp_path: object, data: Data, workqueue: bool, capsys: pytest.CaptureFixture) -> None:
    train_rows(tmp_path, data, steps=20, workqueue=workqueue)
    assert "other rows" not in capsys.readouterr().out
    others = toy.open_toy(tmp_path, OTHERS, TEST)
    rows = train_rows(tmp_path, others, steps=30, workqueue=workqueue)[320:]
    printed = capsys.readouterr().out
    assert "the checkpoint of step 20 was trained with other rows (1 file of " in printed
    assert "the new ones are read from their first, as a new pass" in printed
    rows = train_rows(tmp_path, others, steps=0, epochs=2, workqueue=workqueue)[320:]
    assert "new pass" not in capsys.readouterr().out
    assert sorted(rows) == sorted(2 * list(range(300)))
    assert saved_place(tmp_path).step == 20 + 38
    again = toy.open_toy(tmp_path, TRAIN, TEST)  # written anew, so neither those of now nor before
    rows = train_rows(tmp_path, again, steps=0, epochs=1, workqueue=workqueue)[320 + 600:]
    assert sorted(rows) == EPOCH and saved_place(tmp_path).step == 20 + 38 + 25


@pytest.mark.slow
def test_with_steps_alone_no_rows_are_counted(tmp_path: object, monkeypatch: pytest.MonkeyPatch,
                                              capsys: pytest.CaptureFixture) -> None:
    sizes = 60 * [40]
    paths = many_files.write_files(tmp_path, sizes, "c")
    monkeypatch.setattr(files, "_COUNTED_BYTES", 0)
    monkeypatch.setattr(files.Files, "count", mock.Mock(side_effect=AssertionError("counted")))
    opened = many_files.open_files(tmp_path, paths)
    train_rows(tmp_path, opened, steps=5)
    rows = train_rows(tmp_path, opened, steps=40, batch_size=8)
    assert "steps             35 of 8 rows, from step 5 to 40\n" in capsys.readouterr().out
    assert len(rows) == len(set(rows)) == 80 + 280
    with pytest.raises(AssertionError, match="counted"):
        train_rows(tmp_path, opened, steps=0, epochs=1)


@pytest.mark.slow
def test_other_rows_are_said_where_the_steps_leave_none_for_them(
        tmp_path: object, data: Data, capsys: pytest.CaptureFixture) -> None:
    train_rows(tmp_path, data, steps=20)
    capsys.readouterr()
    train_rows(tmp_path, toy.open_toy(tmp_path, OTHERS, TEST), steps=20, epochs=3)
    printed = capsys.readouterr().out
    assert "step 20: nothing to train" in printed
    assert "none of these rows was trained: give a higher --steps to read them" in printed
    assert "0.00 of 3 epochs read: --steps 20 is reached" in printed


@pytest.mark.slow
def test_another_seed_reads_the_rest_of_the_epoch_first(tmp_path: object, data: Data,
                                                        capsys: pytest.CaptureFixture) -> None:
    train_rows(tmp_path, data, steps=30)
    capsys.readouterr()
    train_rows(tmp_path, data, steps=40, seed=9)
    assert ("another order of rows: what is left of the epochs begun, 320 rows, is read first"
            in capsys.readouterr().out)
    rows = train_rows(tmp_path, data, steps=0, epochs=3, seed=9, batch_size=50)
    epochs = [rows[:400], rows[400:800], rows[800:]]
    assert [sorted(epoch) for epoch in epochs] == 3 * [EPOCH]
    assert epochs[1] != epochs[2]


@pytest.mark.slow
def test_a_checkpoint_of_an_earlier_version_resumes_behind_the_rows_of_its_steps(
        tmp_path: object, data: Data, monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(position_graph.tf, "add_to_collection", lambda name, value: None)
        train_rows(tmp_path, data, steps=10)
    assert saved_place(tmp_path).plan is None
    capsys.readouterr()
    rows = train_rows(tmp_path, data, steps=0, epochs=1, batch_size=16)
    assert sorted(rows) == EPOCH
    assert ("the checkpoint of step 10 does not say which rows were trained, as an earlier version "
            "saved it: each trainer resumes behind 160 rows, 16 for each of its steps"
            in capsys.readouterr().out)


@pytest.mark.slow
def test_the_work_queue_and_parts_of_the_files_count_each_others_rows(
        tmp_path: object, data: Data, capsys: pytest.CaptureFixture) -> None:
    train_rows(tmp_path, data, steps=10)
    capsys.readouterr()
    rows = train_rows(tmp_path, data, steps=0, epochs=1, workqueue=True, batch_size=60)
    assert "was trained without --workqueue: training resumes behind 160 rows" in \
        capsys.readouterr().out
    assert len(rows) == 400
    saved = saved_place(tmp_path)
    assert (saved.queue_trained, saved.rows_trained) == (400, 400)
    rows = train_rows(tmp_path, data, steps=0, epochs=2, batch_size=60)
    assert "was trained with --workqueue: training resumes behind 400 rows" in \
        capsys.readouterr().out
    assert sorted(rows[400:]) == EPOCH


@pytest.mark.parametrize("change, error, message", [
    (dict(legs=((Leg(0, high=7),),)), Lost, "the chief began at another checkpoint than this "),
    (dict(legs=((), ())), BadInput, "this process was started for 1 trainers, and its chief for 2"),
    (dict(rows=Rows(1, 5, "others", "")), BadInput, "this process reads other rows than its chief"),
])
def test_errors_of_the_plan_with_tf_keep_their_type(
        tmp_path: object, data: Data, change: Dict[str, Any], error: type, message: str) -> None:
    part = rows_module.FilePart(make_run(tmp_path, toggles=Toggles(tf=True)), data, None)
    with tf.Graph().as_default(), tf.Session() as session:
        tf.train.create_global_step()
        iterator = tf.data.make_initializable_iterator(part.input_fn()())
        session.run(tf.global_variables_initializer())
        plan = position.resume(None, part.reading).plan._replace(**change)
        session.run(part._position.plan.assign(plan.to_json()))
        session.run(part._position.trained.initializer)
        with pytest.raises(tf.errors.OpError):
            session.run([iterator.initializer, tf.tables_initializer()])
            session.run(iterator.get_next())
    assert type(part.error) is error
    assert str(part.error).startswith(message)


def contents(folder: object) -> Dict[str, str]:
    """What the files have that tell of a run."""
    texts = {}
    for name in ("config.json", "metrics.json"):
        with open(os.path.join(str(folder), "run", name)) as file:
            texts[name] = file.read()
    return texts


@pytest.mark.slow
@pytest.mark.parametrize("steps", [20, 30])
def test_a_refused_run_leaves_what_tells_of_the_one_before(tmp_path: object, data: Data,
                                                           steps: int) -> None:
    train(tmp_path, data, steps=20)
    before = contents(tmp_path)

    def model_fn(*args: Any) -> tf.estimator.EstimatorSpec:
        tf.get_variable("more", [3])
        return runs.model_fn(*args)

    with pytest.raises(BadInput, match=r"lacks \d+ of \d+ variables, such as more"):
        runner.train_and_evaluate(make_run(tmp_path, steps=steps), data, model_fn, Params(), ["y"])
    assert contents(tmp_path) == before
    train(tmp_path, data, steps=30)
    after = contents(tmp_path)
    assert json.loads(after["config.json"])["run"]["steps"] == 30
    assert json.loads(after["metrics.json"])["global_step"] == 30

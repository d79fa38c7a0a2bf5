from typing import Any, Dict, List

import pytest
import tensorflow.compat.v1 as tf

from common.callbacks.trained_rows import TrainedRows
from common.config.cluster import Cluster
from common.errors import Lost, NeverCame
from common.process import waiting
from common.testing.jobs import cluster_of
from common.testing.runs import make_run
from common.testing.steps import FakeTrainer


class Counter:
    """Counts rows in a variable; what is left of them comes from a list, the last for ever.

    Args:
      left: of each trainer, each time it is asked for.
    """

    def __init__(self, left: List[List[int]]) -> None:
        self._left = left

    def count(self, step: tf.Operation, rows: tf.Tensor) -> tf.Operation:
        with tf.control_dependencies([step]):
            return tf.assign_add(tf.get_variable("rows", [], tf.int32), rows).op

    def rows_left(self, session: tf.Session) -> List[int]:
        return self._left.pop(0) if len(self._left) > 1 else self._left[0]


class Signals:
    """Whether a signal came."""

    received = None


@pytest.fixture(autouse=True)
def all_are_there(monkeypatch: pytest.MonkeyPatch) -> Dict[str, bool]:
    """Who can be reached: everybody, unless a test says otherwise. Nobody is waited for long."""
    reachable = {"all": True}
    monkeypatch.setattr(waiting, "_POLL_SECS", 0.01)
    monkeypatch.setattr(waiting, "is_reachable", lambda address, secs=0: reachable["all"])
    return reachable


def trainer_of(folder: object, cluster: Cluster, **attributes: Any) -> FakeTrainer:
    run = make_run(folder, steps=0, epochs=1, cluster=cluster, wait_secs=0.2)
    usual = dict(run=run, signals=Signals(), max_steps=None, ended_early=lambda: None,
                 is_over=lambda: False)
    return FakeTrainer(**dict(usual, **attributes))


def end_session(trainer: FakeTrainer, left: List[List[int]]) -> List[tuple]:
    """Ends the session of a trainer; returns what its callback asked of it."""
    callback = TrainedRows(trainer.run, Counter(left))
    callback.attach(trainer)
    with tf.Graph().as_default(), tf.Session() as session:
        session.run(tf.train.get_or_create_global_step().initializer)
        spec = tf.estimator.EstimatorSpec(
            tf.estimator.ModeKeys.TRAIN, loss=tf.constant(1.0), train_op=tf.no_op())
        hook, = callback.hooks(spec)
        hook.end(session)
    return trainer.calls


def test_each_step_counts_the_rows_of_its_batch(tmp_path: object) -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        callback = TrainedRows(make_run(tmp_path), Counter([[0]]))
        labels = {"y": tf.zeros([7])}
        assert callback.batch({}, labels, "train") == ({}, labels)
        spec = tf.estimator.EstimatorSpec(
            tf.estimator.ModeKeys.TRAIN, loss=tf.constant(1.0), train_op=tf.no_op())
        changed = callback.change(spec, {}, tf.estimator.ModeKeys.TRAIN)
        assert callback.change(spec, {}, tf.estimator.ModeKeys.EVAL) is spec
        session.run(tf.global_variables_initializer())
        before = session.run("rows:0")
        session.run(changed.train_op)
        assert session.run("rows:0") == before + 7


def test_only_several_trainers_that_read_epochs_wait_for_each_other(tmp_path: object) -> None:
    with tf.Graph().as_default():
        for fields in (dict(), dict(epochs=2), dict(cluster=cluster_of(2)),
                       dict(epochs=2, cluster=cluster_of(1))):
            callback = TrainedRows(make_run(tmp_path, **fields), Counter([[0]]))
            assert callback.hooks(None) == []
        run = make_run(tmp_path, epochs=2, cluster=cluster_of(2))
        assert TrainedRows(run, None).hooks(None) == []


def test_the_chief_waits_until_the_others_have_read_their_rows(
        tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    left = [[0, 0, 5], [0, 0, 5], [0, 0, 3], [0, 0, 0]]
    calls = end_session(trainer_of(tmp_path, cluster_of(3)), left)
    assert left == [[0, 0, 0]]
    # Nobody takes the wait for a step that does not end.
    assert calls[0] == ("tell_saving", True) and calls[-1] == ("tell_saving", False)


def test_a_trainer_that_is_gone_with_rows_left_is_named(
        tmp_path: object, all_are_there: Dict[str, bool]) -> None:
    all_are_there["all"] = False
    with pytest.raises(NeverCame, match=r"for worker-1 \(w:1\) to read 1,234 more rows. See why"):
        end_session(trainer_of(tmp_path, cluster_of(3)), [[0, 0, 1234]])


@pytest.mark.parametrize("attributes", [
    dict(max_steps=0), dict(ended_early=lambda: "an end"),
    dict(signals=type("Received", (), {"received": 15}))])
def test_another_end_is_not_waited_for(tmp_path: object, attributes: Dict[str, Any]) -> None:
    assert end_session(trainer_of(tmp_path, cluster_of(2), **attributes), [[0, 9]]) == []


def test_rows_of_its_own_that_are_left_mean_another_end(tmp_path: object) -> None:
    assert end_session(trainer_of(tmp_path, cluster_of(2)), [[3, 9]]) == []


def test_a_trainer_that_was_set_back_is_started_again(tmp_path: object) -> None:
    with pytest.raises(Lost, match="chief-0 was set back to a checkpoint at the end of its rows"):
        end_session(trainer_of(tmp_path, cluster_of(2)), [[0, 9], [200, 200]])


def save_checkpoint(trainer: FakeTrainer) -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        session.run(tf.train.get_or_create_global_step().initializer)
        tf.train.Saver().save(session, trainer.run.checkpoint_dir + "/model.ckpt", 0)


def test_a_worker_stays_until_the_last_checkpoint_is_saved(
        tmp_path: object, all_are_there: Dict[str, bool]) -> None:
    worker = cluster_of(2)._replace(role="worker")
    over = [False, False, True]
    trainer = trainer_of(tmp_path, worker, is_over=lambda: over.pop(0))
    save_checkpoint(trainer)
    end_session(trainer, [[0, 0]])
    assert over == []
    all_are_there["all"] = False
    with pytest.raises(Lost, match="worker-0 lost chief-0 before the last checkpoint was saved"):
        end_session(trainer_of(tmp_path, worker), [[0, 0]])


def test_a_worker_whose_folder_is_not_the_chiefs_does_not_wait_for_a_checkpoint(
        tmp_path: object) -> None:
    worker = cluster_of(2)._replace(role="worker")
    end_session(trainer_of(tmp_path, worker), [[0, 0]])

"""A run that a rule ends early: the callback alone, and whole runs with a rule made up here."""

import os

import pytest
import tensorflow.compat.v1 as tf

from common import trainer
from common.callbacks import callback as callback_module
from common.callbacks.callback import Callback, Evaluation
from common.callbacks.ending import EndEarly
from common.checkpoint import early_end, newest
from common.checkpoint.early_end import EarlyEnd, Rules
from common.testing.evaluations import folder_of, settings_of
from common.testing.runs import make_run, train
from common.testing.steps import FakeTrainer, train_with

RULES: Rules = {"early_stop": 2}
END = EarlyEnd(3, "a reason", RULES)


def callback_of(tmp_path: object, rules: Rules, is_chief: bool = True) -> EndEarly:
    run = make_run(tmp_path)
    callback = EndEarly(run)
    callback.attach(FakeTrainer(
        is_chief=is_chief, has_ended_early=False,
        ended_early=lambda: early_end.read(run.checkpoint_dir, rules)))
    return callback


def test_a_word_of_another_process_ends_training(tmp_path: object) -> None:
    early_end.write(folder_of(tmp_path), END)
    assert train_with(callback_of(tmp_path, RULES), [0.5] * 50, {}) == 1


def test_what_no_rule_of_this_run_decided_does_not_end_training(tmp_path: object) -> None:
    early_end.write(folder_of(tmp_path), END)
    assert train_with(callback_of(tmp_path, {"max_hours": 2}), [0.5] * 5, {}) == 5


@pytest.mark.parametrize("patience, is_chief, stays", [(2, True, True), (3, True, False),
                                                       (0, True, False), (3, False, True)])
def test_the_chief_takes_back_what_another_patience_decided(tmp_path: object, patience: int,
                                                            is_chief: bool, stays: bool) -> None:
    early_end.write(folder_of(tmp_path), END)
    callback = callback_of(tmp_path, {"early_stop": patience}, is_chief)
    assert os.path.exists(os.path.join(folder_of(tmp_path), early_end.FILE))  # may be refused yet
    with callback.around():
        pass
    assert os.path.exists(os.path.join(folder_of(tmp_path), early_end.FILE)) == stays


@pytest.mark.parametrize("is_chief, last_step", [(True, 4), (False, None)])
def test_the_chief_notes_the_last_checkpoint(tmp_path: object, is_chief: bool,
                                             last_step: int) -> None:
    early_end.write(folder_of(tmp_path), END)
    with tf.Graph().as_default(), tf.Session() as session:
        step = tf.train.get_or_create_global_step()
        session.run(step.assign(4))
        tf.train.Saver().save(session, os.path.join(folder_of(tmp_path), "model.ckpt"), 4)
    callback_of(tmp_path, RULES, is_chief).close()
    end = early_end.read(folder_of(tmp_path), RULES)
    assert end == END._replace(last_step=last_step)


class StopAt(Callback):
    """Ends a run at the first evaluation from a step on; a rule that no flag of ours knows.

    Args:
      named: whether it says by which flags it ends a run.
    """

    def __init__(self, step: int, named: bool = True) -> None:
        self._step, self._named = step, named

    def attach(self, trainer: callback_module.Trainer) -> None:
        self._trainer = trainer

    def ends_early_by(self) -> Rules:
        return {"stop_at": self._step} if self._named else {}

    def evaluated(self, evaluation: Evaluation) -> None:
        if evaluation.step >= self._step:
            self._trainer.end_early(evaluation.step, "it is late", {"stop_at": self._step})


@pytest.fixture
def train_with_rule(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> object:
    """Trains with a rule among the callbacks; returns the step of the newest checkpoint."""
    callbacks_of = trainer.callbacks_of

    def run(rule: Callback) -> int:
        monkeypatch.setattr(trainer, "callbacks_of", lambda *args: [*callbacks_of(*args), rule])
        train(tmp_path, steps=60, **settings_of(10))
        return newest.checkpoint_step(folder_of(tmp_path))

    return run


@pytest.mark.slow
def test_a_rule_of_any_callback_ends_a_run_until_its_flag_changes(
        train_with_rule: object, tmp_path: object, capsys: pytest.CaptureFixture) -> None:
    assert train_with_rule(StopAt(20)) == 20
    end = early_end.read(folder_of(tmp_path), {"stop_at": 20})
    rows = end.rows
    assert end == EarlyEnd(20, "it is late", {"stop_at": 20}, last_step=20, rows=rows) and rows
    assert "step 20: training ends early: it is late" in capsys.readouterr().err
    assert train_with_rule(StopAt(20)) == 20
    said = "training ended early at step 20: it is late. Give another --stop_at to resume"
    assert said in capsys.readouterr().out
    assert train_with_rule(StopAt(40)) == 40


@pytest.mark.slow
def test_a_rule_that_no_callback_names_is_refused(train_with_rule: object) -> None:
    with pytest.raises(ValueError, match=r"decided_by must be among what callbacks return from "
                       r"ends_early_by\(\), {}. Got: {'stop_at': 10}."):
        train_with_rule(StopAt(10, named=False))

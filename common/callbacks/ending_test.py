import os

import pytest
import tensorflow.compat.v1 as tf

from common.callbacks.early_stopping import EarlyStop
from common.callbacks.ending import EndEarly
from common.checkpoint import early_end
from common.checkpoint.early_end import EarlyEnd
from common.testing.runs import make_run
from common.testing.steps import FakeTrainer, train_with

END = EarlyEnd(3, "a reason", patience=2)


def callback_of(tmp_path: object, patience: int, is_chief: bool = True) -> EndEarly:
    run = make_run(tmp_path, settings=(EarlyStop(patience),))
    callback = EndEarly(run)
    callback.attach(FakeTrainer(
        is_chief=is_chief, has_ended_early=False,
        ended_early=lambda: early_end.read(run.checkpoint_dir, patience)))
    return callback


def folder_of(tmp_path: object) -> str:
    return os.path.join(str(tmp_path), "run")


def test_a_word_of_another_process_ends_training(tmp_path: object) -> None:
    callback = callback_of(tmp_path, 2)
    early_end.write(folder_of(tmp_path), END)
    assert train_with(callback, [0.5] * 50, {}) == 1


def test_without_patience_nobody_looks(tmp_path: object) -> None:
    early_end.write(folder_of(tmp_path), END)
    assert train_with(callback_of(tmp_path, 0), [0.5] * 5, {}) == 5


@pytest.mark.parametrize("patience, is_chief, stays", [(2, True, True), (3, True, False),
                                                       (0, True, False), (3, False, True)])
def test_the_chief_takes_back_what_another_patience_decided(tmp_path: object, patience: int,
                                                            is_chief: bool, stays: bool) -> None:
    early_end.write(folder_of(tmp_path), END)
    callback = callback_of(tmp_path, patience, is_chief)
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
    callback_of(tmp_path, 2, is_chief).close()
    end = early_end.read(folder_of(tmp_path), 2)
    assert end == END._replace(last_step=last_step)

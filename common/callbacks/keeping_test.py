import pytest
import tensorflow.compat.v1 as tf

from common.callbacks.keeping import Increments, Keeping, first_step, increments_of
from common.checkpoint.increments import IncrementSaver
from common.checkpoint.saver import Saver
from common.deeprec import symbols as deeprec
from common.optimizers.train_step import Training, train_spec
from common.testing.runs import make_run
from common.testing.steps import FakeTrainer

MODES = tf.estimator.ModeKeys


def spec_of_a_step() -> tf.estimator.EstimatorSpec:
    weight = tf.get_variable("weight", [])
    return train_spec(lambda features, labels: tf.square(weight), {}, {}, Training("adagrad", 0.1))


@pytest.mark.parametrize("secs, has_deeprec, who", [
    (0, True, Increments.NOBODY), (5, False, Increments.OURS), (5, True, Increments.DEEPREC)])
def test_who_saves_increments(tmp_path: object, monkeypatch: pytest.MonkeyPatch, secs: int,
                              has_deeprec: bool, who: Increments) -> None:
    monkeypatch.setattr(deeprec, "has", lambda feature: has_deeprec)
    assert increments_of(make_run(tmp_path, incremental_ckpt=secs)) is who


@pytest.mark.parametrize("secs", [0, 60])
def test_the_savers_of_each_mode(tmp_path: object, secs: int) -> None:
    keeping = Keeping(make_run(tmp_path, incremental_ckpt=secs))
    with tf.Graph().as_default():
        tf.train.get_or_create_global_step()
        spec = keeping.change(spec_of_a_step(), {}, MODES.TRAIN)
        assert isinstance(spec.scaffold.saver, IncrementSaver if secs else Saver)
        evaluated = keeping.change(spec, {}, MODES.EVAL)
        assert type(evaluated.scaffold.saver) is Saver


@pytest.mark.parametrize("secs, count", [(0, 1), (60, 2)])
def test_the_chief_saves_and_says_so(tmp_path: object, secs: int, count: int) -> None:
    run = make_run(tmp_path, incremental_ckpt=secs, save_steps=5)
    config = tf.estimator.RunConfig(model_dir=run.checkpoint_dir, save_checkpoints_steps=5)
    told = []
    trainer = FakeTrainer(config=config, listeners=lambda: ["of a callback"],
                          tell_saving=told.append)
    keeping = Keeping(run)
    keeping.attach(trainer)
    with tf.Graph().as_default():
        tf.train.get_or_create_global_step()
        spec = keeping.change(spec_of_a_step(), {}, MODES.TRAIN)
        hooks = keeping.hooks(spec)
    assert len(hooks) == count and isinstance(hooks[0], tf.train.CheckpointSaverHook)
    first, last = hooks[0]._listeners
    assert first == "of a callback"  # and so what it does with a checkpoint counts as saving
    last.before_save(None, 5)
    last.after_save(None, 5)
    assert told == [True, False]


def test_a_worker_saves_nothing(tmp_path: object) -> None:
    class Worker:
        is_chief = False

    keeping = Keeping(make_run(tmp_path))
    keeping.attach(FakeTrainer(config=Worker()))
    assert keeping.hooks(None) == []


def test_training_begins_at_step_0(tmp_path: object) -> None:
    assert first_step(make_run(tmp_path)) == 0

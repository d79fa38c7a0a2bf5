from typing import List

import pytest
import tensorflow.compat.v1 as tf

from common.callbacks.nan_guard import NanGuard, StopAtNan
from common.config.schema import ROW
from common.errors import NanLoss
from common.testing.steps import train, train_with


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("with_rows", [True, False])
def test_nan_names_step_and_rows(bad: float, with_rows: bool) -> None:
    hook = StopAtNan(["the/file"], lambda step: [step, 10])

    def make(loss: tf.Tensor, rows: tf.Tensor) -> List[tf.train.SessionRunHook]:
        hook.watch(loss, rows if with_rows else None)
        return [hook]

    rows = "5, 8" if with_rows else "3, 11"
    with pytest.raises(NanLoss,
                       match="the loss of step 3 is {}. Its batch held these rows of the/file: {}. "
                       "Look at them, or lower --learning_rate".format(bad, rows)):
        train(make, [1.0, 2.0, bad, 3.0])


def test_the_guard_watches_the_loss_of_a_training_spec() -> None:
    with pytest.raises(NanLoss, match="the loss of step 2 is nan.*rows of the/file: 1, 10"):
        train_with(NanGuard(["the/file"], lambda batch: [0, 9]), [1.0, float("nan")], {})


def test_evaluations_are_not_watched() -> None:
    guard = NanGuard(["the/file"], lambda batch: [])
    with tf.Graph().as_default():
        rows = {ROW: tf.constant([1], tf.int64)}
        spec = tf.estimator.EstimatorSpec(tf.estimator.ModeKeys.EVAL, loss=tf.constant(1.0))
        assert guard.change(spec, rows, tf.estimator.ModeKeys.EVAL) is spec
    hook, = guard.first_hooks()
    assert not hook._fetches

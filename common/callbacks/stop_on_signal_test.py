import os
import signal
from typing import Optional

import pytest
import tensorflow.compat.v1 as tf

from common.callbacks import stop_on_signal
from common.callbacks.stop_on_signal import StopOnSignal, StopTraining
from common.errors import Stopped
from common.process.signals import Signals
from common.testing.steps import FakeTrainer, train


class Send(tf.train.SessionRunHook):
    """Sends this process a signal after its first step."""

    def __init__(self, number: int) -> None:
        self._number: Optional[int] = number

    def after_run(self, run_context: object, run_values: object) -> None:
        """Sends it once."""
        if self._number:
            os.kill(os.getpid(), self._number)
            self._number = None


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_training_after_the_step_and_handlers_come_back(number: int) -> None:
    before = signal.getsignal(number)
    with Signals() as signals:
        last = train(lambda loss, rows: [Send(number), StopTraining(signals)], [1.0] * 50)
        assert last <= 3 and signals.received == number
        assert signal.getsignal(number) is signal.SIG_DFL  # a second one ends the process
    assert signal.getsignal(number) is before
    assert Stopped(number).status == 128 + number


def test_evaluation_is_abandoned() -> None:
    signals = Signals()
    hook = stop_on_signal.AbandonEvaluation(signals)
    hook.begin()
    signals.received = signal.SIGTERM
    with pytest.raises(Stopped, match="stopped by SIGTERM"):
        hook.begin()


def test_evaluations_get_a_hook_and_training_is_within_the_signals() -> None:
    signals = Signals()
    callback = StopOnSignal()
    callback.attach(FakeTrainer(signals=signals))
    assert callback.around() is signals
    modes = tf.estimator.ModeKeys
    with tf.Graph().as_default():
        spec = tf.estimator.EstimatorSpec(modes.EVAL, loss=tf.constant(1.0))
        added = callback.change(spec, {}, modes.EVAL).evaluation_hooks
        assert [type(hook) for hook in added] == [stop_on_signal.AbandonEvaluation]
        assert callback.change(spec, {}, modes.TRAIN) is spec

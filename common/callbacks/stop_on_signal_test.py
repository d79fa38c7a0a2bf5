import io
import os
import signal
from typing import List, Optional

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from common.callbacks import progress, stop_on_signal
from common.callbacks.nan_guard import StopAtNan
from common.callbacks.progress import Meter
from common.callbacks.stop_on_signal import StopTraining
from common.errors import NanLoss, Stopped
from common.process.signals import Signals


def train(make_hooks: object, losses: List[float]) -> int:
    """Runs a step for each loss, with the hooks of make_hooks(loss, rows); returns the last
    step.
    """
    with tf.Graph().as_default():
        step = tf.train.get_or_create_global_step()
        value = tf.data.make_one_shot_iterator(tf.data.Dataset.from_tensor_slices(
            np.array(losses, np.float32))).get_next()
        rows = tf.constant([4, 7], tf.int64)
        added = make_hooks(value, rows)  # type: ignore[operator]
        with tf.control_dependencies([value]):
            train_op = tf.assign_add(step, 1)
        with tf.train.MonitoredTrainingSession(hooks=added) as session:
            while not session.should_stop():
                last = session.run(train_op)
    return last


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


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("with_rows", [True, False])
def test_nan_names_step_and_rows(bad: float, with_rows: bool) -> None:
    hook = StopAtNan("the/file", lambda step: [step, 10])

    def make(loss: tf.Tensor, rows: tf.Tensor) -> List[tf.train.SessionRunHook]:
        hook.watch(loss, rows if with_rows else None)
        return [hook]

    rows = "5, 8" if with_rows else "3, 11"
    with pytest.raises(NanLoss,
                       match="the loss of step 3 is {}. Its batch held these rows of the/file: {}. "
                       "Look at them, or lower --learning_rate".format(bad, rows)):
        train(make, [1.0, 2.0, bad, 3.0])


class Terminal(io.StringIO):
    """Text output that says it is a terminal."""

    def isatty(self) -> bool:
        """True."""
        return True


def test_progress_in_a_log_is_plain_lines() -> None:
    out = io.StringIO()
    progress: List[Meter] = []

    def make(loss: tf.Tensor, rows: tf.Tensor) -> List[tf.train.SessionRunHook]:
        progress.append(Meter(loss, 40, 512, out=out))
        return list(progress)

    train(make, [0.5] * 40)
    first, last = out.getvalue().splitlines()
    assert first == "step 1/40 (2%)  loss 0.50000"
    assert last.startswith("step 40/40 (100%)  loss 0.50000  ")
    assert last.endswith(" samples/s  0 s left")
    assert progress[0].steps == 40
    assert progress[0].steps_per_sec == pytest.approx(39 / progress[0].step_secs)


def test_progress_on_a_terminal_is_one_live_line() -> None:
    out = Terminal()
    train(lambda loss, rows: [Meter(loss, 5, 512, out=out)], [0.5] * 5)
    assert out.getvalue().count("\n") == 1
    assert out.getvalue().startswith("\r\x1b[K[##........] step 1/5")
    assert out.getvalue().endswith("[##########] " + out.getvalue().split("] ")[-1])


@pytest.mark.parametrize("secs, text", [(0.4, "0 s"), (59, "59 s"), (61, "1 min 1 s"),
                                        (3600, "1 h 0 min"), (90000, "1 d 1 h"),
                                        (86400 * 40, "40 d 0 h")])
def test_clock(secs: float, text: str) -> None:
    assert progress._clock(secs) == text

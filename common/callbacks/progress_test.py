import io
from typing import List

import pytest
import tensorflow.compat.v1 as tf

from common.callbacks import progress
from common.callbacks.progress import Meter, Progress, Trained
from common.testing.runs import make_run
from common.testing.steps import train, train_with


class Terminal(io.StringIO):
    """Text output that says it is a terminal."""

    def isatty(self) -> bool:
        """True."""
        return True


def test_progress_in_a_log_is_plain_lines() -> None:
    out = io.StringIO()
    meters: List[Meter] = []

    def make(loss: tf.Tensor, rows: tf.Tensor) -> List[tf.train.SessionRunHook]:
        meters.append(Meter(loss, 40, 512, out=out))
        return list(meters)

    train(make, [0.5] * 40)
    first, last = out.getvalue().splitlines()
    assert first == "step 1/40 (2%)  loss 0.50000"
    assert last.startswith("step 40/40 (100%)  loss 0.50000  ")
    assert last.endswith(" samples/s  0 s left")
    assert meters[0].steps == 40
    assert meters[0].steps_per_sec == pytest.approx(39 / meters[0].step_secs)


def test_steps_beyond_the_last_one_that_was_planned() -> None:
    out = Terminal()
    train(lambda loss, rows: [Meter(loss, 4, 512, trainers=3, out=out)], [0.5] * 6)
    assert "[##########] step 6/6 (100%)  loss 0.50000  " in out.getvalue()
    assert out.getvalue().endswith("  0 s left\n")


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


def test_what_was_trained(tmp_path: object, capsys: pytest.CaptureFixture) -> None:
    callback = Progress(make_run(tmp_path, steps=5))
    assert callback.trained(7.0) == Trained(0, 0.0, 0.0, 7.0) and callback.steps == 0
    train_with(callback, [0.5] * 5, {})
    trained = callback.trained(7.0)
    assert trained.steps == callback.steps == 5 and trained.secs == 7.0
    assert trained.steps_per_sec > 0 and "step 5/5" in capsys.readouterr().err

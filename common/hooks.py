"""Session hooks: stop on a signal, stop on NaN, and report progress."""

import contextlib
import os
import signal
import sys
import threading
import time
from typing import Callable, Dict, Iterator, List, Optional, TextIO

import numpy as np
import tensorflow.compat.v1 as tf


class Stopped(Exception):
    """Training or evaluation ended because of a signal; `status` is the process' exit status for it.

    Args:
      number: of the signal.
      folder: of the checkpoints, where they are known.
    """

    def __init__(self, number: int, folder: str = "") -> None:
        super().__init__("stopped by {}; the same command with {} goes on from there".format(
            signal.Signals(number).name, "--checkpoint " + folder if folder else "the same --checkpoint"))
        self.status = 128 + number


class NanLoss(RuntimeError):
    """The loss is not a number; the message names the step and the rows of its batch."""


class Signals:
    """Remembers the first SIGTERM or SIGINT; a second one ends the process.

    Attributes:
      received: the number of the signal that came.
    """

    def __init__(self) -> None:
        self.received: Optional[int] = None
        self._received_at = 0.0
        self._before: Dict[int, object] = {}
        self._woken = self._wake_before = -1

    def __enter__(self) -> "Signals":
        self._woken, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._wake_before = signal.set_wakeup_fd(wake)
        for number in (signal.SIGTERM, signal.SIGINT):
            self._before[number] = signal.signal(number, self._receive)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        os.close(signal.set_wakeup_fd(self._wake_before))
        os.close(self._woken)

    def pending_secs(self) -> float:
        """Seconds since a signal came, 0 if none did; also while the main thread is in a call that runs no handlers."""
        try:
            numbers = os.read(self._woken, 64)
        except BlockingIOError:
            numbers = b""
        if numbers and not self.received:
            self._receive(numbers[0], None)
        return time.monotonic() - self._received_at if self.received else 0.0

    def _receive(self, number: int, _: object) -> None:
        self.received, self._received_at = number, time.monotonic()
        if threading.current_thread() is threading.main_thread():
            for again in self._before:
                signal.signal(again, signal.SIG_DFL)


@contextlib.contextmanager
def raising_stopped() -> Iterator[None]:
    """SIGTERM raises Stopped, also in a process that is number 1 of its container, which is deaf to it otherwise.

    A process may be started with the signal blocked, so that one that comes early is not lost; it is raised now.
    """
    def stop(number: int, _: object) -> None:
        raise Stopped(number)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class StopTraining(tf.train.SessionRunHook):
    """Ends training after the step in which a signal came; the checkpoint hook then saves as at any end."""

    def __init__(self, signals: Signals) -> None:
        self._signals = signals

    def after_run(self, run_context: tf.train.SessionRunContext, run_values: object) -> None:
        """Asks for the stop."""
        if self._signals.received:
            run_context.request_stop()


class AbandonEvaluation(tf.train.SessionRunHook):
    """Raises Stopped in an evaluation when a signal has come: part of the rows would give false metrics."""

    def __init__(self, signals: Signals) -> None:
        self._signals = signals

    def begin(self) -> None:
        """Checks before the first batch."""
        self.before_run(None)

    def before_run(self, run_context: Optional[tf.train.SessionRunContext]) -> None:
        """Checks before each batch."""
        if self._signals.received:
            raise Stopped(self._signals.received)


class StopAtNan(tf.train.SessionRunHook):
    """Raises NanLoss at the first step whose loss is not finite.

    It must come before the Estimator's own NaN hook, and does so only among the hooks of the TrainSpec, which is made
    before the loss: hence `watch`.

    Args:
      path: the file that the rows come from.
      find_rows: gives the numbers from 0 of the rows in a batch, batches of this process counted from 0.
    """

    def __init__(self, path: str, find_rows: Callable[[int], List[int]]) -> None:
        self._path = path
        self._find_rows = find_rows
        self._fetches: Dict[str, tf.Tensor] = {}
        self._batches = 0

    def watch(self, loss: tf.Tensor, rows: Optional[tf.Tensor]) -> None:
        """Sets what is watched: the loss, scalar, and the numbers of the batch's rows, int64 [B] or None."""
        self._fetches = {"loss": loss} if rows is None else {"loss": loss, "rows": rows}
        self._global_step = tf.train.get_global_step()

    def before_run(self, run_context: tf.train.SessionRunContext) -> tf.train.SessionRunArgs:
        """Asks for the loss and the batch's rows."""
        return tf.train.SessionRunArgs(self._fetches)

    def after_run(self, run_context: tf.train.SessionRunContext, run_values: tf.train.SessionRunValues) -> None:
        """Checks the loss."""
        results = run_values.results
        self._batches += 1
        if np.isfinite(results["loss"]):
            return
        step = int(run_context.session.run(self._global_step))
        rows = results["rows"].tolist() if "rows" in results else self._find_rows(self._batches - 1)
        raise NanLoss("the loss of step {} is {}. Its batch held these rows of {}: {}. Look at them, or lower "
                      "--learning_rate; the last checkpoint is from before this step.".format(
                          step, results["loss"], self._path, ", ".join(str(row + 1) for row in rows)))


class Progress(tf.train.SessionRunHook):
    """Reports step, loss, speed and the time left: a live line on a terminal, plain lines elsewhere.

    Args:
      trainers: how many processes make the steps up to max_steps together; the speed is that of this one.

    Attributes:
      steps: steps run by this process.
      step_secs: seconds spent in them, without checkpoints, evaluations and the first step, which sets up the graph.
      cpu_secs: seconds that cores worked for this process since its first step, for whatever it did.
    """

    def __init__(self, loss: tf.Tensor, max_steps: int, batch_size: int, trainers: int = 1,
                 out: Optional[TextIO] = None) -> None:
        self.steps = 0
        self.step_secs = self.cpu_secs = self._cpu_began = 0.0
        self._loss = loss
        self._global_step = tf.train.get_global_step()
        self._max_steps = max_steps
        self._batch_size = batch_size
        self._trainers = trainers
        self._out = out or sys.stderr
        self._live = self._out.isatty()
        self._every_secs = 0.5 if self._live else 10.0
        self._began = self._reported = 0.0
        self._reported_steps = 0
        self._reported_secs = self._last_loss = 0.0

    @property
    def steps_per_sec(self) -> float:
        """Mean speed so far, 0 before the second step."""
        return (self.steps - 1) / self.step_secs if self.step_secs else 0.0

    def before_run(self, run_context: tf.train.SessionRunContext) -> tf.train.SessionRunArgs:
        """Starts the clock of a step."""
        self._began = time.monotonic()
        return tf.train.SessionRunArgs(self._loss)

    def after_run(self, run_context: tf.train.SessionRunContext, run_values: tf.train.SessionRunValues) -> None:
        """Stops the clock and reports if it is time to."""
        now = time.monotonic()
        self.step_secs += now - self._began if self.steps else 0.0
        if not self.steps:
            self._cpu_began = time.process_time()
        self.cpu_secs = time.process_time() - self._cpu_began
        self.steps += 1
        self._last_loss = float(run_values.results)
        if now - self._reported >= self._every_secs:
            self._report(run_context.session)
            self._reported = now

    def end(self, session: tf.Session) -> None:
        """Reports the last step and leaves the live line."""
        if self.steps:
            if self.steps != self._reported_steps:
                self._report(session)
            self._out.write("\n" if self._live else "")

    def _report(self, session: tf.Session) -> None:
        step = int(session.run(self._global_step))
        line = "step {}/{} ({:.0%})  loss {:.5f}".format(
            step, self._max_steps, step / self._max_steps, self._last_loss)
        if self.step_secs > self._reported_secs:
            speed = (self.steps - max(self._reported_steps, 1)) / (self.step_secs - self._reported_secs)
            left = max(self._max_steps - step, 0) / (self.steps_per_sec * self._trainers)
            line += "  {:.1f} steps/s  {:.0f} samples/s  {} left".format(speed, speed * self._batch_size, _clock(left))
        self._out.write("\r\x1b[K{} {}".format(_bar(step / self._max_steps), line) if self._live else line + "\n")
        self._out.flush()
        self._reported_steps, self._reported_secs = self.steps, self.step_secs


def _bar(share: float) -> str:
    """A bar of ten cells, as many of them filled as the share says."""
    filled = int(10 * min(share, 1.0))
    return "[{}{}]".format("#" * filled, "." * (10 - filled))


def _clock(secs: float) -> str:
    """Seconds as days, hours, minutes or seconds, two units at most."""
    secs = int(round(secs))
    days, hours, minutes = secs // 86400, secs // 3600 % 24, secs // 60 % 60
    if days:
        return "{} d {} h".format(days, hours)
    if hours:
        return "{} h {} min".format(hours, minutes)
    return "{} min {} s".format(minutes, secs % 60) if minutes else "{} s".format(secs)

"""Step, loss, speed and time left, while a run trains."""

import sys
import time
from typing import NamedTuple, Optional, TextIO

import tensorflow.compat.v1 as tf

from common.callbacks.callback import Callback, Hooks
from common.config.run import Run


class Trained(NamedTuple):
    """What this process trained, and how fast.

    Attributes:
      steps: steps that it ran.
      steps_per_sec: their mean speed.
      cpu_secs_per_step: CPU time of the process per step, in seconds, including that for input,
        checkpoints and evaluations.
      secs: of the whole run.
    """

    steps: int
    steps_per_sec: float
    cpu_secs_per_step: float
    secs: float


class Progress(Callback):
    """Reports how far training is, and remembers how fast it was."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._meter: Optional[Meter] = None

    @property
    def steps(self) -> int:
        """How many steps this process has made since training began."""
        return self._meter.steps if self._meter else 0

    def hooks(self, spec: tf.estimator.EstimatorSpec) -> Hooks:
        """The meter of a new graph."""
        run = self._run
        trainers = run.num_trainers
        self._meter = Meter(spec.loss, run.steps, run.batch_size, trainers)
        return [self._meter]

    def trained(self, secs: float) -> Trained:
        """What this process trained in a run of so many seconds."""
        meter = self._meter
        if not meter:
            return Trained(0, 0.0, 0.0, secs)
        cpu_secs_per_step = meter.cpu_secs / max(meter.steps - 1, 1)
        return Trained(meter.steps, meter.steps_per_sec, cpu_secs_per_step, secs)


class Meter(tf.train.SessionRunHook):
    """Reports step, loss, speed and time left: a live line on a terminal, else plain lines.

    Args:
      trainers: how many processes make the steps up to max_steps together; the speed is that of
        this one.

    Attributes:
      steps: steps run by this process.
      step_secs: seconds spent in them, without checkpoints, evaluations and the first step, which
        sets up the graph.
      cpu_secs: CPU time of this process since its first step, for whatever it did.
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
        if not self.step_secs:
            return 0.0
        return (self.steps - 1) / self.step_secs

    def before_run(self, run_context: tf.train.SessionRunContext) -> tf.train.SessionRunArgs:
        """Starts the clock of a step."""
        self._began = time.monotonic()
        return tf.train.SessionRunArgs(self._loss)

    def after_run(self, run_context: tf.train.SessionRunContext,
                  run_values: tf.train.SessionRunValues) -> None:
        """Stops the clock and reports if it is time to."""
        now = time.monotonic()
        if self.steps:
            self.step_secs += now - self._began
        else:
            self._cpu_began = time.process_time()
        self.cpu_secs = time.process_time() - self._cpu_began
        self.steps += 1
        self._last_loss = float(run_values.results)
        if now - self._reported >= self._every_secs:
            self._report(run_context.session)
            self._reported = now

    def end(self, session: tf.Session) -> None:
        """Reports the last step and leaves the live line."""
        if not self.steps:
            return
        if self.steps != self._reported_steps:
            self._report(session)
        self._out.write("\n" if self._live else "")

    def _report(self, session: tf.Session) -> None:
        step = int(session.run(self._global_step))
        last_step = max(self._max_steps, step)  # trainers of a cluster may make some steps more
        share = step / last_step
        line = "step {}/{} ({:.0%})  loss {:.5f}".format(step, last_step, share, self._last_loss)
        if self.step_secs > self._reported_secs:
            line += self._speed(last_step - step)
        self._out.write("\r\x1b[K{} {}".format(_bar(share), line) if self._live else line + "\n")
        self._out.flush()
        self._reported_steps, self._reported_secs = self.steps, self.step_secs

    def _speed(self, steps_left: int) -> str:
        """The speed since the last report, and the time that so many steps of all trainers take."""
        steps = self.steps - max(self._reported_steps, 1)  # the first step is not timed
        speed = steps / (self.step_secs - self._reported_secs)
        secs_left = steps_left / (self.steps_per_sec * self._trainers)
        return "  {:.1f} steps/s  {:.0f} samples/s  {} left".format(
            speed, speed * self._batch_size, _clock(secs_left))


def _bar(share: float) -> str:
    """A bar of ten cells, as many of them filled as the share says."""
    filled = int(10 * share)
    return "[{}{}]".format("#" * filled, "." * (10 - filled))


def _clock(secs: float) -> str:
    """Seconds as days, hours, minutes or seconds, two units at most."""
    secs = int(round(secs))
    days, hours = secs // 86400, secs // 3600 % 24
    minutes = secs // 60 % 60
    if days:
        return "{} d {} h".format(days, hours)
    if hours:
        return "{} h {} min".format(hours, minutes)
    if minutes:
        return "{} min {} s".format(minutes, secs % 60)
    return "{} s".format(secs)

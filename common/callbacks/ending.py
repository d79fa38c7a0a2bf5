"""Ends the training of every process once one of them has written that the run ends early."""

import contextlib
import time
from typing import Iterator

import tensorflow.compat.v1 as tf

from common.callbacks.callback import Callback, Hooks, Trainer
from common.checkpoint import early_end, newest
from common.config.run import Run

_POLL_SECS = 1.0


class EndEarly(Callback):
    """Stops training in this process when the run has ended early."""

    def __init__(self, run: Run) -> None:
        self._folder = run.checkpoint_dir

    def attach(self, trainer: Trainer) -> None:
        """Keeps the trainer, which reads whether the run has ended early."""
        self._trainer = trainer

    @contextlib.contextmanager
    def around(self) -> Iterator[None]:
        """Takes back what an earlier start with other rules, or other rows, has decided.

        Not earlier than this: until training begins the run may be refused, and then leaves its
        folder as it was.
        """
        if self._trainer.is_chief and not self._trainer.ended_early():
            early_end.remove(self._folder)
        yield

    def hooks(self, spec: tf.estimator.EstimatorSpec) -> Hooks:
        """What stops training."""
        return [_StopWhenEnded(self._trainer)]

    def close(self) -> None:
        """The chief notes which checkpoint is the last; the evaluator waits for that."""
        end = self._trainer.ended_early()
        if end and self._trainer.is_chief:
            last_step = newest.checkpoint_step(self._folder)
            early_end.write(self._folder, end._replace(last_step=last_step))


class _StopWhenEnded(tf.train.SessionRunHook):
    """Asks for a stop after the step in which this process, or another one, ended the run.

    Args:
      trainer: whose run it is. What this process decides is seen at once; the file that another one
        writes is looked for once a second.
    """

    def __init__(self, trainer: Trainer) -> None:
        self._trainer = trainer
        self._looked_at = 0.0

    def after_run(self, run_context: tf.train.SessionRunContext, run_values: object) -> None:
        """Looks, and asks for the stop."""
        now = time.monotonic()
        if not self._trainer.has_ended_early and now - self._looked_at < _POLL_SECS:
            return
        self._looked_at = now
        if self._trainer.ended_early():
            run_context.request_stop()

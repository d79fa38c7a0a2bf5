"""Ends training after a step, or an evaluation at once, when a signal came."""

from typing import ContextManager, Optional

import tensorflow.compat.v1 as tf

from common.callbacks.callback import Callback, Hooks, Tensors, Trainer
from common.errors import Stopped
from common.process.signals import Signals


class StopOnSignal(Callback):
    """Lets SIGTERM and SIGINT end a run at the next place where nothing is lost."""

    def attach(self, trainer: Trainer) -> None:
        """Takes the signals of the run."""
        self._signals = trainer.signals

    def first_hooks(self) -> Hooks:
        """What ends training."""
        return [StopTraining(self._signals)]

    def change(self, spec: tf.estimator.EstimatorSpec, features: Tensors,
               mode: str) -> tf.estimator.EstimatorSpec:
        """Adds to an evaluation what abandons it."""
        if mode != tf.estimator.ModeKeys.EVAL:
            return spec
        hooks = [AbandonEvaluation(self._signals), *spec.evaluation_hooks]
        return spec._replace(evaluation_hooks=hooks)

    def around(self) -> ContextManager[object]:
        """Signals are remembered instead of ending the process."""
        return self._signals


class StopTraining(tf.train.SessionRunHook):
    """Ends training after the step in which a signal came; a checkpoint is saved as at any end."""

    def __init__(self, signals: Signals) -> None:
        self._signals = signals

    def after_run(self, run_context: tf.train.SessionRunContext, run_values: object) -> None:
        """Asks for the stop."""
        if self._signals.received:
            run_context.request_stop()


class AbandonEvaluation(tf.train.SessionRunHook):
    """Ends an evaluation with Stopped when a signal came: some of the rows give false metrics."""

    def __init__(self, signals: Signals) -> None:
        self._signals = signals

    def begin(self) -> None:
        """Checks before the first batch."""
        self.before_run(None)

    def before_run(self, run_context: Optional[tf.train.SessionRunContext]) -> None:
        """Checks before each batch."""
        if self._signals.received:
            raise Stopped(self._signals.received)

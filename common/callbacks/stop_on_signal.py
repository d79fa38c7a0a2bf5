"""Ends training after a step, or an evaluation at once, when a signal came."""

from typing import Optional

import tensorflow.compat.v1 as tf

from common.errors import Stopped
from common.process.signals import Signals


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

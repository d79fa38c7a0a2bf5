"""What happens once a run is accepted: its first session has restored what there was."""

from typing import Callable

import tensorflow.compat.v1 as tf

from common.callbacks.callback import Callback, Hooks


class FirstSession(Callback):
    """Calls a function when training has a session for the first time.

    A checkpoint that cannot be restored refuses the run before that.
    """

    def __init__(self, call: Callable[[], None]) -> None:
        self._hook = _CallOnce(call)

    def hooks(self, spec: tf.estimator.EstimatorSpec) -> Hooks:
        """What calls the function."""
        return [self._hook]


class _CallOnce(tf.train.SessionRunHook):
    """Calls a function after the first session was created."""

    def __init__(self, call: Callable[[], None]) -> None:
        self._call = call
        self._was_called = False

    def after_create_session(self, session: tf.Session, coord: tf.train.Coordinator) -> None:
        """Calls it, but once."""
        if not self._was_called:
            self._was_called = True
            self._call()

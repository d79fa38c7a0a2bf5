"""The hook that saves increments while a session trains."""

import time
from typing import Callable, Tuple, Type

import tensorflow.compat.v1 as tf

from common.checkpoint.increments import IncrementSaver
from common.log import log
from common.optimizers import updates
from common.tf_private import full_name


class SaveEvery(tf.train.SessionRunHook):
    """Saves an increment every so many seconds.

    Args:
      last_step: of training; a full checkpoint is saved there, and an increment would keep it from
        being the end.
      tell: is told when an increment is being saved (True) and when it is saved (False).
      losses: errors that mean a lost process of a cluster. The next step finds it missing and mends
        what can be mended.
    """

    def __init__(
            self,
            saver: IncrementSaver,
            secs: float,
            last_step: int,
            tell: Callable[[bool], None] = lambda _: None,
            losses: Tuple[Type[Exception], ...] = ()) -> None:
        self._saver = saver
        self._secs = secs
        self._last_step = last_step
        self._tell = tell
        self._losses = losses
        self._saved_at = 0.0
        self._global_step = tf.train.get_global_step()

    def begin(self) -> None:
        """Logs what makes increments large."""
        names = {full_name(table) for table in updates.recorded().whole}
        if names:
            log("the optimizer moves all rows of a table in each step, so increments hold all {} "
                "tables whole".format(len(names)))

    def after_create_session(self, session: tf.Session, coord: tf.train.Coordinator) -> None:
        """Starts the clock."""
        self._saved_at = time.monotonic()

    def after_run(self, run_context: tf.train.SessionRunContext, run_values: object) -> None:
        """Saves if it is time to."""
        now = time.monotonic()
        if now - self._saved_at < self._secs:
            return
        self._saved_at = now
        self._tell(True)
        try:
            self._save(run_context.session)
        except self._losses as error:
            log("an increment was not saved, as a process was lost: {}".format(error))
        finally:
            self._tell(False)

    def _save(self, session: tf.Session) -> None:
        step = int(session.run(self._global_step))
        if step < self._last_step:
            self._saver.save_increment(session, step)

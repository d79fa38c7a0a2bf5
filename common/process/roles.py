"""What the processes of a cluster do besides training steps: serve, evaluate, wait for each other,
and end.

Training is over when the newest checkpoint in the shared folder has the last step. No other state
exists, so every process may be killed and restarted at any moment.
"""

import contextlib
import functools
import json
import os
import threading
import time
from typing import Callable, Dict, Iterator, Optional

import tensorflow.compat.v1 as tf

from common.config import cluster as cluster_module
from common.config.cluster import Cluster
from common.errors import Stopped
from common.kernels import native
from common.log import log
from common.process import waiting
from common.process.signals import Signals
from common.process.waiting import SAY_SECS

_POLL_SECS = 2.0
_GRACE_SECS = 10.0
_LINGER_SECS = 15.0
_STUCK_SECS = 120.0
# What a step may raise after a server was restarted: MonitoredSession recovers from most of them,
# but not within a save.
LOSSES = (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.FailedPreconditionError,
          tf.errors.DeadlineExceededError, tf.errors.CancelledError)


def serve(cluster: Cluster, config: tf.estimator.RunConfig, is_over: Callable[[], bool],
          wait_secs: float) -> None:
    """A parameter server: serves until training is over and no trainer is left.

    After a signal it goes on serving for up to 15 s while a trainer is reachable: the chief gets
    the same signal, and can save the variables only from here.

    Raises:
      NeverCame: no trainer was reachable for wait_secs.
      Stopped: a signal came.
    """
    native.load()  # graphs of the trainers place native ops on this server
    server = tf.train.Server(config.cluster_spec, "ps", cluster.task, config=config.session_config,
                             protocol=config.protocol)
    log("ps-{} serves at {}".format(cluster.task, server.target))
    trainers = cluster.processes("chief", "worker")

    def is_served() -> bool:
        return any(waiting.is_reachable(address) for address in trainers.values())

    def describe() -> str:
        return "one of " + ", ".join(waiting.missing(trainers))

    try:
        while not is_over() or is_served():
            waiting.wait(lambda: is_served() or is_over(), describe, wait_secs)
            time.sleep(_POLL_SECS)
    except Stopped:
        stopped_at = time.monotonic()
        while is_served() and time.monotonic() - stopped_at < _LINGER_SECS:
            time.sleep(0.2)
        raise
    log("training is over and no trainer is left")


def await_servers(cluster: Cluster, is_over: Callable[[], bool], wait_secs: float) -> None:
    """Waits until each server can be reached, or training is over.

    Raises:
      NeverCame: it took longer than wait_secs.
    """
    servers = cluster.processes("ps")

    def describe() -> str:
        return ", ".join(waiting.missing(servers))

    waiting.wait(lambda: is_over() or not describe(), describe, wait_secs)


def await_metrics(path: str, steps: int, wait_secs: float) -> None:
    """Waits until the evaluator has written the metrics of the last step.

    Raises:
      NeverCame: it took longer than wait_secs.
    """
    def is_there() -> bool:
        if not os.path.exists(path):
            return False
        with open(path) as file:
            return json.load(file)["global_step"] >= steps

    waiting.wait(is_there, lambda: "the evaluator to write {}".format(path), wait_secs)


def evaluate_each(estimator: tf.estimator.Estimator, spec: tf.estimator.EvalSpec, cluster: Cluster,
                  steps: int, wait_secs: float) -> Dict[str, float]:
    """Evaluates each new checkpoint; returns the results of the one with the last step.

    Raises:
      NeverCame: no checkpoint came, and the chief was not reachable, for wait_secs.
    """
    def newest() -> Optional[str]:
        return tf.train.latest_checkpoint(estimator.model_dir)

    evaluated: Optional[str] = None
    (chief, address), = cluster.processes("chief").items()
    while True:
        waiting.wait(lambda: newest() not in (None, evaluated),
                     lambda: "a checkpoint of {} ({})".format(chief, address), wait_secs,
                     is_coming=lambda: waiting.is_reachable(address))
        checkpoint = newest()
        try:
            results = estimator.evaluate(spec.input_fn, hooks=spec.hooks,
                                         checkpoint_path=checkpoint)
        except (ValueError, tf.errors.NotFoundError, tf.errors.DataLossError):
            if newest() == checkpoint:
                raise
            continue  # the chief removed its files when it saved the next
        evaluated = checkpoint
        if results["global_step"] >= steps:
            return results
        log("step {}: {}".format(results["global_step"], _aucs(results)))


def _aucs(results: Dict[str, float]) -> str:
    aucs = {name: value for name, value in results.items() if name.endswith("/auc")}
    return ", ".join("{} {:.4f}".format(name, aucs[name]) for name in sorted(aucs))


@contextlib.contextmanager
def quick_recovery() -> Iterator[None]:
    """Sessions that wait for the chief look again every 2 s; TensorFlow's 30 s have no setting."""
    init = tf.train.SessionManager.__init__
    tf.train.SessionManager.__init__ = functools.partialmethod(init, recovery_wait_secs=_POLL_SECS)
    try:
        yield
    finally:
        tf.train.SessionManager.__init__ = init


class Watch(tf.train.SessionRunHook):
    """Says whom a trainer waits for when no step ends, and leaves where it would wait in vain.

    TensorFlow's calls cannot be interrupted while they wait for another process, so leaving ends
    the process: with 0 when training is over, with 128 + n when signal n came and no step ended
    since, with 138 when a step does not end though the servers answer (an answer was lost on the
    way), with 1 after wait_secs.
    """

    def __init__(self, cluster: Cluster, signals: Signals, is_over: Callable[[], bool], wait_secs: float) -> None:
        self._cluster, self._signals, self._is_over, self._wait_secs = cluster, signals, is_over, wait_secs
        self._last_step = time.monotonic()
        self._steps = 0
        self._answered_since: Optional[float] = None
        self._saving = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "Watch":
        self._last_step = time.monotonic()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def after_run(self, run_context: tf.train.SessionRunContext, run_values: object) -> None:
        """Notes that a step ended."""
        self._last_step = time.monotonic()
        self._steps += 1

    def listener(self) -> tf.train.CheckpointSaverListener:
        """What a saver tells when it saves, which may take longer than a step."""
        return _SavingNoted(self.note_saving)

    def note_saving(self, saving: bool) -> None:
        """Notes that a checkpoint is being saved, or is saved."""
        self._saving = saving
        self._last_step = time.monotonic()

    def _watch(self) -> None:
        said = 0.0
        while not self._stop.wait(1.0):
            idle = time.monotonic() - self._last_step
            if idle < SAY_SECS:
                said, self._answered_since = 0.0, None
                continue
            if self._signals.pending_secs() > _GRACE_SECS:
                self._leave("no step ends; left without a checkpoint", 128 + int(self._signals.received or 0))
            if idle - said >= SAY_SECS:
                said = idle
                self._look_around(idle)

    def _look_around(self, idle: float) -> None:
        absent = waiting.missing(self._cluster.processes("ps"))
        if self._is_over() and (absent or self._cluster.role == "worker"):
            self._leave("training is over and the others have left", 0)
        state = "waiting for " + ", ".join(absent) if absent else "the servers answer" + self._state_of_the_chief()
        text = "no step for {:.0f} s; {}".format(idle, state)
        if idle >= self._wait_secs:
            self._leave(text + ". Raise --wait_secs to wait longer", 1)
        now = time.monotonic()
        self._answered_since = None if absent or self._saving else self._answered_since or now
        if self._steps and self._answered_since and now - self._answered_since >= _STUCK_SECS:
            self._leave(text + ". An answer was lost; to be started again", cluster_module.LOST_STATUS)
        log(text)

    def _state_of_the_chief(self) -> str:
        if self._cluster.role == "chief":
            return ""
        (chief, address), = self._cluster.processes("chief").items()
        state = "" if self._steps else "; waiting for {} ({}) to set the variables".format(chief, address)
        return state + ("" if waiting.is_reachable(address) else "; {} ({}) does not".format(chief, address))

    def _leave(self, reason: str, status: int) -> None:
        if not self._stop.is_set():
            log(reason)
            os._exit(status)


class _SavingNoted(tf.train.CheckpointSaverListener):
    """Tells when a checkpoint is being saved (True) and when it is saved (False)."""

    def __init__(self, note: Callable[[bool], None]) -> None:
        self._note = note

    def before_save(self, session: tf.Session, global_step_value: int) -> None:
        """Saving begins."""
        self._note(True)

    def after_save(self, session: tf.Session, global_step_value: int) -> None:
        """The checkpoint is there."""
        self._note(False)

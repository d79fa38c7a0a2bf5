"""A trainer of a cluster with servers: waits for them, and does not wait in vain."""

import contextlib
import os
import threading
import time
from typing import Callable, Iterator, Optional

import tensorflow.compat.v1 as tf

from common.callbacks.callback import Callback, Hooks, Trainer
from common.config.cluster import LOST_STATUS, Cluster
from common.config.run import Run
from common.log import log
from common.process import roles, waiting
from common.process.signals import Signals

_GRACE_SECS = 10.0
_STUCK_SECS = 120.0


class AwaitServers(Callback):
    """Lets training begin when every server can be reached.

    Stands before StopOnSignal: a signal that comes while this process waits ends it at once.
    """

    def attach(self, trainer: Trainer) -> None:
        """Keeps the run, and the trainer's answer to whether it is over."""
        self._run, self._is_over = trainer.run, trainer.is_over

    @contextlib.contextmanager
    def around(self) -> Iterator[None]:
        """Waits, then lets sessions look for the chief often."""
        cluster = self._run.cluster
        if not cluster or not cluster.has_servers:
            yield
            return
        roles.await_servers(cluster, self._is_over, self._run.wait_secs)
        with roles.quick_recovery():
            yield


class WatchCluster(Callback):
    """Says whom a trainer waits for when no step ends, and leaves where it would wait in vain."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._watch: Optional[Watch] = None

    def attach(self, trainer: Trainer) -> None:
        """Watches the steps of a trainer whose variables live on servers."""
        cluster = self._run.cluster
        if cluster and cluster.has_servers and cluster.trains:
            self._watch = Watch(cluster, trainer.signals, trainer.is_over, self._run.wait_secs)

    def first_hooks(self) -> Hooks:
        """What notes that a step ended."""
        return [self._watch] if self._watch else []

    def saving(self, is_saving: bool) -> None:
        """Saving, and evaluating what was saved, may take longer than a step."""
        if self._watch:
            self._watch.note_saving(is_saving)

    @contextlib.contextmanager
    def around(self) -> Iterator[None]:
        """Watches in a thread."""
        if not self._watch:
            yield
            return
        with self._watch:
            yield


class Watch(tf.train.SessionRunHook):
    """The thread that watches, and the hook that tells it of steps.

    TensorFlow's calls cannot be interrupted while they wait for another process, so leaving ends
    the process: with 0 when training is over, with 128 + n when signal n came and no step ended
    since, with 138 when a step does not end though the servers answer (a reply was lost), with 1
    after wait_secs. A checkpoint that is being saved is waited for as long as the servers answer.
    """

    def __init__(self, cluster: Cluster, signals: Signals, is_over: Callable[[], bool],
                 wait_secs: float) -> None:
        self._cluster, self._signals = cluster, signals
        self._is_over, self._wait_secs = is_over, wait_secs
        self._last_step = time.monotonic()
        self._steps = 0
        self._answered_since: Optional[float] = None
        self._answered_at = 0.0
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

    def before_run(self, run_context: tf.train.SessionRunContext) -> None:
        """Notes that nothing is being saved any more; a save that failed does not say so."""
        self._saving = False

    def after_run(self, run_context: tf.train.SessionRunContext, run_values: object) -> None:
        """Notes that a step ended."""
        self._last_step = time.monotonic()
        self._steps += 1

    def note_saving(self, saving: bool) -> None:
        """Notes that a checkpoint is being saved, or is saved."""
        self._saving = saving
        self._last_step = self._answered_at = time.monotonic()

    def _watch(self) -> None:
        said = 0.0
        while not self._stop.wait(1.0):
            idle = time.monotonic() - self._last_step
            if idle < waiting.SAY_SECS:
                said, self._answered_since = 0.0, None
                continue
            if self._signals.pending_secs() > _GRACE_SECS and not self._is_being_saved():
                status = 128 + int(self._signals.received or 0)
                self._leave("no step ends; left without a checkpoint", status)
            if idle - said >= waiting.SAY_SECS:
                said = idle
                self._look_around(idle)

    def _look_around(self, idle: float) -> None:
        absent = waiting.missing(self._cluster.processes("ps"))
        if self._is_over() and (absent or self._cluster.role == "worker"):
            self._leave("training is over and the others have left", 0)
        text = "no step for {:.0f} s; {}".format(idle, self._state(absent))
        if idle >= self._wait_secs and not self._is_being_saved():
            self._leave(text + ". Raise --wait_secs to wait longer", 1)
        if self._is_stuck(bool(absent)):
            self._leave(text + ". An answer was lost; to be started again", LOST_STATUS)
        log(text)

    def _state(self, absent: list) -> str:
        if absent:
            return "waiting for " + ", ".join(absent)
        if self._saving:
            return "a checkpoint is being saved or evaluated"
        return "the servers answer" + self._state_of_the_chief()

    def _is_being_saved(self) -> bool:
        """Whether a checkpoint is being saved, from servers that have answered of late."""
        if not self._saving:
            return False
        now = time.monotonic()
        if not waiting.missing(self._cluster.processes("ps")):
            self._answered_at = now
        return now - self._answered_at <= _GRACE_SECS

    def _is_stuck(self, is_server_absent: bool) -> bool:
        """Whether no step has ended for long, though servers answer and nothing is being saved."""
        now = time.monotonic()
        if is_server_absent or self._saving:
            self._answered_since = None
        elif not self._answered_since:
            self._answered_since = now
        if not self._steps or not self._answered_since:
            return False
        return now - self._answered_since >= _STUCK_SECS

    def _state_of_the_chief(self) -> str:
        if self._cluster.role == "chief":
            return ""
        (chief, address), = self._cluster.processes("chief").items()
        state = ""
        if not self._steps:
            state = "; waiting for {} ({}) to set the variables".format(chief, address)
        if not waiting.is_reachable(address):
            state += "; {} ({}) does not".format(chief, address)
        return state

    def _leave(self, reason: str, status: int) -> None:
        if not self._stop.is_set():
            log(reason)
            os._exit(status)

"""Processes that call a function, for tests; no product code imports this.

They are forked from one process in which TensorFlow is imported already, as importing it takes
longer than most of them live; that works where the first is made in the project's root. They end
without the teardown of an interpreter: how a process ends is for tests that start commands.
"""

import multiprocessing
import os
import signal
import sys
from typing import Any, Callable, Mapping, Optional

from common.testing import quick

_FORKS = multiprocessing.get_context("forkserver")


def has_ended(pid: int) -> bool:
    """Whether a process is gone, or has ended and nobody has waited for it."""
    try:
        with open("/proc/{}/stat".format(pid)) as file:
            return file.read().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


class Child:
    """A process that calls a function with some arguments and ends with the status with which that
    exits.

    Args:
      log: the file to whose end it prints.
      environ: what it has in its environment beside what this process has.
    """

    def __init__(self, call: Callable[..., object], *args: Any, log: str,
                 environ: Optional[Mapping[str, str]] = None, **kwargs: Any) -> None:
        _FORKS.set_forkserver_preload(["common.testing.runs"])
        self._log = log
        open(log, "a").close()
        self._process = _FORKS.Process(
            target=_run, args=(call, args, kwargs, log, dict(os.environ, **(environ or {}))))
        self._process.start()

    def status(self) -> Optional[int]:
        """Its exit status, -N where signal N ended it, None as long as it runs."""
        return self._process.exitcode

    def wait(self, secs: float = 120.0) -> int:
        """Its exit status; fails where it does not end in time."""
        self._process.join(secs)
        status = self._process.exitcode
        if status is None:
            self.kill()
        assert status is not None, "no end after {} s:\n{}".format(secs, self.output())
        return status

    def send_signal(self, number: int) -> None:
        """Sends it a signal if it still runs."""
        pid = self._process.pid
        if pid and self._process.is_alive():
            os.kill(pid, number)

    def kill(self) -> None:
        """Ends it as kill -9 does, and waits until it is gone."""
        self.send_signal(signal.SIGKILL)
        self._process.join()

    def output(self) -> str:
        """What it, and others with its log, have printed."""
        with open(self._log) as file:
            return file.read()


def _run(call: Callable[..., object], args: Any, kwargs: Any, log: str,
         environ: Mapping[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environ)
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(file, stream.fileno())
    quick.skip_costs()
    call(*args, **kwargs)

"""SIGTERM and SIGINT: remembered until a step ends, or raised."""

import contextlib
import os
import signal
import threading
import time
from typing import Dict, Iterator, Optional

from common.errors import Stopped


class Signals:
    """Remembers the first SIGTERM or SIGINT; a second one ends the process.

    Python runs a signal's handler in the main thread between two bytecodes, so never while
    TensorFlow waits for another process. The wakeup file descriptor is written by C at once, and
    another thread reads it.

    Attributes:
      received: the number of the signal that came; None before.
    """

    def __init__(self) -> None:
        self.received: Optional[int] = None
        self._received_at = 0.0
        self._before: Dict[int, object] = {}
        self._wakeup = self._wakeup_before = -1

    def __enter__(self) -> "Signals":
        self._wakeup, wakeup_writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._wakeup_before = signal.set_wakeup_fd(wakeup_writer)
        for number in (signal.SIGTERM, signal.SIGINT):
            self._before[number] = signal.signal(number, self._receive)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        os.close(signal.set_wakeup_fd(self._wakeup_before))
        os.close(self._wakeup)

    def pending_secs(self) -> float:
        """Seconds since a signal came, 0 if none did; another thread sees one at once, too."""
        try:
            numbers = os.read(self._wakeup, 64)
        except BlockingIOError:
            numbers = b""
        if numbers and not self.received:
            self._receive(numbers[0], None)
        return time.monotonic() - self._received_at if self.received else 0.0

    def _receive(self, number: int, _: object) -> None:
        self.received, self._received_at = number, time.monotonic()
        if threading.current_thread() is threading.main_thread():
            for another in self._before:
                signal.signal(another, signal.SIG_DFL)


@contextlib.contextmanager
def raising_stopped() -> Iterator[None]:
    """SIGTERM raises Stopped, also in PID 1 of a container, which the kernel shields from signals
    without a handler.

    A signal that arrived early, in a process that was started with SIGTERM blocked, is raised on
    entry.
    """
    def stop(number: int, _: object) -> None:
        raise Stopped(number)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def nothing_written(path: str) -> Iterator[None]:
    """Around what writes a file or folder whole: the message of a signal says that it did not."""
    try:
        yield
    except Stopped as stopped:
        name = signal.Signals(stopped.status - 128).name
        stopped.args = ("stopped by {}; {} was not written".format(name, path),)
        raise

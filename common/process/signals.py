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

    Attributes:
      received: the number of the signal that came.
    """

    def __init__(self) -> None:
        self.received: Optional[int] = None
        self._received_at = 0.0
        self._before: Dict[int, object] = {}
        self._woken = self._wake_before = -1

    def __enter__(self) -> "Signals":
        self._woken, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._wake_before = signal.set_wakeup_fd(wake)
        for number in (signal.SIGTERM, signal.SIGINT):
            self._before[number] = signal.signal(number, self._receive)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        os.close(signal.set_wakeup_fd(self._wake_before))
        os.close(self._woken)

    def pending_secs(self) -> float:
        """Seconds since a signal came, 0 if none did; also while the main thread is in a call that runs no handlers."""
        try:
            numbers = os.read(self._woken, 64)
        except BlockingIOError:
            numbers = b""
        if numbers and not self.received:
            self._receive(numbers[0], None)
        return time.monotonic() - self._received_at if self.received else 0.0

    def _receive(self, number: int, _: object) -> None:
        self.received, self._received_at = number, time.monotonic()
        if threading.current_thread() is threading.main_thread():
            for again in self._before:
                signal.signal(again, signal.SIG_DFL)


@contextlib.contextmanager
def raising_stopped() -> Iterator[None]:
    """SIGTERM raises Stopped, also in a process that is number 1 of its container, which is deaf to it otherwise.

    A process may be started with the signal blocked, so that one that comes early is not lost; it is raised now.
    """
    def stop(number: int, _: object) -> None:
        raise Stopped(number)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
        yield
    finally:
        signal.signal(signal.SIGTERM, before)

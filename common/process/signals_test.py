import os
import signal
import threading
import time
from typing import List

import pytest

from common.errors import Stopped
from common.process import signals as signals_module
from common.process.signals import Signals


def test_a_signal_is_seen_while_the_main_thread_runs_no_handlers() -> None:
    """Here the main thread waits for a thread that looks for the signal; a lock's wait runs no
    handlers.
    """
    seen: List[float] = []
    with Signals() as signals:
        def look() -> None:
            os.kill(os.getpid(), signal.SIGTERM)
            deadline = time.monotonic() + 10
            while not signals.pending_secs() and time.monotonic() < deadline:
                time.sleep(0.01)
            seen.append(signals.pending_secs())

        assert signals.pending_secs() == 0
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
        assert signals.received == signal.SIGTERM and seen[0] > 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_is_remembered_and_handlers_come_back(number: int) -> None:
    before = signal.getsignal(number)
    with Signals() as signals:
        assert signals.received is None
        os.kill(os.getpid(), number)
        assert signals.received == number
        assert signal.getsignal(number) is signal.SIG_DFL  # a second one ends the process
    assert signal.getsignal(number) is before


def test_a_blocked_signal_is_raised_on_entry() -> None:
    before = signal.getsignal(signal.SIGTERM)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)  # other threads do not block it
    with pytest.raises(Stopped, match="stopped by SIGTERM") as raised:
        with signals_module.raising_stopped():
            time.sleep(10)
    assert raised.value.status == 143 and signal.getsignal(signal.SIGTERM) is before

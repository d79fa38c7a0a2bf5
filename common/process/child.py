"""A program that is run to its end on behalf of this process, and ends with it."""

import ctypes
import os
import signal
import subprocess
from typing import Callable, Dict, List, Optional

_PR_SET_PDEATHSIG = 1  # of linux/prctl.h
_LIBC = ctypes.CDLL(None)  # found before any fork: behind one, other threads' locks stay locked


def run(words: List[str], env: Dict[str, str]) -> int:
    """Runs a program to its end; returns its exit status as a shell reports it, 128 + n for signal
    n.

    SIGTERM and SIGINT go to the program, which decides how it ends. If this process is killed, the
    program is killed with it: nothing goes on writing where the next start will.
    """
    received: List[int] = []
    process: Optional[subprocess.Popen] = None

    def forward(number: int, _: object) -> None:
        received.append(number)
        if process:
            process.send_signal(number)

    before = {number: signal.signal(number, forward) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        # A session of its own, so that Ctrl-C of a terminal comes once, from here.
        process = subprocess.Popen(
            words, env=env, start_new_session=True, preexec_fn=ending_with_this())
        if received:  # before there was a process to send it to
            process.send_signal(received[0])
        status = process.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return status if status >= 0 else 128 - status


def ending_with_this() -> Callable[[], None]:
    """What a process calls, between fork and exec, to be killed once this one is gone.

    The kernel looks at the thread that starts it: that has to live as long as this process.
    """
    parent = os.getpid()
    return lambda: _end_with(parent)


def _end_with(parent: int) -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # gone already
        os._exit(128 + signal.SIGKILL)

import os
import signal
import subprocess
import sys
import time

import pytest

from common.process import child
from common.testing.children import has_ended

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(child.__file__))))
ENV = dict(os.environ)
PARENT = """
import os, sys
sys.path.insert(0, {root!r})
from common.process import child
sys.exit(child.run([sys.executable, "-c", {code!r}], dict(os.environ)))
"""
SLEEPS = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
COUNTS = ("import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: sys.exit(7)); "
          "print('ready', flush=True); time.sleep(600)")


def start(code: str) -> subprocess.Popen:
    text = PARENT.format(root=ROOT, code=code)
    return subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("code, status", [
    ("pass", 0), ("raise SystemExit(3)", 3), ("import os; os.kill(os.getpid(), 9)", 137)])
def test_the_status_is_that_of_a_shell(code: str, status: int) -> None:
    assert child.run([sys.executable, "-c", code], ENV) == status


@pytest.mark.slow
def test_a_signal_goes_to_the_program_which_decides() -> None:
    parent = start(COUNTS)
    assert parent.stdout and parent.stdout.readline() == "ready\n"
    parent.send_signal(signal.SIGTERM)
    assert parent.wait(60) == 7


@pytest.mark.slow
def test_the_program_is_killed_with_its_parent() -> None:
    parent = start(SLEEPS)
    assert parent.stdout
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.wait(60)
    deadline = time.monotonic() + 60
    while not has_ended(pid):
        assert time.monotonic() < deadline
        time.sleep(0.05)

import os
import subprocess
import sys

import pytest

from common import log

# Counts the writes of standard error itself, which is what a container's log sees.
PROGRAM = """
import io, sys
class Counted(io.FileIO):
    def write(self, data):
        print(bytes(data))
        return super().write(data)
sys.stderr = io.TextIOWrapper(Counted(2, "w", closefd=False), write_through=True)
from common import log
log.log("step 3")
"""


def test_a_line_is_one_write_of_unbuffered_output() -> None:
    done = subprocess.run([sys.executable, "-u", "-c", PROGRAM], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=True)
    assert done.stdout == b"b'step 3\\n'\n"
    assert done.stderr == b"step 3\n"


def test_a_line_ends(capsys: pytest.CaptureFixture) -> None:
    log.log("a")
    log.log("b")
    assert capsys.readouterr().err == "a\nb\n"


def test_what_is_shown_may_have_lost_its_reader(capsys: pytest.CaptureFixture) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    program = "from common import log; log.show('a'); log.show('b' * 100000); log.show('c')"
    done = subprocess.run([sys.executable, "-c", program], stdout=write_end,
                          stderr=subprocess.PIPE, check=True)
    os.close(write_end)
    assert done.stderr == b""
    log.show("seen")
    assert capsys.readouterr().out == "seen\n"

import fcntl
import os
import subprocess
import sys
from unittest import mock

import pytest

from common.errors import FolderInUse
from common.process import folder_lock

HOLDS = """
import fcntl, os, sys, time
fd = os.open(sys.argv[1], os.O_RDONLY)
fcntl.flock(fd, fcntl.LOCK_EX)
print("held", flush=True)
time.sleep(600)
"""


def test_a_second_process_is_refused_and_the_first_is_named(tmp_path: object) -> None:
    folder = str(tmp_path)
    other = subprocess.Popen([sys.executable, "-c", HOLDS, folder], stdout=subprocess.PIPE)
    try:
        assert other.stdout and other.stdout.readline()
        with pytest.raises(FolderInUse, match="{}: another run writes there, process {} of this "
                           "machine. Wait for its end, or give another folder to --checkpoint"
                           .format(folder, other.pid)):
            with folder_lock.held(folder):
                pass
    finally:
        other.kill()
        other.wait()
    with folder_lock.held(folder):  # which ended with its holder
        pass


def test_a_new_folder_goes_again_if_nothing_was_written(tmp_path: object) -> None:
    folder = os.path.join(str(tmp_path), "run")
    with folder_lock.held(folder):
        assert os.path.isdir(folder)
    assert not os.path.exists(folder)
    with folder_lock.held(folder):
        open(os.path.join(folder, "a"), "w").close()
    assert os.listdir(folder) == ["a"]


def test_a_file_system_without_locks_is_said(
        tmp_path: object, capsys: pytest.CaptureFixture) -> None:
    error = OSError(9, "Bad file descriptor")
    with mock.patch.object(fcntl, "flock", side_effect=error), folder_lock.held(str(tmp_path)):
        pass
    text = capsys.readouterr()
    assert "has no locks (Bad file descriptor), so a second run there is not noticed" in (
        text.out + text.err)

"""Rehearsals of a stand-in for launch.py, which does what a file named like its process says."""

import os
import re
import signal
import subprocess
import sys
import time
from typing import Dict, List

import pytest

from common.process import rehearsal
from common.testing.children import has_ended

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(rehearsal.__file__))))
STAND_IN = """
import json, os, signal, sys, time
config = json.loads(os.environ["TF_CONFIG"])
name = "{type}-{index}".format(**config["task"])
print(name, sys.argv[1:], json.dumps(config["cluster"]), flush=True)
path = os.path.join(os.path.dirname(__file__), name)
open(path + ".printed", "w").close()
words = open(path).read().split() if os.path.exists(path) else ["exit", "0"]
if words[0] == "after":  # what follows, once another process has printed its line
    while not os.path.exists(os.path.join(os.path.dirname(__file__), words[1] + ".printed")):
        time.sleep(0.01)
    words = words[2:]
if words[0] == "once":  # what follows, and nothing more the next time
    os.remove(path)
    words = words[1:]
if words[0] == "kill":
    os.kill(os.getpid(), int(words[1]))
if words[0] == "sleep":
    time.sleep(float(words[1]))
    words = ["exit", "0"]
if words[0] == "deaf":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("deaf", flush=True)
    time.sleep(60)
sys.exit(int(words[1]))
"""


@pytest.mark.parametrize("text, roles",
                         [("ps=2,worker=2,evaluator=1", {"ps": 2, "worker": 2, "evaluator": 1}),
                          ("chief=1,ps=0", {"chief": 1})])
def test_roles(text: str, roles: Dict[str, int]) -> None:
    assert rehearsal.read_roles(text) == roles


@pytest.mark.parametrize(
    "text, message",
    [("",
      r"--local takes ROLE=COUNT,... with the roles chief, .*Got: ''. For example: --local ps=2"),
     ("ps", "Got: 'ps'"), ("boss=1", "Got: 'boss=1'"), ("ps=-1", "Got: 'ps=-1'"),
     ("ps=1,ps=2", "Got: 'ps=1,ps=2'"),
     ("ps=2,evaluator=1", "--local needs a chief or a worker. Got: 'ps=2,evaluator=1'")])
def test_wrong_roles(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        rehearsal.read_roles(text)


def test_ports_are_free_and_differ() -> None:
    assert len(set(rehearsal.free_ports(20))) == 20


def start(folder: object, does: Dict[str, str], *words: str) -> subprocess.Popen:
    """Starts a rehearsal of two servers and two workers; `does` says what each of them does."""
    launcher = os.path.join(str(folder), "launch.py")
    for path, text in [(launcher, STAND_IN)] + [(os.path.join(str(folder), name), text)
                                                for name, text in does.items()]:
        with open(path, "w") as file:
            file.write(text)
    code = ("import sys; from common.process import rehearsal\n"
            "rehearsal._STOP_SECS, rehearsal.RESTART_SECS = 1.0, 0.1\n"
            "sys.exit(rehearsal.run({'ps': 2, 'worker': 2}, sys.argv[1], sys.argv[2:]))")
    return subprocess.Popen(
        [sys.executable, "-c", code, launcher, *words], cwd=str(folder), stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, universal_newlines=True, env=dict(os.environ, PYTHONPATH=ROOT))


def run(folder: object, does: Dict[str, str]) -> List[object]:
    process = start(folder, does, "esmm", "--checkpoint", os.path.join(str(folder), "run"))
    output, _ = process.communicate(timeout=60)
    return [process.returncode, output]


def log(folder: object, name: str) -> str:
    with open(os.path.join(str(folder), "run", "logs", name + ".log")) as file:
        return file.read()


def test_every_process_knows_the_cluster_and_its_place(tmp_path: object) -> None:
    status, output = run(tmp_path, {})
    assert status == 0, output
    lines = [log(tmp_path, name).strip() for name in ("ps-0", "ps-1", "worker-0", "worker-1")]
    assert len({line.split("]", 1)[1] for line in lines}) == 1  # one cluster
    ports = re.findall(r"127.0.0.1:(\d+)", lines[0])
    assert len(set(ports)) == 4
    for line in lines:
        assert "[{}] {}\n".format(line.split()[0], line) in output
        assert "'esmm', '--checkpoint'" in line


def test_without_a_folder_it_makes_one(tmp_path: object) -> None:
    process = start(tmp_path, {}, "din", "--steps", "3")
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    folder, = re.findall(r"logs: (result/local_din_\d+)/logs/ROLE-INDEX.log", output)
    assert "'--checkpoint', '{}'".format(folder) in output
    assert sorted(os.listdir(os.path.join(str(tmp_path), folder, "logs"))) == [
        "ps-0.log", "ps-1.log", "worker-0.log", "worker-1.log"]


@pytest.mark.slow
@pytest.mark.parametrize("does, status", [("once kill 9", 137), ("once kill 15", 143),
                                          ("once exit 138", 138)])
def test_what_is_killed_is_started_again(tmp_path: object, does: str, status: int) -> None:
    done, output = run(tmp_path, {"ps-1": does, "worker-0": "sleep 0.5"})
    assert done == 0, output
    assert "--- ended with {}, is started again".format(status) in log(tmp_path, "ps-1")
    assert log(tmp_path, "ps-1").count("ps-1 [") == 2 and log(tmp_path, "ps-0").count("ps-0 [") == 1


def test_what_fails_ends_the_job_with_its_status(tmp_path: object) -> None:
    began = time.monotonic()
    status, output = run(tmp_path, {"worker-1": "exit 3", "ps-0": "sleep 60", "ps-1": "deaf"})
    assert status == 3 and "[worker-1] --- failed with 3; the job ends" in output
    assert time.monotonic() - began < 20


def children_of(process: subprocess.Popen) -> List[str]:
    """The processes of a rehearsal, once one of them that is deaf to SIGTERM has said so."""
    for line in process.stdout:
        if line == "[ps-1] deaf\n":
            break
    return subprocess.run(["ps", "--ppid", str(process.pid), "-o", "pid="],
                          stdout=subprocess.PIPE, universal_newlines=True).stdout.split()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_all(tmp_path: object, number: int) -> None:
    does = {"ps-0": "sleep 60", "ps-1": "deaf", "worker-0": "sleep 60", "worker-1": "sleep 60"}
    process = start(tmp_path, does, "esmm", "--checkpoint=run")
    children = children_of(process)
    process.send_signal(number)
    process.communicate(timeout=30)
    assert process.returncode == 128 + number
    assert len(children) == 4 and not any(os.path.exists("/proc/" + pid) for pid in children)


@pytest.mark.slow
def test_all_are_killed_with_the_rehearsal(tmp_path: object) -> None:
    process = start(tmp_path, {"ps-1": "deaf"}, "esmm", "--checkpoint=run")
    children = children_of(process)
    assert children
    process.kill()
    process.wait(30)
    deadline = time.monotonic() + 30
    while not all(has_ended(int(pid)) for pid in children):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_rehearsal_in_an_object_store_makes_no_folder(
        tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(str(tmp_path))
    with pytest.raises(ValueError, match="s3://b/run: the processes of a rehearsal write to a lo"):
        rehearsal.run({"worker": 1}, "launch.py", ["esmm", "--checkpoint", "s3://b/run"])
    assert not os.listdir(str(tmp_path))


def test_a_full_disk_cuts_a_log_and_not_the_job(tmp_path: object) -> None:
    logs = os.path.join(str(tmp_path), "run", "logs")
    os.makedirs(logs)
    os.symlink("/dev/full", os.path.join(logs, "ps-0.log"))
    status, output = run(tmp_path, {"worker-1": "after ps-0 exit 1"})
    assert status == 1, output
    assert output.count("[ps-0] --- ") == 1
    assert "ps-0.log lacks what follows: No space left on device" in output
    assert "[worker-1] --- failed with 1; the job ends" in output and "Traceback" not in output

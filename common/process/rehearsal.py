"""A whole cluster on one machine, run as Kubernetes' training operator runs it.

Each process gets a TF_CONFIG, a free port and a log. A process that exits with 128 or above, or is
killed by a signal, is restarted under the same name; an exit status of 1 to 127 fails the job; the
job is done when all have exited with 0.
"""

import argparse
import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import IO, Dict, Iterator, List, Optional

from common.config.cluster import ROLES, Cluster
from common.places import addresses
from common.process import child

RESTART_SECS = 1.0
_STOP_SECS = 30.0
_POLL_SECS = 0.2
_RUNNING = -1  # instead of an exit status


def read_roles(text: str) -> Dict[str, int]:
    """Reads "ps=2,worker=2,evaluator=1".

    Raises:
      ValueError: it is not of that form, or names an unknown role.
    """
    roles: Dict[str, int] = {}
    for part in text.split(","):
        role, _, count = part.partition("=")
        if role not in ROLES or not count.isdigit() or role in roles:
            raise ValueError("--local takes ROLE=COUNT,... with the roles {}. Got: {!r}. For "
                             "example: --local ps=2,worker=2,evaluator=1".format(
                                 ", ".join(ROLES), text))
        roles[role] = int(count)
    if not roles.get("chief", 0) + roles.get("worker", 0):
        raise ValueError("--local needs a chief or a worker. Got: {!r}.".format(text))
    return {role: count for role, count in roles.items() if count}


def free_ports(count: int) -> List[int]:
    """Ports of this machine that nothing listens at."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for listener in sockets:
            listener.bind(("127.0.0.1", 0))
        return [listener.getsockname()[1] for listener in sockets]
    finally:
        for listener in sockets:
            listener.close()


def run(roles: Dict[str, int], launcher: str, words: List[str]) -> int:
    """Runs a command as every process of a cluster; returns the job's exit status.

    Args:
      roles: how many processes of each role.
      launcher: the path of launch.py.
      words: what follows it: the model's name and flags. Without --checkpoint they get one of a new
        folder.

    Returns:
      0 when every process has ended with 0, the status of the first that failed, or 128 + n after
      signal n to this process; all others are ended before.
    """
    folder = _checkpoint_of(words)
    if folder:
        addresses.check_local(folder, "the processes of a rehearsal write")
    command = [sys.executable, launcher] + words
    if not folder:
        folder = os.path.join("result", "local_{}_{}".format(words[0], int(time.time())))
        command += ["--checkpoint", folder]
    logs = os.path.join(folder, "logs")
    os.makedirs(logs, exist_ok=True)
    processes = [_Process(place, command, logs) for place in _places(roles)]
    print("logs: {}".format(os.path.join(logs, "ROLE-INDEX.log")), flush=True)
    stops: List[int] = []
    with _remembering_signals(stops):
        try:
            return _supervise(processes, stops)
        finally:
            _end(processes)


def _places(roles: Dict[str, int]) -> List[Cluster]:
    """The place of each process in a cluster on free ports of this machine."""
    ports = free_ports(sum(roles.values()))
    jobs: Dict[str, List[str]] = {}
    for role in ROLES:
        if role in roles:
            jobs[role] = ["127.0.0.1:{}".format(ports.pop()) for _ in range(roles[role])]
    return [Cluster(jobs, role, index) for role in jobs for index in range(len(jobs[role]))]


@contextlib.contextmanager
def _remembering_signals(stops: List[int]) -> Iterator[None]:
    """SIGINT and SIGTERM add their number to a list."""
    before: Dict[int, object] = {}
    for number in (int(signal.SIGINT), int(signal.SIGTERM)):
        before[number] = signal.signal(number, lambda received, _: stops.append(received))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]


def _checkpoint_of(words: List[str]) -> Optional[str]:
    """The folder that the flags name for checkpoints."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--checkpoint", "--checkpoint_dir")
    return parser.parse_known_args(words)[0].checkpoint


class _Process:
    """One process of the cluster, its log, and its lines in the live view."""

    def __init__(self, place: Cluster, command: List[str], logs: str) -> None:
        self.name = place.name
        self._command = command
        self._environment = dict(os.environ, TF_CONFIG=place.tf_config())
        self._log_file = open(os.path.join(logs, self.name + ".log"), "ab")
        self._is_log_cut = False
        self._restart_at = 0.0
        self.start()

    def start(self) -> None:
        """Starts the process in a session of its own, out of reach of a terminal's Ctrl-C.

        It is killed with this one, so that nothing writes where the next rehearsal will.
        """
        self.process = subprocess.Popen(
            self._command, env=self._environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            start_new_session=True, preexec_fn=child.ending_with_this())
        self._reader = threading.Thread(target=self._copy, args=(self.process.stdout,), daemon=True)
        self._reader.start()

    def log(self, text: str) -> None:
        """Adds a line of ours to the log and to the live view."""
        self._write("--- {}\n".format(text).encode())

    def status(self) -> int:
        """Its exit status, or _RUNNING while it runs or waits for the restart made here."""
        code = self.process.poll()
        if code is None:
            return _RUNNING
        if 0 <= code < 128:
            return code
        now = time.monotonic()
        if not self._restart_at:
            self._restart_at = now + RESTART_SECS
            status = code if code > 0 else 128 - code  # as a shell reports what a signal killed
            self.log("ended with {}, is started again".format(status))
        elif now >= self._restart_at:
            self._restart_at = 0.0
            self.start()
        return _RUNNING

    def send(self, number: int) -> None:
        """Sends a signal if the process runs."""
        if self.process.poll() is None:
            self.process.send_signal(number)

    def end(self, secs: float) -> None:
        """Waits up to so many seconds for the process to end, then kills it, and closes its log."""
        try:
            self.process.wait(max(secs, 0.0))
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._reader.join()
        with contextlib.suppress(OSError):  # as above, of what was not written yet
            self._log_file.close()

    def _copy(self, pipe: IO[bytes]) -> None:
        with pipe:
            for line in pipe:
                self._write(line)

    def _write(self, line: bytes) -> None:
        try:
            self._log_file.write(line)
            self._log_file.flush()
        except OSError as error:  # a full disk, which must not end who copies, or the job
            if not self._is_log_cut:
                self._is_log_cut = True
                print("[{}] --- {} lacks what follows: {}".format(
                    self.name, self._log_file.name, error.strerror), flush=True)
        sys.stdout.write("[{}] {}".format(self.name, line.decode("utf-8", "replace")))
        sys.stdout.flush()


def _supervise(processes: List[_Process], stops: List[int]) -> int:
    """Restarts what was killed until all are done, one fails or a signal comes.

    Returns:
      The job's exit status.
    """
    while not stops:
        statuses = [process.status() for process in processes]
        for process, status in zip(processes, statuses):
            if status > 0:
                process.log("failed with {}; the job ends".format(status))
                return status
        if not any(statuses):
            return 0
        time.sleep(_POLL_SECS)
    return 128 + stops[0]


def _end(processes: List[_Process]) -> None:
    """Ends what still runs: SIGTERM to all, as when a job is deleted, and after a time SIGKILL."""
    for process in processes:
        process.send(signal.SIGTERM)
    deadline = time.monotonic() + _STOP_SECS
    for process in processes:
        process.end(deadline - time.monotonic())

"""Whole clusters of the toy model, in processes of their own."""

import json
import os
import sys
import time
from typing import Any, Callable, Dict, Iterator, List, Optional

import pytest

from common import runner
from common.config import cluster
from common.config.cluster import Cluster
from common.pipeline import source
from common.process import rehearsal
from common.testing import toy
from common.testing.children import Child
from common.testing.runs import TEST, TRAIN, Params, train

BATCH = 16


def play(folder: str, params: Params, setup: Callable[[], None], **features: Any) -> None:
    """Plays the role that TF_CONFIG gives; a trainer appends the rows of each step to
    rows-ROLE-INDEX.
    """
    setup()
    job = cluster.read(os.environ)
    assert job
    data = source.open_data(folder, toy.SCHEMA, False, 0, False)
    params = params._replace(log=os.path.join(folder, "rows-" + job.name))
    sys.exit(runner.exit_status(lambda: train(  # type: ignore
        folder, data, params, batch_size=BATCH, cluster=job, **features)))


def no_setup() -> None:
    """Leaves a process as it is."""


class Job:
    """The processes of a cluster on this machine, by name.

    Args:
      secs: how long a step takes at least.
      setup: what each calls first.
      params: of the model, but for the log and the seconds.
      features: fields of Run.
    """

    def __init__(self, folder: object, roles: Dict[str, int], steps: int, save_steps: int = 0,
                 secs: float = 0.0, wait_secs: float = 60.0, setup: Callable[[], None] = no_setup,
                 params: Params = Params(), **features: Any) -> None:
        self.folder = str(folder)
        ports = iter(rehearsal.free_ports(sum(roles.values())))
        self._jobs = {role: ["127.0.0.1:{}".format(next(ports)) for _ in range(count)]
                      for role, count in roles.items()}
        self._features = dict(
            features, params=params._replace(secs=secs), setup=setup, steps=steps,
            save_steps=save_steps, wait_secs=wait_secs)
        self.processes: Dict[str, Child] = {}

    def start(self, *names: str) -> None:
        """Starts processes, by default all of the cluster."""
        all_names = ["{}-{}".format(role, i)
                     for role, addresses in self._jobs.items() for i in range(len(addresses))]
        for name in names or all_names:
            role, index = name.split("-")
            task = {"cluster": self._jobs, "task": {"type": role, "index": int(index)}}
            self.processes[name] = Child(play, self.folder,
                                         log=os.path.join(self.folder, name + ".log"),
                                         environ={"TF_CONFIG": json.dumps(task)}, **self._features)

    def statuses(self, secs: float = 120.0) -> Dict[str, Optional[int]]:
        """The exit statuses of all that were started, once they have ended or the time is over."""
        deadline = time.monotonic() + secs
        statuses = self._statuses()
        while time.monotonic() < deadline and None in statuses.values():
            time.sleep(0.1)
            statuses = self._statuses()
        return statuses

    def _statuses(self) -> Dict[str, Optional[int]]:
        return {name: process.status() for name, process in self.processes.items()}

    def last_statuses(self, secs: float = 120.0) -> Dict[str, Optional[int]]:
        """The exit statuses at last; who asks to be started again, with 138, is, as the training
        operator does it.
        """
        statuses = self.statuses(secs)
        while 138 in statuses.values():
            self.start(*[name for name, status in statuses.items() if status == 138])
            statuses = self.statuses(secs)
        return statuses

    def log(self, name: str) -> str:
        """What a process has printed."""
        with open(os.path.join(self.folder, name + ".log")) as file:
            return file.read()

    def logs(self) -> str:
        """What all have printed, for the message of a failure."""
        return "\n".join(
            "== {}\n{}".format(name, self.log(name)) for name in sorted(self.processes))

    def rows(self, name: str) -> List[List[int]]:
        """The rows of a trainer's steps, in order."""
        path = os.path.join(self.folder, "rows-" + name)
        if not os.path.exists(path):
            return []
        with open(path) as file:
            return [[int(row) for row in line.split(":")[1].split()] for line in file]

    def wait_for_steps(self, name: str, count: int, secs: float = 90.0) -> None:
        """Waits until a trainer has run so many steps."""
        deadline = time.monotonic() + secs
        while len(self.rows(name)) < count:
            assert time.monotonic() < deadline, self.logs()
            time.sleep(0.05)

    def metrics(self) -> Dict[str, object]:
        """The job's metrics.json."""
        with open(os.path.join(self.folder, "run", "metrics.json")) as file:
            return json.load(file)

    def end(self) -> None:
        """Kills what still runs."""
        for process in self.processes.values():
            process.kill()


@pytest.fixture
def make_job(tmp_path: object) -> Iterator[Callable[..., Job]]:
    """Makes jobs over the toy rows in a folder, and ends what is left of them."""
    toy.open_toy(tmp_path, TRAIN, TEST)
    jobs: List[Job] = []

    def make(*args: Any, **kwargs: Any) -> Job:
        jobs.append(Job(tmp_path, *args, **kwargs))
        return jobs[-1]

    yield make
    for job in jobs:
        job.end()


def cluster_of(trainers: int) -> Cluster:
    """The chief's place in a cluster of so many trainers and a server."""
    workers = ["w:{}".format(i) for i in range(trainers - 1)]
    return Cluster({"chief": ["c:1"], "worker": workers, "ps": ["p:1"]}, "chief", 0)

"""The processes of one job, as TF_CONFIG names them.

Kubernetes' training operator, `common/launch.py --local` and people write TF_CONFIG:

    {"cluster": {"chief": ["host:port"], "worker": [...], "ps": [...], "evaluator": [...]},
     "task": {"type": "worker", "index": 0}}

Without a chief, worker 0 becomes the chief and the other workers move up by one. As for TensorFlow,
a master is a chief, and an index may be a text.
"""

import contextlib
import itertools
import json
import os
from typing import Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence

from common.config.flag_types import FEATURES, FlagParser, amount

ROLES = ("chief", "worker", "ps", "evaluator")
_CHIEFS = ("chief", "master")
LOST_STATUS = 138  # asks for a restart; the training operator restarts from 128 on
GRACE_SECS = 300  # between SIGTERM and SIGKILL in the manifests, which k8s/render.py writes
_EXAMPLE = ('Write it as {"cluster": {"chief": ["host:port"], "worker": ["host:port"], "ps": '
            '["host:port"]}, "task": {"type": "worker", "index": 0}}')


def add_flags(parser: FlagParser) -> None:
    """Adds the flags of how the processes of a job talk and wait."""
    group = parser.group(FEATURES)
    group.add_argument(
        "--protocol", choices=("grpc", "grpc++", "star_server"), default="grpc",
        help="protocol between processes; the last two need DeepRec (default grpc)")
    group.add_argument(
        "--wait_secs", type=amount, default=1800.0, metavar="SECS",
        help="how long a process of a cluster waits for another (default 1800)")


class Cluster(NamedTuple):
    """The job that this process is a part of.

    Attributes:
      jobs: role -> addresses "host:port", in the order of their indices; always with a chief.
      role, task: this process' own place, its index among the processes of the role.
    """

    jobs: Dict[str, List[str]]
    role: str
    task: int

    @property
    def trains(self) -> bool:
        """Whether this process computes gradients."""
        return self.role in ("chief", "worker")

    @property
    def has_servers(self) -> bool:
        """Whether the variables live on parameter servers."""
        return bool(self.jobs.get("ps"))

    @property
    def has_evaluator(self) -> bool:
        """Whether the cluster names an evaluator, which older operators do not."""
        return bool(self.jobs.get("evaluator"))

    @property
    def device(self) -> str:
        """What TensorFlow calls this process among the devices of the cluster."""
        return "/job:{}/task:{}".format(self.role, self.task)

    @property
    def num_trainers(self) -> int:
        """How many processes compute gradients."""
        return 1 + len(self.jobs.get("worker", []))

    @property
    def shard(self) -> int:
        """This trainer's part of the rows: 0 for the chief, i + 1 for worker i."""
        return 0 if self.role == "chief" else self.task + 1

    @property
    def name(self) -> str:
        """This process' name, as "worker-0"."""
        return "{}-{}".format(self.role, self.task)

    def processes(self, *roles: str) -> Dict[str, str]:
        """The names of the processes of some roles, as "ps-0", and their addresses."""
        named: Dict[str, str] = {}
        for role in roles:
            for i, address in enumerate(self.jobs.get(role, [])):
                named["{}-{}".format(role, i)] = address
        return named

    def tf_config(self) -> str:
        """The value of TF_CONFIG for this place."""
        task = {"type": self.role, "index": self.task}
        # "cloud" is what the training operator writes.
        config = {"cluster": self.jobs, "task": task, "environment": "cloud"}
        return json.dumps(config, sort_keys=True)


def read(environ: Mapping[str, str]) -> Optional[Cluster]:
    """The job that TF_CONFIG describes, with a chief; None if it is missing or empty.

    One that says anything but names no cluster is refused: each process of a job would train alone,
    into the same folder.

    Raises:
      ValueError: it is malformed or contradicts itself; the message says what was given and what to
        write.
    """
    text = environ.get("TF_CONFIG", "").strip()
    try:
        config = json.loads(text) if text else {}
    except ValueError as error:
        raise _wrong("is not JSON ({})".format(error), text)
    _check(isinstance(config, dict), "is not a JSON object", config)
    jobs, task = config.get("cluster", {}), config.get("task", {})
    _check(isinstance(jobs, dict), "has a cluster that is not an object of roles", jobs)
    _check(isinstance(task, dict), "has a task that is not an object with type and index", task)
    if not jobs:
        found = ", ".join(repr(key) for key in config if key != "cluster")
        _check(not found, "has {} and no cluster".format(found), config)
        return None
    jobs = _checked_jobs(_with_chief_for_master(jobs))
    return _with_chief(Cluster(jobs, *_checked_task(task, jobs)))


def _with_chief_for_master(jobs: Dict[str, object]) -> Dict[str, object]:
    """The addresses of each role, those of a master as a chief's."""
    if not jobs.get("master"):
        return {role: addresses for role, addresses in jobs.items() if role != "master"}
    _check(not jobs.get("chief"), "has both a chief and a master, which are the same role", jobs)
    others = {role: addresses for role, addresses in jobs.items() if role not in _CHIEFS}
    return dict(others, chief=jobs["master"])


def _checked_jobs(jobs: Dict[str, object]) -> Dict[str, List[str]]:
    """The addresses of each role; roles without any are left out."""
    known: Dict[str, List[str]] = {}
    for role, addresses in jobs.items():
        problem = "names the role {!r}; the roles are {}".format(role, ", ".join(ROLES))
        _check(role in ROLES, problem, jobs)
        checked = _checked_addresses(role, addresses)
        if checked:
            known[role] = checked
    _check_addresses_differ(known)
    _check_counts(known, jobs)
    return known


def _checked_addresses(role: str, addresses: object) -> List[str]:
    _check(not isinstance(addresses, dict),
           "lists {} by number, as the training operator does with enableDynamicWorker, which "
           "TensorFlow 1.15.5 cannot train with. Leave enableDynamicWorker out".format(role),
           addresses)
    problem = "needs a list of \"host:port\" for {}".format(role)
    if not isinstance(addresses, list) or not all(map(_is_address, addresses)):
        raise _wrong(problem, addresses)
    return addresses


def _check_addresses_differ(jobs: Dict[str, List[str]]) -> None:
    addresses = list(itertools.chain.from_iterable(jobs.values()))
    repeated = sorted({address for address in addresses if addresses.count(address) > 1})
    _check(not repeated, "gives two processes one address", repeated)


def _check_counts(jobs: Dict[str, List[str]], original: Dict[str, object]) -> None:
    counts = {role: len(jobs.get(role, [])) for role in ROLES}
    for role in ("chief", "evaluator"):
        _check(counts[role] <= 1, "has more than one {}".format(role), jobs.get(role))
    trainers = counts["chief"] + counts["worker"]
    _check(trainers > 0, "has neither a chief nor a worker", original)
    _check(counts["ps"] > 0 or trainers == 1,
           "has {} processes that train and no ps to hold their variables".format(trainers),
           original)


def _is_address(address: object) -> bool:
    if not isinstance(address, str):
        return False
    host, _, port = address.rpartition(":")
    return bool(host) and port.isdigit() and 0 < int(port) < 65536


def _checked_task(task: Dict[str, object], jobs: Dict[str, List[str]]) -> Sequence:
    """The role and the index of this process."""
    role, index = task.get("type"), task.get("index")
    if role == "master":
        role = "chief"
    _check(role in ROLES, "needs a task with a type, one of {}".format(", ".join(ROLES)), task)
    if isinstance(index, str) and index.isdecimal():
        index = int(index)
    _check(isinstance(index, int) and not isinstance(index, bool) and index >= 0,
           "needs a task with an index, a whole number >= 0", task)
    if role == "evaluator" and role not in jobs:  # as older operators write it
        return role, index
    count = len(jobs.get(str(role), []))
    problem = "has the task {0}-{1}, and a cluster with {2} of {0}".format(role, index, count)
    _check(index < count, problem, task)  # type: ignore[operator]
    return role, index


def _with_chief(cluster: Cluster) -> Cluster:
    """The same job with worker 0 as its chief where it has none."""
    if "chief" in cluster.jobs:
        return cluster
    jobs = dict(cluster.jobs)
    first, *others = jobs.pop("worker")
    jobs["chief"] = [first]
    if others:
        jobs["worker"] = others
    if cluster.role != "worker":
        return cluster._replace(jobs=jobs)
    if cluster.task == 0:
        return Cluster(jobs, "chief", 0)
    return Cluster(jobs, "worker", cluster.task - 1)


def _check(right: bool, problem: str, given: object) -> None:
    if not right:
        raise _wrong(problem, given)


def _wrong(problem: str, given: object) -> ValueError:
    text = given if isinstance(given, str) else json.dumps(given)
    return ValueError("TF_CONFIG {}. Given: {}. {}, or unset TF_CONFIG to train in one "
                      "process.".format(problem, text, _EXAMPLE))


@contextlib.contextmanager
def environment(cluster: Optional[Cluster]) -> Iterator[None]:
    """TF_CONFIG for TensorFlow: this cluster without its evaluator, or none for one process.

    With an evaluator in the cluster, every trainer's session would wait for it to start.
    """
    before = os.environ.pop("TF_CONFIG", None)
    if cluster:
        jobs = {role: addresses for role, addresses in cluster.jobs.items() if role != "evaluator"}
        os.environ["TF_CONFIG"] = cluster._replace(jobs=jobs).tf_config()
    try:
        yield
    finally:
        os.environ.pop("TF_CONFIG", None)
        if before is not None:
            os.environ["TF_CONFIG"] = before

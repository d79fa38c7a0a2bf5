import json
import os
from typing import Dict

import pytest

from common.config import cluster
from common.config.cluster import Cluster


def config(jobs: object, role: object = "worker", task: object = 0) -> Dict[str, str]:
    return {
        "TF_CONFIG": json.dumps(
            {"cluster": jobs, "task": {"type": role, "index": task}, "environment": "cloud"})
    }


FULL = {"chief": ["c:1"], "worker": ["v:1", "w:1"], "ps": ["p:1", "q:1"], "evaluator": ["e:1"]}


@pytest.mark.parametrize("environ", [
    {}, {"TF_CONFIG": ""}, {"TF_CONFIG": " {} "}, {"TF_CONFIG": '{"cluster": {}}'},
    {"OTHER": "x"}])
def test_no_cluster(environ: Dict[str, str]) -> None:
    assert cluster.read(environ) is None


@pytest.mark.parametrize("role, jobs", [
    ("master", {"master": ["c:1"], "ps": ["p:1"]}), ("chief", {"master": ["c:1"], "ps": ["p:1"]}),
    ("master", {"master": ["c:1"], "chief": [], "ps": ["p:1"]}),
    ("master", {"master": [], "chief": ["c:1"], "ps": ["p:1"]})])
def test_a_master_is_a_chief_and_an_index_may_be_a_text(role: str, jobs: object) -> None:
    job = cluster.read(config(jobs, role, "0"))
    assert job == Cluster({"chief": ["c:1"], "ps": ["p:1"]}, "chief", 0)


@pytest.mark.parametrize("role, task, shard", [("chief", 0, 0), ("worker", 0, 1), ("worker", 1, 2)])
def test_trainers(role: str, task: int, shard: int) -> None:
    job = cluster.read(config(FULL, role, task))
    assert job == Cluster(FULL, role, task)
    assert job.trains and job.has_servers and job.has_evaluator
    assert job.num_trainers == 3 and job.shard == shard
    assert job.name == "{}-{}".format(role, task)
    assert cluster.read({"TF_CONFIG": job.tf_config()}) == job


@pytest.mark.parametrize("role, task", [("ps", 1), ("evaluator", 0)])
def test_others(role: str, task: int) -> None:
    job = cluster.read(config(FULL, role, task))
    assert (job.role, job.task) == (role, task) and not job.trains


def test_an_evaluator_that_the_cluster_does_not_name() -> None:
    jobs = {"chief": ["c:1"], "ps": ["p:1"]}
    assert cluster.read(config(jobs, "evaluator")).role == "evaluator"
    assert not cluster.read(config(jobs, "chief")).has_evaluator


@pytest.mark.parametrize("role, task, promoted", [("worker", 0, ("chief", 0)),
                                                  ("worker", 1, ("worker", 0)),
                                                  ("worker", 2, ("worker", 1)),
                                                  ("ps", 0, ("ps", 0))])
def test_worker_0_becomes_the_chief(role: str, task: int, promoted: object) -> None:
    job = cluster.read(
        config({"worker": ["u:1", "v:1", "w:1"], "ps": ["p:1"], "chief": []}, role, task))
    assert job.jobs == {"chief": ["u:1"], "worker": ["v:1", "w:1"], "ps": ["p:1"]}
    assert (job.role, job.task) == promoted


def test_one_worker_alone_becomes_the_chief() -> None:
    assert cluster.read(config({"worker": ["w:1"],
                                "ps": ["p:1"]})).jobs == {"chief": ["w:1"], "ps": ["p:1"]}
    assert not cluster.read(config({"worker": ["w:1"]})).has_servers


@pytest.mark.parametrize("text, message", [
    ("{", r"TF_CONFIG is not JSON \(.*\). Given: {. Write it as {\"cluster\".*or unset TF_CONFIG"),
    ("[]", r"is not a JSON object. Given: \[\]"),
    ('{"cluster": []}', "a cluster that is not an object of roles"),
    ('{"cluster": {"ps": ["a:1"]}, "task": 3}', "a task that is not an object"),
    ('{"task": {"type": "worker", "index": 0}}', "TF_CONFIG has 'task' and no cluster. Given: {"),
    ('{"cluster": {}, "task": {"type": "worker", "index": 0}}', "has 'task' and no cluster"),
    ('{"sparseCluster": {"worker": {"1": "a:1"}}, "task": {"type": "worker", "index": 1}}',
     "TF_CONFIG has 'sparseCluster', 'task' and no cluster. Given: {"),
    ('{"Cluster": {"chief": ["a:1"]}}', "TF_CONFIG has 'Cluster' and no cluster"),
])
def test_malformed(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        cluster.read({"TF_CONFIG": text})


@pytest.mark.parametrize("jobs, role, task, message", [
    ({"boss": ["a:1"]
      }, "boss", 0, "names the role 'boss'; the roles are chief, worker, ps, evaluator"),
    ({"master": ["a:1"], "chief": ["b:1"]}, "chief", 0, "has both a chief and a master, which are"),
    ({"worker": {"1": "a:1"}, "ps": ["b:1"]
      }, "worker", 1, "enableDynamicWorker, which TensorFlow 1.15.5 cannot"),
    ({"chief": "a:1"}, "chief", 0, "needs a list of \"host:port\" for chief. Given: \"?a:1"),
    ({"chief": ["a"]}, "chief", 0, "needs a list of \"host:port\" for chief"),
    ({"chief": ["a:0"]}, "chief", 0, "needs a list of"),
    ({"chief": ["a:70000"]}, "chief", 0, "needs a list of"),
    ({"chief": [7]}, "chief", 0, "needs a list of"),
    ({"chief": ["a:1"], "ps": ["a:1"]
      }, "chief", 0, r"two processes one address. Given: \[\"a:1\"\]"),
    ({"chief": ["a:1", "b:1"], "ps": ["c:1"]}, "chief", 0, "more than one chief"),
    ({"chief": ["a:1"], "evaluator": ["b:1", "c:1"]}, "chief", 0, "more than one evaluator"),
    ({"ps": ["a:1"]}, "ps", 0, "neither a chief nor a worker"),
    ({"worker": ["a:1", "b:1"]}, "worker", 0, "2 processes that train and no ps"),
    ({"chief": ["a:1"]}, None, 0, "needs a task with a type, one of chief"),
    ({"chief": ["a:1"]}, "boss", 0, "needs a task with a type"),
    ({"chief": ["a:1"]}, "chief", "first", "needs a task with an index, a whole number"),
    ({"chief": ["a:1"]}, "chief", "-1", "needs a task with an index, a whole number"),
    ({"chief": ["a:1"]}, "chief", True, "needs a task with an index"),
    ({"chief": ["a:1"]}, "chief", -1, "needs a task with an index"),
    ({"chief": ["a:1"]}, "chief", 1, "has the task chief-1, and a cluster with 1 of chief"),
    ({"chief": ["a:1"]}, "ps", 0, "has the task ps-0, and a cluster with 0 of ps"),
])
def test_contradictory(jobs: object, role: object, task: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        cluster.read(config(jobs, role, task))


def test_tensorflow_reads_the_cluster_without_its_evaluator(
        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_CONFIG", "as it was")
    with cluster.environment(Cluster(FULL, "ps", 1)):
        assert set(json.loads(os.environ["TF_CONFIG"])["cluster"]) == {"chief", "worker", "ps"}
    with cluster.environment(None):
        assert "TF_CONFIG" not in os.environ
    assert os.environ["TF_CONFIG"] == "as it was"

import importlib
import os
import re
import sys
from typing import Dict, Iterator, List

import pytest
import yaml

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [ROOT, os.path.join(ROOT, "k8s")]
import render  # noqa: E402
from common import flags  # noqa: E402
from common.config import model as models  # noqa: E402
from common.config.cluster import GRACE_SECS  # noqa: E402

JOBS = ["{}-{}".format(model, kind) for model in models.names() for kind in ("fp32", "bf16")]
JOB_NAME = "training.kubeflow.org/job-name"


def path_of(name: str) -> str:
    return os.path.join(render.FOLDER, name + ".yaml")


def documents(name: str) -> List[dict]:
    with open(path_of(name)) as file:
        return list(yaml.safe_load_all(file))


def replicas(job: str) -> Dict[str, dict]:
    return documents(job)[0]["spec"]["tfReplicaSpecs"]


def pods(job: str) -> List[dict]:
    return [replica["template"]["spec"] for replica in replicas(job).values()]


def containers(job: str) -> List[dict]:
    return [container for pod in pods(job) for container in pod["containers"]]


def keys(value: object) -> Iterator[str]:
    children = value.values() if isinstance(value,
                                            dict) else value if isinstance(value, list) else []
    if isinstance(value, dict):
        yield from value
    for child in children:
        yield from keys(child)


def test_files_are_current() -> None:
    assert render.main(["--check"]) == 0
    assert sorted(render.render()) == sorted([job + ".yaml" for job in JOBS] + ["pvc.yaml"])


def test_check_names_what_is_not_current_and_writing_mends_it(tmp_path: object,
                                                              capsys: object) -> None:
    folder = str(tmp_path)
    assert render.main([], folder) == 0 and render.main(["--check"], folder) == 0
    with open(os.path.join(folder, "din-fp32.yaml"), "a") as file:
        file.write("# mine\n")
    os.remove(os.path.join(folder, "pvc.yaml"))
    assert render.main(["--check"], folder) == 1
    assert re.findall(r"^(\S+) is not what render.py renders", capsys.readouterr().err, re.M) == [
        "din-fp32.yaml", "pvc.yaml"]
    assert render.main([], folder) == 0 and render.main(["--check"], folder) == 0


def test_check_names_a_file_of_nobody(tmp_path: object) -> None:
    render.main([], str(tmp_path))
    tmp_path.joinpath("wdl-fp32.yaml").write_text("")
    assert render.stale(render.render(), str(tmp_path)) == ["wdl-fp32.yaml"]


@pytest.mark.parametrize("job", JOBS)
def test_roles_and_policies(job: str) -> None:
    tfjob = documents(job)[0]
    assert (tfjob["apiVersion"], tfjob["kind"], tfjob["metadata"]["name"]) == ("kubeflow.org/v1",
                                                                               "TFJob", job)
    assert tfjob["spec"]["runPolicy"]["cleanPodPolicy"] == "Running"
    assert sorted(replicas(job)) == ["Chief", "Evaluator", "PS", "Worker"]
    assert replicas(job)["Chief"]["replicas"] == 1
    for replica in replicas(job).values():
        assert replica["restartPolicy"] == "ExitCode" and replica["replicas"] >= 1
        assert replica["template"]["spec"]["terminationGracePeriodSeconds"] == GRACE_SECS


@pytest.mark.parametrize("job", JOBS)
def test_names_fit(job: str) -> None:
    assert re.match(r"^[a-z]([-a-z0-9]*[a-z0-9])?$", job)
    for name in replicas(job):
        assert len("{}-{}-999".format(job, name.lower())) <= 63


@pytest.mark.parametrize("job", JOBS)
def test_containers(job: str) -> None:
    for container in containers(job):
        assert container["name"] == "tensorflow"
        assert re.match(r".+:(?!latest$)[\w.-]+$", container["image"])
        assert container["resources"]["limits"] == container["resources"]["requests"]
        assert set(container["resources"]["limits"]) == {"cpu", "memory"}
        assert "command" not in container  # the image's entry, under tini
    assert len({str(container["args"]) for container in containers(job)}) == 1


@pytest.mark.parametrize("job", JOBS)
def test_pods_are_confined(job: str) -> None:
    for pod in pods(job):
        assert len(pod["containers"]) == 1 and pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] and pod["securityContext"]["runAsUser"] > 0
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["containers"][0]["securityContext"] == {
            "allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


@pytest.mark.parametrize("job", JOBS)
def test_no_secrets_and_no_settings_outside_args(job: str) -> None:
    for document in documents(job):
        assert not {
            key
            for key in keys(document)
            if re.search("env|secret|token$|password|hostPath|hostNetwork", key)
        }


@pytest.mark.parametrize("job", JOBS)
def test_everything_is_on_the_claim(job: str) -> None:
    claim = documents("pvc")[0]
    assert claim["metadata"]["name"] == "deeprec" and claim["spec"]["accessModes"] == [
        "ReadWriteMany"
    ]
    for pod in pods(job):
        (volume,), (mount,) = pod["volumes"], pod["containers"][0]["volumeMounts"]
        assert volume["persistentVolumeClaim"]["claimName"] == "deeprec"
        assert volume["name"] == mount["name"] and mount["mountPath"] == "/data"


@pytest.mark.parametrize("job", JOBS)
def test_servers_and_workers_rather_run_on_different_nodes(job: str) -> None:
    for name in ("PS", "Worker"):
        spread = replicas(job)[name]["template"]["spec"]["affinity"]["podAntiAffinity"]
        term = spread["preferredDuringSchedulingIgnoredDuringExecution"][0]["podAffinityTerm"]
        assert term["labelSelector"]["matchLabels"] == {
            JOB_NAME: job, "training.kubeflow.org/replica-type": name.lower()}


@pytest.mark.parametrize("job", JOBS)
def test_only_the_job_reaches_its_servers(job: str) -> None:
    _, policy = documents(job)
    own = {"podSelector": {"matchLabels": {JOB_NAME: job}}}
    grpc = [{"port": 2222, "protocol": "TCP"}]
    spec = policy["spec"]
    assert spec["podSelector"] == own["podSelector"] and spec["policyTypes"] == [
        "Ingress", "Egress"
    ]
    assert spec["ingress"] == [{"from": [own], "ports": grpc}]
    to_own, dns = spec["egress"]
    assert to_own == {"to": [own], "ports": grpc}
    assert dns == {"ports": [{"port": 53, "protocol": protocol} for protocol in ("UDP", "TCP")]}
    assert {port["containerPort"]
            for container in containers(job)
            for port in container["ports"]} == {2222}


@pytest.mark.parametrize("job", JOBS)
def test_the_model_takes_the_arguments(job: str) -> None:
    name, *argv = containers(job)[0]["args"]
    assert job.startswith(name + "-")
    model = importlib.import_module(name + ".train")
    parser = flags.make_parser("", model.MODEL)
    model.add_flags(parser)
    args = flags.parse(parser, argv)
    assert args.bf16 == job.endswith("-bf16")
    assert args.data_location == "/data/" + args.schema.name
    assert args.checkpoint == "/data/runs/" + job

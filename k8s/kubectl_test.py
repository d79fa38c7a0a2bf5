"""The manifests through a real kubectl, against a stand-in API server that refuses unknown
fields.
"""

import contextlib
import importlib.util
import io
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from typing import Iterator, List

import pytest
import yaml

FOLDER = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, FOLDER)
import render  # noqa: E402

TOOLS = os.path.join(FOLDER, "..", "..", "shared", "cluster")
FILES = sorted(set(render.render()) - {"pvc.yaml"})


def crd(group: str, kind: str, plural: str, schema: dict) -> dict:
    """A CustomResourceDefinition with a strict schema, for the kinds that a cluster has without
    one.
    """
    names = {"kind": kind, "listKind": kind + "List", "plural": plural, "singular": kind.lower()}
    versions = [{
        "name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}
    }]
    return {"spec": {"group": group, "scope": "Namespaced", "names": names, "versions": versions}}


def load(name: str) -> object:
    spec = importlib.util.spec_from_file_location(name, os.path.join(TOOLS, name + ".py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def schemas() -> List[dict]:
    """The TFJob that the official SDK describes, and Kubernetes' own NetworkPolicy, as
    definitions.
    """
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        sdk = load("sdk_crd")
    policy = sdk.schema("V1NetworkPolicy")
    policy["properties"]["metadata"] = {"type": "object"}
    return [
        yaml.safe_load(printed.getvalue()),
        crd("networking.k8s.io", "NetworkPolicy", "networkpolicies", policy)
    ]


def wait_for(port: int, server: subprocess.Popen) -> None:
    for _ in range(100):
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert server.poll() is None, "the server ended"
        time.sleep(0.1)
    raise AssertionError("the server does not answer")


@pytest.fixture(scope="module")
def kubectl(tmp_path_factory: object) -> Iterator[object]:
    """Calls kubectl on a server that checks every field."""
    if not os.path.isdir(TOOLS):
        pytest.skip("the stand-in API server, ../shared/cluster, is not there")
    if not shutil.which("kubectl"):
        pytest.skip("there is no kubectl")
    for module in ("kubeflow.training", "jsonschema"):
        pytest.importorskip(module)
    folder = tmp_path_factory.mktemp("kubectl")
    definitions = folder.joinpath("crd.yaml")
    definitions.write_text(yaml.safe_dump_all(schemas()))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, os.path.join(TOOLS, "mockapi.py"), str(port), str(definitions)])
    command = ["kubectl", "-s", "http://127.0.0.1:{}".format(port), "--cache-dir", str(folder)]
    try:
        wait_for(port, server)
        yield lambda *words: subprocess.run(command + list(words),
                                            env=dict(os.environ, KUBECONFIG=os.devnull), timeout=60,
                                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                            universal_newlines=True)
    finally:
        server.kill()
        server.wait()


@pytest.mark.slow
@pytest.mark.parametrize("file", FILES)
def test_kubectl_creates_the_job_and_its_policy(kubectl: object, file: str) -> None:
    path, job = os.path.join(FOLDER, file), file[:-len(".yaml")]
    done = kubectl("create", "-f", path)
    assert done.returncode == 0, done.stdout
    assert done.stdout.splitlines() == ["tfjob.kubeflow.org/{} created".format(job),
                                        "networkpolicy.networking.k8s.io/{} created".format(job)]
    assert kubectl("delete", "-f", path).returncode == 0


@pytest.mark.parametrize("number", range(1, 9))
def test_kubectl_would_refuse_a_mistake(kubectl: object, number: int) -> None:
    done = kubectl("create", "-f", os.path.join(TOOLS, "bad", "bad{}.yaml".format(number)))
    assert done.returncode != 0 and "created" not in done.stdout
    assert re.search("is invalid|error validating", done.stdout), done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("old, new", [
    ("        - port: 53\n", "        - prt: 53\n"),
    ("  policyTypes:", "  policyType:"),
    ("      replicas: 1\n", "      replicas: one\n"),
    ("                  drop:", "                  dropped:"),
])
def test_kubectl_would_refuse_a_mistake_in_ours(kubectl: object, tmp_path: object, old: str,
                                                new: str) -> None:
    text = render.render()["ple-bf16.yaml"]
    assert old in text
    tmp_path.joinpath("job.yaml").write_text(text.replace(old, new))
    assert kubectl("create", "-f", str(tmp_path.joinpath("job.yaml"))).returncode != 0
    kubectl("delete", "tfjob", "ple-bf16")


@pytest.mark.slow
def test_the_claim_is_valid() -> None:
    if not os.path.isdir(TOOLS):
        pytest.skip("the schemas' script, ../shared/cluster, is not there")
    jsonschema = pytest.importorskip("jsonschema")
    pytest.importorskip("kubeflow.training")
    with contextlib.redirect_stdout(io.StringIO()):
        schema = load("mockapi").strict(load("sdk_crd").schema("V1PersistentVolumeClaim"))
    jsonschema.Draft7Validator(schema).validate(yaml.safe_load(render.render()["pvc.yaml"]))

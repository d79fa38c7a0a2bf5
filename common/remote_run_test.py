"""Whole runs whose folder is in an object store."""

import json
import os
import re
import subprocess
import sys
import time

import pytest

from common.config.mirrored import Mirrored
from common.config.model import ROOT
from common.errors import BadInput
from common.pipeline import source
from common.places import asking, mirror_names
from common.testing import runs, toy
from common.testing.fault_proxy import Fault
from common.testing.object_store import KEY_ID, SECRET, ObjectStore
from common.testing.object_store import environment as store_at

pytestmark = pytest.mark.slow


def _folders(store: ObjectStore, tmp_path: object) -> dict:
    """What makes a run of the toy model write to the store, with a local copy of its own."""
    local = os.path.join(str(tmp_path), "mirror")
    return dict(checkpoint_dir=local, result_dir=local,
                mirrors=(Mirrored(store.address("run"), local),))


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "_PAUSES_SECS", (0.0,))


def test_all_that_a_run_writes_is_in_the_store(store: ObjectStore, tmp_path: object) -> None:
    folders = _folders(store, tmp_path)
    runs.train(tmp_path, steps=20, save_steps=10, timeline=10, incremental_ckpt=1, **folders)
    keys = [key[len("run/"):] for key in store.keys()]
    assert keys == mirror_names.below(folders["result_dir"])
    for name in ("checkpoint", "config.json", "metrics.json", "model.ckpt-20.index"):
        assert name in keys
    assert any(key.startswith("export/") for key in keys) and not any("ckpt-10" in k for k in keys)
    assert any("events" in key for key in keys) and any("timeline" in key for key in keys)


def test_a_run_resumes_from_the_store_on_another_machine(
        store: ObjectStore, tmp_path: object, capsys: pytest.CaptureFixture) -> None:
    runs.train(tmp_path, steps=10, **_folders(store, str(tmp_path) + "/a"))
    runs.train(tmp_path, steps=20, **_folders(store, str(tmp_path) + "/b"))
    assert "resuming from step 10" in capsys.readouterr().out
    assert json.loads(store.get("run/metrics.json").decode())["global_step"] == 20


def test_a_killed_run_resumes_from_what_was_whole(
        store: ObjectStore, tmp_path: object, capsys: pytest.CaptureFixture) -> None:
    toy.open_toy(tmp_path, runs.TRAIN, runs.TEST)
    folders = _folders(store, str(tmp_path) + "/a")
    child = runs.start_child(tmp_path, 0.02, steps=150, save_steps=5, **folders)
    deadline = time.monotonic() + 60
    while "run/model.ckpt-10.index" not in store.keys("run"):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    child.kill()
    folders = _folders(store, str(tmp_path) + "/b")
    runs.train(tmp_path, steps=150, **folders)
    first = int(re.search(r"resuming from step (\d+)", capsys.readouterr().out).group(1))
    assert first >= 5 and first % 5 == 0 and first < 150
    saved = json.loads(store.get("run/metrics.json").decode())
    assert saved["global_step"] == 150 and saved["steps_trained_here"] == 150 - first


@pytest.mark.parametrize("lost", ["checkpoint", "ckpt", ""])
def test_a_run_whose_local_copy_was_emptied_resumes_from_the_store(
        lost: str, store: ObjectStore, tmp_path: object) -> None:
    folders = _folders(store, tmp_path)
    runs.train(tmp_path, steps=20, save_steps=10, **folders)
    local = folders["result_dir"]
    kept = {key for key in store.keys("run") if not mirror_names.is_of_checkpoint(key)}
    for name in mirror_names.below(local):
        if lost in name:
            os.remove(os.path.join(local, name))
    runs.train(tmp_path, steps=30, save_steps=10, **folders)
    assert json.loads(store.get("run/metrics.json").decode())["steps_trained_here"] == 10
    assert kept <= set(store.keys("run"))
    assert "model.ckpt-30" in store.get("run/checkpoint").decode()


def test_no_key_is_in_what_a_run_writes(
        store: ObjectStore, tmp_path: object, capsys: pytest.CaptureFixture) -> None:
    folder = store.put_folder("rows", _rows(tmp_path))
    data = source.open_data(folder, toy.SCHEMA, True, 0, False)
    store.proxy.fault = lambda request: Fault(503) if request.number % 40 == 7 else None
    runs.train(tmp_path, data=data, steps=20, save_steps=10, **_folders(store, tmp_path))
    store.proxy.fault = lambda request: Fault(403)
    with pytest.raises(BadInput) as raised:
        runs.train(tmp_path, data=data, steps=30, **_folders(store, tmp_path))
    printed = "".join(capsys.readouterr()) + str(raised.value)
    contents = [store.get(key) for key in store.keys("run")]
    assert "s3://" in printed and any(b"s3://" in content for content in contents)
    for key in (KEY_ID, SECRET):
        assert key not in printed
        assert not any(key.encode() in content for content in contents)


def _rows(tmp_path: object) -> str:
    folder = os.path.join(str(tmp_path), "rows")
    os.makedirs(folder)
    toy.open_toy(folder, runs.TRAIN, runs.TEST)
    return folder


def test_a_process_whose_server_is_not_there_ends_soon(tmp_path: object) -> None:
    command = [sys.executable, os.path.join(ROOT, "esmm", "train.py"), "--steps", "1",
               "--data_location", "s3://bucket/rows", "--checkpoint", "s3://bucket/run"]
    began = time.monotonic()
    ended = subprocess.run(command, env=dict(os.environ, **store_at(1)), cwd=str(tmp_path),
                           stderr=subprocess.PIPE, universal_newlines=True)
    assert time.monotonic() - began < 60 and not os.listdir(str(tmp_path))
    assert ended.returncode == 1 and SECRET not in ended.stderr
    assert ended.stderr.splitlines()[-1].startswith(
        "train.py: error: s3://bucket/run: to read it failed: http://127.0.0.1:1 does not answer. "
        "Check AWS_ENDPOINT_URL and the network")

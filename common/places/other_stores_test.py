"""Stores besides S3: a server of Google's protocol, and an HDFS that the environment names."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from typing import Iterator

import pytest

from common.config import mirrored
from common.errors import BadInput
from common.pipeline import blocks, source
from common.pipeline.row_order import Stream
from common.places import location, remote, uploads
from common.testing import runs, toy

_START_SECS = 60


def _await(port: int) -> None:
    deadline = time.monotonic() + _START_SECS
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            assert time.monotonic() < deadline, "the emulator did not start"
            time.sleep(0.02)


@pytest.fixture(scope="module")
def emulator() -> Iterator[str]:
    """Where a server of Google's protocol listens."""
    pytest.importorskip("gcp_storage_emulator", reason="make setup-ci installs it")
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    # In a process of its own: pyarrow 12 holds Python's lock while it asks Google's servers.
    command = [sys.executable, "-W", "ignore", "-m", "common.testing.google_server", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _await(port)
        yield "http://127.0.0.1:{}".format(port)
    finally:
        server.kill()
        server.wait()


@pytest.fixture(params=["gs", "hdfs"])
def folder(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a folder that is not there yet."""
    address = "gs://bucket"
    if request.param == "gs":
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", request.getfixturevalue("emulator"))
    else:
        address = os.environ.get("HDFS_TEST_FOLDER", "")
        if not address:
            pytest.skip("HDFS_TEST_FOLDER names no folder of a running HDFS, for libhdfs to write")
    yield "{}/{}".format(address, re.sub(r"\W", "_", request.node.name))
    remote.forget()


def put(path: str, content: bytes, address: str) -> str:
    with open(path, "wb") as file:
        file.write(content)
    uploads.put(path, address)
    return address


@pytest.mark.slow
def test_files_are_written_listed_read_and_removed(folder: str, tmp_path: object) -> None:
    assert not location.folder_exists(folder) and not location.exists(folder + "/a b")
    uploads.check_writable(folder)
    path = "{}/x".format(tmp_path)
    first = put(path, b"0123456789", folder + "/a b")
    second = put(path, b"", folder + "/ds=1/c")
    assert location.files_below(folder) == [first, second]
    assert location.folder_exists(folder) and location.sizes([first, second]) == [10, 0]
    with location.open_binary(first) as file:
        file.seek(3)
        assert (file.read(4), file.size()) == (b"3456", 10)
    before = location.stamp(first)
    assert location.opened_stamp(first) == before and before.num_bytes == 10
    time.sleep(1.1)  # the emulator numbers writes by the second
    put(path, b"9876543210", first)
    assert location.stamp(first) != before
    uploads.remove([first, second])
    assert location.files_below(folder) == []


@pytest.mark.slow
@pytest.mark.parametrize("size", [1 << 18, (1 << 20) + 7])
def test_large_files_are_whole(folder: str, size: int, tmp_path: object) -> None:
    content = os.urandom(size)
    address = put("{}/x".format(tmp_path), content, folder + "/a")
    with location.open_binary(address) as file:
        assert file.read(size + 1) == content


@pytest.mark.slow
def test_a_run_resumes_from_its_folder(folder: str, tmp_path: object,
                                       monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    data = toy.open_toy(tmp_path, toy.random_rows(1, 400), toy.random_rows(2, 50))
    for steps in (5, 9):
        local = mirrored.local_folder(folder)
        runs.train(tmp_path, data, steps=steps, checkpoint_dir=local, result_dir=local,
                   mirrors=mirrored.of([folder]))
        shutil.rmtree(local)
    names = {os.path.basename(path) for path in location.files_below(folder)}
    assert {"model.ckpt-9.index", "saved_model.pb"} <= names
    with location.open_binary(folder + "/metrics.json") as file:
        assert json.loads(file.read())["steps_trained_here"] == 4


@pytest.mark.slow
def test_a_file_that_is_replaced_while_it_is_read(folder: str, tmp_path: object) -> None:
    path = "{}/x".format(tmp_path)
    address = put(path, 100 * b"a", folder + "/a")
    before = remote.opened(address)
    assert remote.read_range(before, 0, 100).tobytes() == 100 * b"a"
    time.sleep(1.1)
    put(path, 100 * b"b", address)
    with pytest.raises(BadInput, match="/a: it (changed|was removed) while it was read"):
        remote.read_range(before, 0, 100)


@pytest.mark.slow
def test_rows_are_those_of_local_files(folder: str, tmp_path: object) -> None:
    rows = toy.random_rows(1, 60)
    local = tmp_path.joinpath("rows")
    local.mkdir()
    names = [toy.write_csv(str(local.joinpath("a.csv")), rows[:40]),
             toy.write_parquet(str(local.joinpath("b.parquet")), rows[40:])]
    for name in names:
        uploads.put(name, "{}/{}".format(folder, os.path.basename(name)))
    read = []
    for place in (str(local), folder):
        data = source.open_data("", toy.SCHEMA, True, 0, False, place, place)
        read.append([block.ids.tolist() for block in blocks.read_blocks(
            data.train, data, Stream(100))])
    assert read[0] == read[1] and data.train_rows == 60


@pytest.mark.slow
def test_a_bucket_that_is_not_there(folder: str) -> None:
    if not folder.startswith("gs"):
        pytest.skip("HDFS has no buckets")
    with pytest.raises(BadInput, match="there is no bucket nothing at http://127.0.0.1"):
        location.exists("gs://nothing/x")

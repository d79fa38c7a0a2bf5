import hashlib
import os
from typing import Optional

import numpy as np
import pytest

from common.errors import BadInput
from common.places import asking, uploads
from common.testing.fault_proxy import Fault, Request
from common.testing.object_store import ObjectStore


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "_PAUSES_SECS", (0.0,))


def _file(folder: object, size: int) -> str:
    path = os.path.join(str(folder), "x")
    with open(path, "wb") as file:
        file.write(np.random.default_rng(1).bytes(size))
    return path


def _content(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


@pytest.mark.parametrize("size", [0, 1, 10 << 20, (21 << 20) + 7])
def test_a_file_is_there_as_it_is_here(size: int, store: ObjectStore, tmp_path: object) -> None:
    path = _file(tmp_path, size)
    uploads.put(path, store.address("run/x"))
    assert store.get("run/x") == _content(path) and store.keys() == ["run/x"]
    assert store.proxy.count("GET") == 0  # the ETag says so, so nothing is read back


def test_a_file_that_grows_meanwhile(store: ObjectStore, tmp_path: object) -> None:
    path = _file(tmp_path, 100)

    def grow(request: Request) -> None:
        if request.method == "HEAD":
            with open(path, "ab") as file:
                file.write(b"more")

    store.proxy.fault = grow
    uploads.put(path, store.address("x"))
    assert store.get("x") == _content(path)[:100]
    with pytest.raises(FileNotFoundError):
        uploads.put(path + "y", store.address("x"))


@pytest.mark.parametrize("fault", [Fault(503), Fault(lost=1), Fault(lost=30)])
def test_a_write_that_failed_is_done_again(
        fault: Fault, store: ObjectStore, tmp_path: object) -> None:
    path = _file(tmp_path, 1000)
    store.proxy.fault = lambda request: (
        fault if request.method == "PUT" and store.proxy.count("PUT") < 2 else None)
    uploads.put(path, store.address("x"))
    assert store.get("x") == _content(path)


@pytest.mark.parametrize("fault, words", [
    (Fault(lost=30), "1000 bytes were written, and the store has 970"),
    (Fault(503), "failed each time"), (Fault(403), "denies it")])
def test_a_write_that_fails_each_time(
        fault: Fault, words: str, store: ObjectStore, tmp_path: object) -> None:
    path = _file(tmp_path, 1000)
    store.proxy.fault = lambda request: fault if request.method == "PUT" else None
    with pytest.raises(BadInput, match="s3://.*/x: to write it failed.*" + words):
        uploads.put(path, store.address("x"))


def test_other_bytes_of_the_same_length(store: ObjectStore, tmp_path: object) -> None:
    path = _file(tmp_path, 1000)

    def replace(request: Request) -> Optional[Fault]:
        if request.method == "HEAD":
            store.put("x", b"y" * 1000)
        return None

    store.proxy.fault = replace
    with pytest.raises(BadInput, match="the store has other bytes than were written"):
        uploads.put(path, store.address("x"))


def test_a_store_whose_etags_are_no_digests(
        store: ObjectStore, tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads._PartDigest, "etag", lambda self: "else")
    path = _file(tmp_path, (9 << 20))
    uploads.put(path, store.address("x"))
    assert store.get("x") == _content(path) and store.proxy.count("GET") == 2


def test_the_digest_of_parts() -> None:
    digest = uploads._PartDigest()
    pieces = [b"x" * (3 << 20), b"y" * (3 << 20), b"z" * (8 << 20), b"rest"]
    for piece in pieces:
        digest.update(piece)
    parts = [hashlib.md5(part).digest() for part in (pieces[0] + pieces[1], pieces[2], pieces[3])]
    assert digest.etag() == hashlib.md5(b"".join(parts)).hexdigest() + "-3"
    assert digest.whole() == hashlib.md5(b"".join(pieces)).hexdigest()


def test_whether_a_folder_can_be_written_to(store: ObjectStore) -> None:
    uploads.check_writable(store.address("run"))
    assert store.keys() == []
    store.proxy.fault = lambda request: (
        Fault(403) if request.method in ("PUT", "POST") else None)
    with pytest.raises(BadInput, match="to write it failed: http.* denies it"):
        uploads.check_writable(store.address("run"))
    with pytest.raises(BadInput, match="there is no bucket nobucket"):
        uploads.check_writable("s3://nobucket/run")


def test_a_file_in_the_place_of_a_folder(store: ObjectStore) -> None:
    store.put("run", b"x")
    with pytest.raises(BadInput, match="/run: it is a file. Give the name of a folder"):
        uploads.check_writable(store.address("run"))


def test_removing(store: ObjectStore) -> None:
    paths = [store.put(name, b"x") for name in ("a", "b", "c")]
    uploads.remove([paths[0], store.address("none"), paths[2]])
    assert store.keys() == ["b"]
    store.proxy.fault = lambda request: Fault(403)
    with pytest.raises(BadInput, match="b: to remove it failed"):
        uploads.remove([paths[1]])

import contextlib
import os
import resource
import time
from typing import Callable

import numpy as np
import pyarrow.parquet
import pytest

from common.errors import BadInput
from common.places import asking, location, remote_reader, stores
from common.testing import toy
from common.testing.fault_proxy import Fault, Request
from common.testing.object_store import KEY_ID, SECRET, ObjectStore


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "_PAUSES_SECS", (0.0,))


def _random(size: int) -> bytes:
    return np.random.default_rng(1).bytes(size)


def _of(method: str, fault: Fault) -> Callable[[Request], Fault]:
    return lambda request: fault if request.method == method else Fault()


def test_what_there_is(store: ObjectStore) -> None:
    path = store.put("rows/a b/ds=1/x", b"one,two")
    assert location.exists(path) and not location.folder_exists(path)
    folder = store.address("rows")
    assert location.folder_exists(folder) and not location.exists(folder)
    assert location.folder_exists(store.address()) and not location.exists(store.address())
    assert not location.exists(path + "y") and not location.folder_exists(path + "y")
    assert location.num_bytes(path) == 7
    assert abs(location.modified_secs(path) - time.time()) < 60


def test_the_files_below_a_folder_take_one_request(store: ObjectStore) -> None:
    names = ["b", "a", "c.crc"]
    for name in names:
        store.put("rows/" + name, name.encode())
    store.put("rows2/z", b"")
    assert location.files_below(store.address("rows")) == [
        store.address("rows/" + name) for name in sorted(names)]
    sizes = [location.num_bytes(path) for path in location.files_below(store.address("rows"))]
    assert sizes == [1, 1, 5] and len(store.proxy.requests) == 2
    assert location.files_below(store.address("none")) == []


def test_reading_brings_all_bytes(store: ObjectStore) -> None:
    content = _random(9 << 20)
    path = store.put("x", content)
    with location.open_binary(path) as file:
        assert file.size() == len(content)
        file.seek(5)
        assert file.read(3) == content[5:8] and file.tell() == 8
        assert file.read() == content[8:]
        assert file.read(9) == b""
        file.seek(-4, os.SEEK_END)
        assert file.read(9) == content[-4:]
    assert location.open_binary(store.put("empty", b"")).read() == b""


@pytest.mark.parametrize("size", [1, 1000, 300000, 5 << 20])
def test_reading_piece_after_piece(size: int, store: ObjectStore) -> None:
    content = _random(10 << 20)
    path = store.put("x", content)
    with location.open_binary(path) as file:
        pieces = [file.read(size) for _ in range(min(len(content) // size + 1, 300))]
        taken = b"".join(pieces)
    assert taken == content[:len(taken)] and len(taken) == min(300 * size, len(content))
    assert store.proxy.count("GET") < 12


def test_pieces_are_fetched_ahead(store: ObjectStore) -> None:
    path = store.put("x", _random(24 << 20))
    store.proxy.delay_secs = 0.1
    began = time.monotonic()
    with location.open_binary(path) as file:
        while file.read(1 << 20):
            pass
    assert time.monotonic() - began < 10 * 0.2  # one after another: 48 times the delay


def test_ranges_are_fetched_at_once(store: ObjectStore) -> None:
    content = _random(1 << 20)
    path = store.put("x", content)
    ranges = [(0, 10), (100, 10), (500000, 1000), (900000, 7)]
    with location.open_binary(path, ranges) as file:
        for start, size in ranges:
            file.seek(start)
            assert file.read(size) == content[start:start + size]
    assert store.proxy.count("GET") == 3


def test_a_parquet_file(store: ObjectStore, tmp_path: object) -> None:
    local = toy.write_parquet(os.path.join(str(tmp_path), "x.parquet"), toy.random_rows(1, 200))
    with open(local, "rb") as file:
        path = store.put("x.parquet", file.read())
    table = pyarrow.parquet.ParquetFile(location.open_binary(path)).read()
    assert table.equals(pyarrow.parquet.read_table(local))
    assert toy.read_all(path) == toy.read_all(local)


def test_a_text_file(store: ObjectStore, tmp_path: object) -> None:
    local = toy.write_csv(os.path.join(str(tmp_path), "x"), toy.random_rows(1, 200))
    with open(local, "rb") as file:
        path = store.put("x", file.read())
    assert toy.read_all(path) == toy.read_all(local)


@pytest.mark.parametrize("fault", [Fault(503), Fault(500), Fault(cut=100), Fault(short=100)])
def test_what_fails_now_and_then_is_asked_for_again(fault: Fault, store: ObjectStore) -> None:
    content = _random(1 << 20)
    path = store.put("x", content)
    store.proxy.fault = lambda request: (
        fault if request.method == "GET" and request.number < 2 else Fault())
    assert location.open_binary(path).read() == content
    assert store.proxy.count("GET") > 1


@pytest.mark.parametrize("fault, words", [
    (Fault(503), "{} failed each time. Start again when it is well"),
    (Fault(cut=100), "{} does not answer|{} failed each time"),
    (Fault(short=100), "fewer than the 1000 bytes from byte 0 came"),
    (Fault(403), "{} denies it. Check which keys are in the environment"),
    (Fault(403, "ExpiredToken"), "{} does not accept the keys. Check AWS_ACCESS_KEY_ID"),
    (Fault(404), "removed or replaced while it was read"),
])
def test_what_fails_each_time(fault: Fault, words: str, store: ObjectStore) -> None:
    path = store.put("x", _random(1000))
    file = location.open_binary(path)
    if fault.status == 403:
        store.proxy.fault = lambda _: fault
    else:
        store.proxy.fault = _of("GET", fault)
    server = "http://127.0.0.1:{}".format(store.proxy.port)
    with pytest.raises(BadInput, match=words.replace("{}", server)) as raised:
        file.read()
    assert str(raised.value).startswith(path + ": to read it failed")
    assert SECRET not in str(raised.value) and KEY_ID not in str(raised.value)


def test_a_process_with_too_many_open_files(store: ObjectStore) -> None:
    path = store.put("x", b"row")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
    stores.forget()
    with contextlib.ExitStack() as files:
        for _ in range(1024):
            files.enter_context(open(os.devnull))
        with pytest.raises(BadInput, match="1,024 or more open files and connections. Close some"):
            location.exists(path)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert location.exists(path)


@pytest.mark.parametrize("code, words", [
    ("AccessDenied", "denies it"), ("InvalidAccessKeyId", "does not accept the keys"),
    ("SignatureDoesNotMatch", "does not accept the keys")])
def test_a_denied_file_is_not_a_missing_one(code: str, words: str, store: ObjectStore) -> None:
    path = store.put("x", b"x")
    store.proxy.fault = lambda request: Fault(403, code)
    for ask in (location.exists, location.folder_exists, location.num_bytes, location.stamp,
                location.files_below, location.open_binary, location.modified_secs):
        with pytest.raises(BadInput, match=words):
            ask(path)


def test_keys_and_buckets_that_are_not_there(store: ObjectStore) -> None:
    path = store.address("none")
    with pytest.raises(BadInput, match=path + ": there is no such key."):
        location.open_binary(path)
    with pytest.raises(FileNotFoundError, match=path + ": there is no such key."):
        location.stamp(path)
    with pytest.raises(BadInput, match=path + ": there is no such key."):
        location.modified_secs(path)
    for ask in (location.exists, location.folder_exists, location.open_binary):
        with pytest.raises(BadInput, match="s3://nobucket/x: there is no bucket nobucket at http"):
            ask("s3://nobucket/x")
    with pytest.raises(BadInput, match="there is no bucket nobucket"):
        location.files_below("s3://nobucket/x")


def test_a_server_that_is_not_there(store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    began = time.monotonic()
    with pytest.raises(BadInput, match="http://127.0.0.1:1 does not answer. Check AWS_ENDPOINT"):
        location.exists("s3://b/x")
    assert time.monotonic() - began < 15


@pytest.mark.parametrize("later", [b"two", b"a longer one", b""])
def test_a_file_that_is_replaced_while_it_is_read(later: bytes, store: ObjectStore) -> None:
    path = store.put("x", b"one")
    file = location.open_binary(path)
    store.put("x", later)
    with pytest.raises(BadInput, match="x: it changed while it was read: 3 bytes|removed or repl"):
        file.read()


def test_a_file_that_is_removed_while_it_is_read(store: ObjectStore) -> None:
    path = store.put("x", b"one")
    file = location.open_binary(path)
    store.remove("x")
    with pytest.raises(BadInput, match="removed"):
        file.read()


def test_stamps_of_many_files(store: ObjectStore, tmp_path: object) -> None:
    paths = [store.put("rows/{}".format(number), b"x" * number) for number in range(40)]
    store.proxy.delay_secs = 0.1
    began = time.monotonic()
    stamps = location.stamps(paths)
    assert time.monotonic() - began < 3
    assert [stamp.num_bytes for stamp in stamps] == list(range(40))
    assert location.sizes(paths) == list(range(40))
    assert len({stamp.version for stamp in stamps}) == 40
    store.proxy.delay_secs = 0.0
    store.put("rows/3", b"yyy")
    assert location.stamp(paths[3]).version != stamps[3].version
    local = toy.write_csv(os.path.join(str(tmp_path), "x"), [])
    assert location.stamps([local]) == [location.stamp(local)]


def test_ranges_with_small_gaps_are_one_request() -> None:
    mebi = 1 << 20
    merged = remote_reader._merged([(mebi, 5), (0, 10), (20, 10), (2 * mebi, 9 * mebi)])
    assert merged == [(0, 30), (mebi, mebi + 5), (2 * mebi, 6 * mebi), (6 * mebi, 10 * mebi),
                      (10 * mebi, 11 * mebi)]

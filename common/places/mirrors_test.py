import json
import os
import re
import shutil
import time
from typing import Callable, Dict, List, Optional

import pytest

from common.errors import BadInput
from common.places import asking, mirror_names, mirror_record, mirrors
from common.places.mirrors import Mirror
from common.testing.fault_proxy import Fault, Request
from common.testing.object_store import ObjectStore


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "_PAUSES_SECS", (0.0,))


@pytest.fixture
def make(store: ObjectStore, tmp_path: object) -> Callable[[str], Mirror]:
    """Makes mirrors of the folder "run", in local folders of the given names; opens them."""
    made: List[Mirror] = []

    def of(name: str) -> Mirror:
        mirror = Mirror(store.address("run"), os.path.join(str(tmp_path), name))
        made.append(mirror)
        mirror.open()
        return mirror

    yield of
    for mirror in made:
        mirror.close()


def _write(mirror: Mirror, name: str, text: str) -> None:
    path = os.path.join(mirror.folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)


def _save(mirror: Mirror, step: int, remove: Optional[int] = None) -> None:
    """Writes what looks like a checkpoint as TensorFlow does, and removes an older one."""
    for ending in ("data-00000-of-00001", "index", "meta"):
        _write(mirror, "model.ckpt-{}.{}".format(step, ending), "{} {}".format(ending, step))
    _write(mirror, "checkpoint", 'model_checkpoint_path: "model.ckpt-{}"\n'.format(step))
    if remove is not None:
        for ending in ("data-00000-of-00001", "index", "meta"):
            os.remove(os.path.join(mirror.folder, "model.ckpt-{}.{}".format(remove, ending)))


def _files(mirror: Mirror) -> Dict[str, str]:
    found = {}
    for name in mirror_names.below(mirror.folder):
        with open(os.path.join(mirror.folder, name)) as file:
            found[name] = file.read()
    return found


def _puts(store: ObjectStore) -> List[str]:
    """The names below run/ in the order in which they were written whole."""
    start = "/{}/run/".format(store.bucket)
    paths = [request.path.split("?")[0] for request in store.proxy.requests
             if request.method == "POST" and "uploadId=" in request.path]
    return [path[len(start):] for path in paths]


def test_what_is_written_here_comes_there_and_back(
        store: ObjectStore, make: Callable[[str], Mirror]) -> None:
    first = make("a")
    _save(first, 5)
    _write(first, "eval/events.out", "events")
    _write(first, "export/temp-7/saved_model.pb", "unfinished")
    _write(first, "metrics.json.tmp77", "unfinished")
    _write(first, "model.ckpt-5_temp_1/part-0", "unfinished")
    first.push()
    expected = ["checkpoint", "eval/events.out", "model.ckpt-5.data-00000-of-00001",
                "model.ckpt-5.index", "model.ckpt-5.meta"]
    assert store.keys() == ["run/" + name for name in expected]
    second = make("b")
    assert sorted(_files(second)) == expected
    assert _files(second)["model.ckpt-5.index"] == "index 5"


def test_names_come_after_what_they_name_and_old_files_go_last(
        store: ObjectStore, make: Callable[[str], Mirror]) -> None:
    mirror = make("a")
    _save(mirror, 5)
    mirror.push()
    store.proxy.heal()
    _save(mirror, 10, remove=5)
    _write(mirror, "metrics.json", "{}")
    _write(mirror, "export/1/saved_model.pb", "graph")
    _write(mirror, "export/1/variables/variables.index", "index")
    mirror.push()
    order = _puts(store)
    assert order[-2:] == ["checkpoint", "metrics.json"]
    assert set(order[:2]) == {"model.ckpt-10.data-00000-of-00001", "model.ckpt-10.meta"}
    deleted = [request.number for request in store.proxy.requests if request.method == "DELETE"]
    written = [request.number for request in store.proxy.requests if request.method == "POST"]
    assert len(deleted) == 3 and min(deleted) > max(written)
    assert not any("ckpt-5" in key for key in store.keys())


def test_what_did_not_change_is_not_written_again(
        store: ObjectStore, make: Callable[[str], Mirror]) -> None:
    mirror = make("a")
    _save(mirror, 5)
    _write(mirror, "config.json", "{}")
    mirror.push()
    store.proxy.heal()
    mirror.push()
    assert _puts(store) == []
    time.sleep(0.01)
    _write(mirror, "config.json", "[]")
    mirror.push()
    assert _puts(store) == ["config.json"]


@pytest.mark.parametrize("stop_at", ["data", "meta", "index", "checkpoint"])
def test_a_save_that_is_cut_off_leaves_the_one_before(
        stop_at: str, store: ObjectStore, make: Callable[[str], Mirror]) -> None:
    mirror = make("a")
    _save(mirror, 5)
    mirror.push()

    def fail(request: Request) -> Optional[Fault]:
        name = request.path.split("?")[0].rsplit("/", 1)[-1]
        is_it = stop_at in name and request.method in ("PUT", "POST")
        return Fault(403) if is_it else None

    store.proxy.fault = fail
    _save(mirror, 10, remove=5)
    with pytest.raises(BadInput, match="to write it failed"):
        mirror.push()
    store.proxy.heal()
    other = make("b")
    files = _files(other)
    assert "ckpt-5" in files["checkpoint"]
    assert sorted(name for name in files if "ckpt" in name) == [
        "model.ckpt-5.data-00000-of-00001", "model.ckpt-5.index", "model.ckpt-5.meta"]
    _save(other, 12, remove=5)
    other.push()
    assert not any("ckpt-10" in key or "ckpt-5" in key for key in store.keys())


def test_what_the_store_did_not_take_is_taken_up_from_the_local_copy(
        store: ObjectStore, make: Callable[[str], Mirror], capsys: pytest.CaptureFixture) -> None:
    mirror = make("a")
    _save(mirror, 5)
    mirror.push()
    store.put("run/notes", b"of a person")
    store.proxy.fault = lambda request: Fault(403) if request.method == "PUT" else None
    _save(mirror, 10, remove=5)
    with pytest.raises(BadInput):
        mirror.push()
    mirror.close()
    store.proxy.heal()
    again = make("a")
    assert "ckpt-10" in _files(again)["checkpoint"]
    assert "resumed from its local copy" in capsys.readouterr().err
    again.push()
    assert "ckpt-10" in store.get("run/checkpoint").decode() and "run/notes" in store.keys()
    assert not any("ckpt-5" in key for key in store.keys())


def test_the_store_counts_where_it_has_other_files(
        store: ObjectStore, make: Callable[[str], Mirror]) -> None:
    first = make("a")
    _save(first, 5)
    first.push()
    first.close()
    second = make("b")
    _save(second, 7, remove=5)
    second.push()
    _save(first, 9, remove=5)
    again = make("a")
    assert "ckpt-7" in _files(again)["checkpoint"] and not any("-9" in n for n in _files(again))
    for key in store.keys():
        store.remove(key)
    again.close()
    assert _files(make("a")) == {}


def test_only_what_differs_is_fetched(store: ObjectStore, make: Callable[[str], Mirror]) -> None:
    first = make("a")
    _save(first, 5)
    _write(first, "config.json", "{}")
    first.push()
    first.close()
    store.put("run/checkpoint", b'model_checkpoint_path: "model.ckpt-5"\n\n')
    store.proxy.heal()
    make("a")
    fetched = [request.path for request in store.proxy.requests
               if request.method == "GET" and "list-type" not in request.path]
    assert fetched == 2 * ["/{}/run/checkpoint".format(store.bucket)]


def test_a_second_run_in_the_folder_is_noticed(
        store: ObjectStore, make: Callable[[str], Mirror]) -> None:
    first, second = make("a"), make("b")
    _save(first, 5)
    first.push()
    _save(second, 7)
    with pytest.raises(mirrors.NotAlone, match="something else has written checkpoints there"):
        second.push()
    assert "ckpt-5" in store.get("run/checkpoint").decode()
    with pytest.raises(BadInput, match="process {} of this machine runs there".format(os.getpid())):
        make("a")


@pytest.mark.parametrize("fault, words", [
    (Fault(403), "denies it"), (Fault(503), "failed each time")])
def test_a_store_that_is_not_well_at_the_start(
        fault: Fault, words: str, store: ObjectStore, make: Callable[[str], Mirror],
        tmp_path: object) -> None:
    store.proxy.fault = lambda request: fault
    with pytest.raises(BadInput, match=words):
        make("a")
    assert not os.path.exists(os.path.join(str(tmp_path), "a"))


def test_a_denied_folder_is_not_an_empty_one(
        store: ObjectStore, make: Callable[[str], Mirror]) -> None:
    first = make("a")
    _save(first, 5)
    first.push()
    store.proxy.fault = lambda request: Fault(403) if "list-type" in request.path else None
    with pytest.raises(BadInput, match="denies it"):
        make("b")
    store.proxy.fault = lambda request: (
        Fault(short=3) if request.method == "GET" and "data-0" in request.path else None)
    with pytest.raises(BadInput, match="fewer than the"):
        make("c")


def test_a_damaged_record_is_left_out(store: ObjectStore, make: Callable[[str], Mirror]) -> None:
    mirror = make("a")
    _save(mirror, 5)
    mirror.push()
    mirror.close()
    record = os.path.join(mirror.folder, mirror_record.NAME)
    for text in ("{", "{}", json.dumps({"address": mirror.address, "files": {"x": [1]}})):
        with open(record, "w") as file:
            file.write(text)
        again = make("a")
        assert "ckpt-5" in _files(again)["checkpoint"]
        again.close()


def _lose_answers(store: ObjectStore, name: str = "checkpoint") -> None:
    """From now on files of a name are written, but whoever asks for them afterwards is denied."""
    puts: List[int] = []

    def fail(request: Request) -> Optional[Fault]:
        if request.path.split("?")[0].endswith("/" + name):
            puts.extend([request.number] if request.method == "PUT" else [])
            return Fault(403) if puts and request.method == "HEAD" else None
        return None

    store.proxy.fault = fail


def test_a_state_that_was_written_though_the_answer_was_lost(
        store: ObjectStore, make: Callable[[str], Mirror]) -> None:
    mirror = make("a")
    _save(mirror, 5)
    mirror.push()
    _lose_answers(store)
    _save(mirror, 10, remove=5)
    with pytest.raises(BadInput, match="denies it"):
        mirror.push()
    assert "ckpt-10" in store.get("run/checkpoint").decode()
    store.proxy.heal()
    mirror.push()
    assert not any("ckpt-5" in key for key in store.keys())


def _remove(mirror: Mirror, pattern: str) -> None:
    for name in mirror_names.below(mirror.folder):
        if re.search(pattern, name):
            os.remove(os.path.join(mirror.folder, name))


def _contents(store: ObjectStore) -> Dict[str, bytes]:
    return {key: store.get(key) for key in store.keys()}


@pytest.mark.parametrize("pattern", ["", "^checkpoint", "ckpt-5", "ckpt-5.data", "config|export"])
def test_what_something_else_removed_here_is_fetched_at_the_next_start(
        pattern: str, store: ObjectStore, make: Callable[[str], Mirror]) -> None:
    mirror = make("a")
    _save(mirror, 5)
    for name in ("config.json", "export_best/17/saved_model.pb"):
        _write(mirror, name, name)
    mirror.push()
    before, local = _contents(store), _files(mirror)
    mirror.close()
    _remove(mirror, pattern)
    again = make("a")
    assert _files(again) == local
    again.push()
    assert _contents(store) == before


@pytest.mark.parametrize("pattern", ["", "^checkpoint", "ckpt-5", "ckpt-5.data", "config"])
def test_what_something_else_removes_while_a_run_goes_on_stays_in_the_store(
        pattern: str, store: ObjectStore, make: Callable[[str], Mirror]) -> None:
    mirror = make("a")
    _save(mirror, 5)
    _write(mirror, "config.json", "{}")
    mirror.push()
    before = _contents(store)
    _remove(mirror, pattern)
    mirror.push()
    assert _contents(store) == before
    _save(mirror, 10)
    _remove(mirror, "ckpt-5")
    mirror.push()
    assert "ckpt-10" in store.get("run/checkpoint").decode()
    assert not any("ckpt-5" in key for key in store.keys())
    mirror.close()
    assert _files(make("a"))["config.json"] == "{}"


def test_a_folder_that_is_gone_while_a_run_goes_on(
        store: ObjectStore, make: Callable[[str], Mirror]) -> None:
    mirror = make("a")
    _save(mirror, 5)
    mirror.push()
    before = _contents(store)
    shutil.rmtree(mirror.folder)
    mirror.push()
    assert _contents(store) == before


def test_what_runs_remove_is_removed_there(
        store: ObjectStore, make: Callable[[str], Mirror]) -> None:
    mirror = make("a")
    _save(mirror, 5)
    names = ["metrics.json", "ended_early.json", "export_best/17/saved_model.pb",
             ".incremental_checkpoint/checkpoint", ".incremental_checkpoint/model.ckpt-7.index"]
    for name in names:
        _write(mirror, name, 'model_checkpoint_path: "model.ckpt-7"')
    mirror.push()
    assert set(store.keys("run")) > {"run/" + name for name in names}
    for name in names:
        os.remove(os.path.join(mirror.folder, name))
    mirror.push()
    assert store.keys() == ["run/" + name for name in _files(mirror)]


def test_what_an_empty_store_did_not_take_is_taken_up_from_the_local_copy(
        store: ObjectStore, make: Callable[[str], Mirror]) -> None:
    mirror = make("a")
    store.proxy.fault = lambda request: Fault(403) if request.method == "PUT" else None
    _save(mirror, 5)
    with pytest.raises(BadInput, match="denies it"):
        mirror.push()
    mirror.close()
    store.proxy.heal()
    again = make("a")
    again.push()
    assert store.keys() == ["run/" + name for name in _files(mirror)] and "checkpoint" in _files(
        again)


def test_the_local_copy_goes_on_where_an_answer_was_lost(
        store: ObjectStore, make: Callable[[str], Mirror]) -> None:
    mirror = make("a")
    _save(mirror, 5)
    mirror.push()
    _lose_answers(store)
    _save(mirror, 10, remove=5)
    with pytest.raises(BadInput, match="denies it"):
        mirror.push()
    _save(mirror, 20, remove=10)
    mirror.close()
    store.proxy.heal()
    again = make("a")
    assert "ckpt-20" in _files(again)["checkpoint"]
    again.push()
    assert store.keys() == ["run/" + name for name in _files(again)]


def test_a_folder_without_checkpoints(store: ObjectStore, make: Callable[[str], Mirror]) -> None:
    first = make("a")
    _write(first, "metrics.json", "1")
    first.push()
    first.close()
    _write(first, "config.json", "newer")
    again = make("a")
    assert sorted(_files(again)) == ["config.json", "metrics.json"]
    again.close()
    store.put("run/metrics.json", b"2")
    assert _files(make("a")) == {"metrics.json": "2"}


def test_a_folder_without_checkpoints_goes_on_where_an_answer_was_lost(
        store: ObjectStore, make: Callable[[str], Mirror]) -> None:
    mirror = make("a")
    _write(mirror, "config.json", "1")
    mirror.push()
    _lose_answers(store, "config.json")
    _write(mirror, "config.json", "23")
    _write(mirror, "metrics.json", "4")
    with pytest.raises(BadInput, match="denies it"):
        mirror.push()
    mirror.close()
    assert store.keys() == ["run/config.json"] and store.get("run/config.json") == b"23"
    store.proxy.heal()
    again = make("a")
    again.push()
    assert store.get("run/metrics.json") == b"4"


def test_a_store_that_has_checkpoints_by_now_counts(
        store: ObjectStore, make: Callable[[str], Mirror]) -> None:
    first = make("a")
    first.close()
    _save(first, 3)
    store.put("run/checkpoint", b'model_checkpoint_path: "model.ckpt-9"')
    assert sorted(_files(make("a"))) == ["checkpoint"]

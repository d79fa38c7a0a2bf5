import os
from typing import List

import pytest

from common.callbacks import mirroring
from common.callbacks.mirroring import Mirroring
from common.config.mirrored import Mirrored
from common.errors import BadInput
from common.places import asking
from common.places.mirrors import Mirror, NotAlone
from common.testing.fault_proxy import Fault
from common.testing.object_store import ObjectStore


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "_PAUSES_SECS", ())


@pytest.fixture
def folders(store: ObjectStore, tmp_path: object) -> List[Mirrored]:
    return [Mirrored(store.address("run"), os.path.join(str(tmp_path), "mirror"))]


def _write(folders: List[Mirrored], name: str) -> None:
    with open(os.path.join(folders[0].folder, name), "w") as file:
        file.write(name)


def test_what_a_save_changed_is_copied_after_it(
        store: ObjectStore, folders: List[Mirrored]) -> None:
    with mirroring.mirrored(folders) as mirrors:
        callback = Mirroring(mirrors)
        _write(folders, "config.json")
        with callback.around():
            assert store.keys() == ["run/config.json"]
        _write(folders, "checkpoint")
        callback.saving(True)
        assert store.keys() == ["run/config.json"]
        callback.saving(False)
        assert store.keys() == ["run/checkpoint", "run/config.json"]
        _write(folders, "metrics.json")
    assert "run/metrics.json" in store.keys()


def test_a_store_that_fails_for_a_while(
        store: ObjectStore, folders: List[Mirrored], capsys: pytest.CaptureFixture) -> None:
    with mirroring.mirrored(folders) as mirrors:
        _write(folders, "checkpoint")
        store.proxy.fault = lambda request: Fault(403)
        Mirroring(mirrors).saving(False)
        assert "is in {} alone, the next save tries again: s3://".format(
            folders[0].folder) in capsys.readouterr().err
        store.proxy.heal()
    assert store.keys() == ["run/checkpoint"]


def test_a_store_that_fails_at_the_end(store: ObjectStore, folders: List[Mirrored]) -> None:
    words = "denies it.* All that the run wrote is in {}: the same command".format(
        folders[0].folder)
    with pytest.raises(BadInput, match=words):
        with mirroring.mirrored(folders):
            _write(folders, "metrics.json")
            store.proxy.fault = lambda request: Fault(403)
    store.proxy.heal()
    with mirroring.mirrored(folders):
        assert os.path.exists(os.path.join(folders[0].folder, "metrics.json"))
    assert store.keys() == ["run/metrics.json"]


def test_another_run_in_the_folder_is_told_at_the_end(
        store: ObjectStore, folders: List[Mirrored]) -> None:
    with pytest.raises(NotAlone, match="give it another folder.$"):
        with mirroring.mirrored(folders):
            store.put("run/checkpoint", b"of another")


def test_a_run_that_fails_copies_what_it_wrote_and_keeps_its_error(
        store: ObjectStore, folders: List[Mirrored]) -> None:
    with pytest.raises(KeyError, match="of the run"):
        with mirroring.mirrored(folders):
            _write(folders, "config.json")
            raise KeyError("of the run")
    assert store.keys() == ["run/config.json"]
    with pytest.raises(KeyError, match="of the run"):
        with mirroring.mirrored(folders):
            _write(folders, "checkpoint")
            store.proxy.fault = lambda request: Fault(403)
            raise KeyError("of the run")


def test_another_run_in_the_folder_ends_this_one(
        store: ObjectStore, folders: List[Mirrored]) -> None:
    with pytest.raises(NotAlone, match="something else has written checkpoints there"):
        with mirroring.mirrored(folders) as mirrors:
            store.put("run/checkpoint", b"of another")
            Mirroring(mirrors).saving(False)
    assert store.get("run/checkpoint") == b"of another"


def test_the_mirror_is_free_after_the_run(store: ObjectStore, folders: List[Mirrored]) -> None:
    for _ in range(2):
        with mirroring.mirrored(folders):
            with pytest.raises(BadInput, match="runs there already"):
                Mirror(*folders[0]).open()


def test_a_local_run_has_no_mirror() -> None:
    with mirroring.mirrored([]) as mirrors:
        Mirroring(mirrors).saving(False)
    assert mirrors == []

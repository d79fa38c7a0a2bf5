import os

import pytest

from common.testing import rooms


def test_the_picture_in_contributing_is_current() -> None:
    with open(rooms.DOCUMENT) as file:
        _, drawn, _ = rooms.split(file.read())
    assert drawn == rooms.picture(rooms.ROOT), "run: python -m common.testing.rooms --write"


@pytest.mark.parametrize("module, room", [
    ("common.errors.Stopped", "leaves"), ("common.__version__", "leaves"),
    ("common.flags", "front"), ("common.layers", "layers"), ("common.kernels.dense", "kernels"),
    ("common.deeprec.symbols.lacking", "deeprec.symbols"), ("common.deeprec.support", "deeprec"),
    ("data.taobao", "data"), ("esmm.train", "models")])
def test_the_room_of_a_module(module: str, room: str) -> None:
    assert rooms.room_of(module) == room


def test_sources_leave_tests_out() -> None:
    names = list(rooms.sources(rooms.ROOT))
    assert {"common.flags", "esmm.train", "data.din.script.pick2txt"} <= set(names)
    assert not [name for name in names if "test" in name.rpartition(".")[2]]


def test_imports_within_functions_count(tmp_path: object) -> None:
    with open(os.path.join(str(tmp_path), "a.py"), "w") as file:
        file.write("from common import log\n\n\ndef f():\n    import common.kernels.dense\n")
    assert rooms.imported(str(tmp_path), "a") == {"common.log", "common.kernels.dense"}


def test_arrows_that_follow_from_others_are_left_out() -> None:
    edges = {"a": {"b", "c"}, "b": {"c"}, "c": set()}
    assert rooms.reduced(edges) == {"a": {"b"}, "b": {"c"}, "c": set()}


def test_a_circle_is_named() -> None:
    with pytest.raises(ValueError, match="in a circle: a, b"):
        rooms.reduced({"a": {"b"}, "b": {"a"}, "c": {"a"}})


def test_a_document_without_marks() -> None:
    with pytest.raises(ValueError, match="lacks the lines"):
        rooms.split("no picture")

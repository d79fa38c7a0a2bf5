import os

import pytest

from common.places import location
from common.places.location import Stamp


def test_what_a_file_is_and_holds(tmp_path: object) -> None:
    path = os.path.join(str(tmp_path), "a")
    with open(path, "wb") as file:
        file.write(b"one,two")
    os.utime(path, (7.5, 7.5))
    assert location.exists(path) and not location.folder_exists(path)
    assert location.folder_exists(str(tmp_path)) and not location.exists(str(tmp_path))
    assert location.num_bytes(path) == 7 and location.modified_secs(path) == 7.5
    with location.open_binary(path) as file:
        file.seek(4)
        assert file.read(99) == b"two"


def test_a_file_that_is_not_there(tmp_path: object) -> None:
    with pytest.raises(OSError):
        location.open_binary(os.path.join(str(tmp_path), "a"))


def test_the_files_below_a_folder_are_sorted(tmp_path: object) -> None:
    names = ["b/1", "a/2", "c"]
    for name in names:
        path = os.path.join(str(tmp_path), name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        open(path, "wb").close()
    found = location.files_below(str(tmp_path))
    assert found == [os.path.join(str(tmp_path), name) for name in sorted(names)]


def test_a_stamp_tells_a_file_from_what_replaces_it(tmp_path: object) -> None:
    path = os.path.join(str(tmp_path), "a")
    with open(path, "wb") as file:
        file.write(b"one")
    before = location.stamp(path)
    assert before.num_bytes == 3
    os.utime(path, ns=(1, 1))
    assert location.stamp(path) == before._replace(version="1")


def test_when_a_file_was_written() -> None:
    assert str(Stamp(3, "1764422877123456789").written) == "2025-11-29 13:27:57+00:00"
    assert Stamp(3, "12345678901234567890123456789012").written is None  # an ETag
    assert Stamp(3, "abc").written is None


def test_folders_that_are_not_looked_into(tmp_path: object) -> None:
    for name in ("a/x/1", "b/x/2"):
        path = os.path.join(str(tmp_path), name)
        os.makedirs(os.path.dirname(path))
        open(path, "wb").close()
    asked = []

    def enters(folder: str) -> bool:
        asked.append(os.path.relpath(folder, str(tmp_path)))
        return not folder.endswith("a")

    assert location.files_below(str(tmp_path), enters) == [os.path.join(str(tmp_path), "b/x/2")]
    assert sorted(asked) == ["a", "b", "b/x"]


@pytest.mark.parametrize("link, target, message", [
    ("x/up", "..", "x/up is a link that leads back to "),
    ("x/here", ".", "x/here is a link that leads back to .*x$"),
    ("loop", "loop", "Too many levels of symbolic links: './loop'"),
    ("x/gone", "nothing", "x/gone is a link to a file that is not there$")])
def test_links_to_nothing_and_back(link: str, target: str, message: str, tmp_path: object,
                                   monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(str(tmp_path))
    os.mkdir("x")
    os.symlink(target, link)
    with pytest.raises(OSError, match=message):
        location.files_below(".")


def test_hidden_links_to_nothing_are_files(tmp_path: object) -> None:
    path = os.path.join(str(tmp_path), ".#a")
    os.symlink("user@host:1", path)
    assert location.files_below(str(tmp_path)) == [path]


def test_a_folder_that_may_not_be_listed(tmp_path: object) -> None:
    with pytest.raises(OSError, match="nothing"):
        location.files_below(os.path.join(str(tmp_path), "nothing"))


def test_two_names_of_a_file(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(str(tmp_path))
    os.mkdir("x")
    open("x/a", "wb").close()
    os.symlink("x", "y")
    os.symlink("x/a", "link")
    names = ["x/a", "./x/../x/a", "y/a", "link", os.path.abspath("x/a")]
    assert set(location.real_paths(names)) == {os.path.join(os.path.realpath("x"), "a")}
    assert location.real_paths(["y", ".", "x/b"]) == [
        os.path.realpath("x"), os.path.realpath("."), os.path.realpath("x/b")]

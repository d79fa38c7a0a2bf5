import os

import pytest

from common.pipeline import location


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

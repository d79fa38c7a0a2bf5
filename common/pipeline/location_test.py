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

import os
from typing import Callable

import pytest

from common.errors import BadInput
from common.formats import unchanged
from common.places import location
from common.places.location import Stamp
from common.testing.object_store import ObjectStore


def replace(path: str) -> None:
    with open(path + ".new", "w") as file:
        file.write("XYZ")
    os.utime(path + ".new", (1, 1))
    os.replace(path + ".new", path)


def append(path: str) -> None:
    with open(path, "a") as file:
        file.write("more")


def cut(path: str) -> None:
    os.truncate(path, 2)


@pytest.mark.parametrize("change, now", [
    (replace, "3 bytes, written 1970-01-01 .*"),
    (append, "10 bytes, written 20.*"),
    (cut, "2 bytes, written 20.*"),
])
def test_a_changed_file_is_an_error(tmp_path: object, change: Callable[[str], None],
                                    now: str) -> None:
    path = "{}/rows".format(tmp_path)
    with open(path, "w") as file:
        file.write("abcdef")
    opened = location.stamp(path)
    assert unchanged.read_range(path, opened, 2, 3) == b"cde"
    change(path)
    message = "rows changed while it was read: it had 6 bytes, written 20.*, now it has {}. Run the"
    with pytest.raises(BadInput, match=message.format(now)):
        unchanged.read_range(path, opened, 2, 3)


def test_a_removed_file_is_an_error(tmp_path: object) -> None:
    path = "{}/rows".format(tmp_path)
    with pytest.raises(BadInput, match="rows changed .* 6 bytes, version abc, now it is gone. Run"):
        unchanged.read_range(path, Stamp(6, "abc"), 0, 3)


def test_a_key_that_was_found_anew_is_another_file(store: ObjectStore) -> None:
    path = store.put("rows", b"abcdef")
    opened = location.opened_stamp(path)
    store.proxy.heal()
    unchanged.check(path, opened)
    assert store.proxy.requests == []
    now = location.stamp(store.put("rows", b"ghijkl"))
    message = "rows changed while it was read: it had 6 bytes, version {}, now .* version {}"
    with pytest.raises(BadInput, match=message.format(opened.version, now.version)):
        unchanged.read_range(path, opened, 2, 3)


def test_other_errors_stay_what_they_are(tmp_path: object) -> None:
    path = "{}/rows".format(tmp_path)
    with open(path, "w") as file:
        file.write("abcdef")
    opened = location.stamp(path)
    with pytest.raises(OSError, match="disk broke"), unchanged.reading(path, opened):
        raise OSError("disk broke")
    with pytest.raises(BadInput, match="of the 5 bytes from byte 4 on only 2 came. Check the disk"):
        unchanged.read_range(path, opened, 4, 5)

"""Files that change while they are read: each read looks whether it is still the file opened."""

import contextlib
from typing import Iterator, Optional

import pyarrow as pa

from common.errors import BadInput
from common.places import location
from common.places.location import Stamp

_ERRORS = (OSError, pa.ArrowException)


@contextlib.contextmanager
def reading(path: str, opened: Stamp) -> Iterator[None]:
    """Around each read of a file: an error that tells what is wrong, should the file have changed.

    What was read may be of either file then, and an error may have no other cause.

    Args:
      opened: the stamp that the file had when it was opened.

    Raises:
      BadInput: the file was replaced, cut, appended to or removed since.
    """
    try:
        yield
    except _ERRORS:
        check(path, opened)
        raise
    check(path, opened)


def read_range(path: str, opened: Stamp, start: int, size: int) -> bytes:
    """Some bytes of a file, all of them.

    Raises:
      BadInput: the file changed since it was opened, or ends before the last of these bytes.
      OSError: it cannot be read.
    """
    with reading(path, opened), location.open_binary(path) as file:
        file.seek(start)
        data = file.read(size)
    check_whole(path, start, size, len(data))
    return data


def check_whole(path: str, start: int, size: int, num_read: int) -> None:
    """Raises BadInput where fewer bytes of a file came than there are."""
    if num_read != size:
        message = ("{}: of the {} bytes from byte {} on only {} came. Check the disk or the store "
                   "that holds it.")
        raise BadInput(message.format(path, size, start, num_read))


def check(path: str, opened: Stamp) -> None:
    """Raises BadInput where a file is no longer the one that was opened."""
    change = change_of(path, opened)
    if change:
        raise BadInput("{} changed while it was read: {}. Run the same command again when nothing "
                       "writes to it.".format(path, change))


def change_of(path: str, opened: Stamp) -> str:
    """What a file was when it was opened and is now; empty where it is the same."""
    current = _stamp(path)
    if current == opened:
        return ""
    now = "now it is gone"
    if current:
        now = "now it has " + _described(current)
    return "it had {}, {}".format(_described(opened), now)


def _stamp(path: str) -> Optional[Stamp]:
    try:
        return location.opened_stamp(path)
    except FileNotFoundError:
        return None


def _described(stamp: Stamp) -> str:
    """A file's size, and when it was written or, in an object store, its version."""
    version = "version " + stamp.version
    if stamp.written:
        version = "written {:%Y-%m-%d %H:%M:%S}".format(stamp.written.astimezone())
    return "{} bytes, {}".format(stamp.num_bytes, version)

"""Where the files of a data set lie: on a local disk or in an object store.

Nothing else in this room asks a disk or a store; only TextLineDataset, which --tf reads with, opens
paths by itself.
"""

import concurrent.futures
import datetime
import os
import stat
from typing import Callable, List, NamedTuple, Optional, Sequence, Tuple, TypeVar

import pyarrow as pa

from common.places import addresses, remote, remote_reader

_THREADS = 64
_MOST_DIGITS = 20  # of nanoseconds; an ETag of digits alone has more
_SPECIAL = (  # a test of a file's mode; what it is
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
Answer = TypeVar("Answer")


class Stamp(NamedTuple):
    """What tells a file from another one that was put in its place.

    Attributes:
      num_bytes: its size.
      version: when it was last written, in nanoseconds since 1970; in an object store its ETag.
    """

    num_bytes: int
    version: str

    @property
    def written(self) -> Optional[datetime.datetime]:
        """When it was last written, to the second in UTC; None in an object store."""
        if not self.version.isdigit() or len(self.version) > _MOST_DIGITS:
            return None
        secs = int(self.version) // 10 ** 9
        return datetime.datetime.fromtimestamp(secs, datetime.timezone.utc)


def is_remote(path: str) -> bool:
    """Whether reading takes round trips, so that it should be done ahead and in parallel."""
    return addresses.is_remote(path)


def exists(path: str) -> bool:
    """Whether there is a file of this path.

    Raises:
      BadInput: an object store does not say.
    """
    if is_remote(path):
        return remote.find(path) is not None
    return os.path.isfile(path)


def missing(path: str) -> str:
    """Why there is no file of this path, for messages."""
    kind = special_kind(path)
    if not kind:
        return "no such file"
    return ("it is {}, and rows are read more than once and from any place. Write them to a file, "
            "and name that".format(kind))


def special_kind(path: str) -> str:
    """What there is in place of a file or folder; empty where nothing is."""
    if is_remote(path) or not os.path.exists(path):
        return ""
    mode = os.stat(path).st_mode
    return next((kind for is_kind, kind in _SPECIAL if is_kind(mode)), "")


def folder_exists(path: str) -> bool:
    """Whether there is a folder of this path; raises as exists does."""
    return remote.folder_exists(path) if is_remote(path) else os.path.isdir(path)


def num_bytes(path: str) -> int:
    """The size of a file."""
    return remote.num_bytes(path) if is_remote(path) else os.path.getsize(path)


def sizes(paths: Sequence[str]) -> List[int]:
    """The sizes of many files; object stores are asked for many at a time."""
    return _of_many(num_bytes, paths)


def modified_secs(path: str) -> float:
    """When a file was last written, in seconds since 1970."""
    return remote.modified_secs(path) if is_remote(path) else os.path.getmtime(path)


def open_binary(path: str, ranges: Sequence[Tuple[int, int]] = ()) -> pa.NativeFile:
    """Opens a file to read, seek and tell in it.

    In an object store each read brings all bytes that it was asked for of the file as it was when
    it was found, or raises BadInput.

    Args:
      ranges: (start, size) of what will be read; an object store is asked for them at once.

    Raises:
      OSError: there is no such file, or it cannot be read.
      BadInput: the same in an object store.
    """
    if is_remote(path):
        return remote_reader.open_reader(remote.opened(path), ranges)
    return pa.OSFile(path)


def files_below(folder: str, enters: Callable[[str], bool] = lambda folder: True) -> List[str]:
    """The paths of all files below a folder, sorted; links are followed.

    Args:
      enters: whether to look into a folder below it; an object store lists all at once.

    Raises:
      OSError: a folder cannot be listed, a link leads to nothing or back into a folder above it, or
        something is neither a file nor a folder. What is hidden (. or _ at the start) may be so.
      BadInput: an object store does not say.
    """
    if is_remote(folder):
        return remote.files_below(folder)
    paths: List[str] = []
    _walk(folder, (os.path.realpath(folder),), enters, paths)
    return sorted(paths)


def _walk(folder: str, above: Tuple[str, ...], enters: Callable[[str], bool],
          paths: List[str]) -> None:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir():
                if enters(entry.path):
                    _walk_below(entry, above, enters, paths)
            elif entry.is_file() or entry.name[0] in "._":
                paths.append(entry.path)
            else:
                kind = special_kind(entry.path) or "a link to a file that is not there"
                raise OSError("{} is {}".format(entry.path, kind))


def _walk_below(entry: "os.DirEntry[str]", above: Tuple[str, ...], enters: Callable[[str], bool],
                paths: List[str]) -> None:
    real = os.path.join(above[-1], entry.name)
    if entry.is_symlink():
        real = os.path.realpath(entry.path)
        if real in above:
            raise OSError("{} is a link that leads back to {}".format(entry.path, real))
    _walk(entry.path, above + (real,), enters, paths)


def names_below(path: str, folder: str) -> Optional[List[str]]:
    """The names that lead from a folder to a path in it, neither of which need be there.

    None where the path is not in it.
    """
    path, folder = (one if is_remote(one) else os.path.realpath(one) for one in (path, folder))
    folder = folder.rstrip("/") + "/"
    path = path.rstrip("/") + "/"
    if not path.startswith(folder):
        return None
    return path[len(folder):].split("/")[:-1]


def real_paths(paths: Sequence[str]) -> List[str]:
    """The paths without links: two that are equal are the same file. Addresses have no links."""
    folders = {os.path.dirname(path) for path in paths if not is_remote(path)}
    real = {folder: os.path.realpath(folder) for folder in folders}
    found = []
    for path in paths:
        if is_remote(path):
            found.append(path)
            continue
        folder, name = os.path.split(path)
        is_link = os.path.islink(path) or name in ("", ".", "..")
        found.append(os.path.realpath(path) if is_link else os.path.join(real[folder], name))
    return found


def stamp(path: str) -> Stamp:
    """The stamp of a file as it is now.

    Raises:
      OSError: there is no such file.
      BadInput: an object store does not say.
    """
    if is_remote(path):
        file = remote.find(path)
        if not file:
            raise FileNotFoundError("{}: there is no such key.".format(path))
        return Stamp(file.num_bytes, file.version)
    status = os.stat(path)
    return Stamp(status.st_size, str(status.st_mtime_ns))


def opened_stamp(path: str) -> Stamp:
    """The stamp of the file that open_binary gives, without asking an object store again.

    Reads there look by themselves whether it is still that file. Raises as stamp does.
    """
    if is_remote(path):
        file = remote.opened(path)
        return Stamp(file.num_bytes, file.version)
    return stamp(path)


def stamps(paths: Sequence[str]) -> List[Stamp]:
    """The stamps of many files; object stores are asked for many at a time."""
    return _of_many(stamp, paths)


def _of_many(ask: Callable[[str], Answer], paths: Sequence[str]) -> List[Answer]:
    """What is asked of each path, in order."""
    if not any(map(is_remote, paths)):
        return list(map(ask, paths))
    with concurrent.futures.ThreadPoolExecutor(_THREADS) as threads:
        return list(threads.map(ask, paths))

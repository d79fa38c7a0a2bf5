"""Where the files of a data set lie: on a local disk. Nothing else in this room asks a disk.

Only TextLineDataset, which --tf reads with, opens paths by itself.
"""

import os
from typing import Callable, List, NamedTuple, Sequence, Tuple

import pyarrow as pa


class Stamp(NamedTuple):
    """What tells a file from another one that was put in its place.

    Attributes:
      num_bytes: its size.
      version: when it was last written, in nanoseconds since 1970.
    """

    num_bytes: int
    version: str


def exists(path: str) -> bool:
    """Whether there is a file of this path."""
    return os.path.isfile(path)


def folder_exists(path: str) -> bool:
    """Whether there is a folder of this path."""
    return os.path.isdir(path)


def num_bytes(path: str) -> int:
    """The size of a file."""
    return os.path.getsize(path)


def modified_secs(path: str) -> float:
    """When a file was last written, in seconds since 1970."""
    return os.path.getmtime(path)


def open_binary(path: str) -> pa.NativeFile:
    """Opens a file to read, seek and tell in it.

    Raises:
      OSError: there is no such file, or it cannot be read.
    """
    return pa.OSFile(path)


def files_below(folder: str, enters: Callable[[str], bool] = lambda folder: True) -> List[str]:
    """The paths of all files below a folder, sorted; links are followed.

    Args:
      enters: whether to look into a folder below it; a place that lists all at once need not ask.

    Raises:
      OSError: a folder cannot be listed, a link leads to nothing or back into a folder above it, or
        something is neither a file nor a folder. What is hidden (. or _ at the start) may be so.
    """
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
                raise OSError("{} is a link to a file that is not there, or no file".format(
                    entry.path))


def _walk_below(entry: "os.DirEntry[str]", above: Tuple[str, ...], enters: Callable[[str], bool],
                paths: List[str]) -> None:
    real = os.path.join(above[-1], entry.name)
    if entry.is_symlink():
        real = os.path.realpath(entry.path)
        if real in above:
            raise OSError("{} is a link that leads back to {}".format(entry.path, real))
    _walk(entry.path, above + (real,), enters, paths)


def real_paths(paths: Sequence[str]) -> List[str]:
    """The paths without links: two that are equal are the same file."""
    folders = {os.path.dirname(path) for path in paths}
    real = {folder: os.path.realpath(folder) for folder in folders}
    found = []
    for path in paths:
        folder, name = os.path.split(path)
        is_link = os.path.islink(path) or name in ("", ".", "..")
        found.append(os.path.realpath(path) if is_link else os.path.join(real[folder], name))
    return found


def stamp(path: str) -> Stamp:
    """The stamp of a file.

    Raises:
      OSError: there is no such file.
    """
    status = os.stat(path)
    return Stamp(status.st_size, str(status.st_mtime_ns))

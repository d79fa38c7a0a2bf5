"""Where the files of a data set lie: on a local disk. Nothing else in this room asks a disk.

Only TextLineDataset, which --tf reads with, opens paths by itself.
"""

import os
from typing import List, NamedTuple

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


def files_below(folder: str) -> List[str]:
    """The paths of all files below a folder, sorted."""
    paths = []
    for parent, _, names in os.walk(folder):
        paths += [os.path.join(parent, name) for name in names]
    return sorted(paths)


def stamp(path: str) -> Stamp:
    """The stamp of a file.

    Raises:
      OSError: there is no such file.
    """
    status = os.stat(path)
    return Stamp(status.st_size, str(status.st_mtime_ns))

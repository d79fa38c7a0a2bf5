"""Where the files of a data set lie: on a local disk. Nothing else in this room asks a disk.

Only TextLineDataset, which --tf reads with, opens paths by itself.
"""

import os

import pyarrow as pa


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

"""Files in object stores: what there is, and reading it with every length checked.

common.places.location asks here for addresses. A file keeps the version (S3's ETag) that it had
when it was opened; what is read later must be of that version.
"""

import collections
import os
import threading
from typing import Dict, List, NamedTuple, Optional, Tuple

import numpy as np
import pyarrow as pa
import pyarrow.fs

from common.errors import BadInput
from common.places import asking, stores
from common.places.asking import Denied, ShortBody
from common.places.stores import Store

_MARK_BYTES = 16
_MOST_FILES = 20000


class RemoteFile(NamedTuple):
    """An opened file; it holds no connection.

    Attributes:
      address: of the file.
      store: it lies in.
      handle: reads it; the size is known, and each read is a request.
      num_bytes: its size.
      version: its ETag or generation, or when it was written where the store has neither.
    """

    address: str
    store: Store
    handle: pa.NativeFile
    num_bytes: int
    version: str


_lock = threading.Lock()
_opened: "collections.OrderedDict[Tuple[str, int], RemoteFile]" = collections.OrderedDict()
_sizes: Dict[Tuple[str, int], int] = {}


def forget() -> None:
    """Lets go of all that was opened, and with it of the connections, which stay open else."""
    with _lock:
        _opened.clear()
        _sizes.clear()
    stores.forget()


def find(address: str) -> Optional[RemoteFile]:
    """The file of an address as it is now, None where there is none.

    Raises:
      BadInput: the store does not say.
    """
    store = stores.of(address)
    try:
        file = asking.ask(address, store, "read", lambda: _open(address, store))
    except FileNotFoundError:
        _check_bucket(address, store)
        return None
    except BadInput as error:
        if "AWS Error" not in str(error) and _is_folder(address, store):
            return None
        raise
    with _lock:
        _opened[_key(address, store)] = file
        if len(_opened) > _MOST_FILES:
            _opened.popitem(last=False)
    return file


def opened(address: str) -> RemoteFile:
    """The file of an address as it was when it was found first.

    Raises:
      BadInput: there is none, or the store does not say.
    """
    file = _opened.get(_key(address, stores.of(address))) or find(address)
    if not file:
        raise BadInput("{}: there is no such key.".format(address))
    return file


def num_bytes(address: str) -> int:
    """The size of a file; of one in a listed folder without a request."""
    size = _sizes.get(_key(address, stores.of(address)))
    return opened(address).num_bytes if size is None else size


def modified_secs(address: str) -> float:
    """When a file was last written, in seconds since 1970."""
    info = _info(address, stores.of(address))
    if info.mtime is None:
        raise BadInput("{}: there is no such key.".format(address))
    return info.mtime.timestamp()


def folder_exists(address: str) -> bool:
    """Whether any key lies below an address."""
    store = stores.of(address)
    kind = _info(address, store).type
    if kind == pyarrow.fs.FileType.NotFound:
        _check_bucket(address, store)
    return kind == pyarrow.fs.FileType.Directory


def files_below(address: str) -> List[str]:
    """The addresses of all files below a folder, sorted: a request for a thousand.

    Raises:
      BadInput: the bucket is not there, or the store does not say.
    """
    store = stores.of(address)
    selector = pyarrow.fs.FileSelector(
        stores.path_in(address), allow_not_found=True, recursive=True)
    infos = asking.ask(address, store, "list", lambda: store.files.get_file_info(selector))
    prefix = _prefix(address)
    sizes = {prefix + info.path: info.size for info in infos if info.is_file}
    with _lock:
        _sizes.update({_key(path, store): size for path, size in sizes.items()})
    if not sizes:
        _check_bucket(address, store)
    return sorted(sizes)


def read_range(file: RemoteFile, start: int, size: int) -> np.ndarray:
    """Bytes of a file, uint8 [size], in one request, and another that sees whether it is the same.

    Raises:
      BadInput: fewer came each time, another file is in its place, or the store fails.
    """
    try:
        content = asking.ask(
            file.address, file.store, "read", lambda: _checked_range(file, start, size))
        now = asking.ask(file.address, file.store, "read", lambda: _open(file.address, file.store))
    except FileNotFoundError:
        raise BadInput("{}: it was removed while it was read.".format(file.address))
    _check_version(file, now)
    return content


def _checked_range(file: RemoteFile, start: int, size: int) -> np.ndarray:
    """The same in one try; raises ShortBody where fewer bytes came.

    pyarrow 12 says that it read all bytes whenever the server answers at all, and leaves the rest
    of the memory as it was: a mark at its end tells.
    """
    content = np.empty(size, np.uint8)
    mark = np.frombuffer(os.urandom(min(size, _MARK_BYTES)), np.uint8)
    content[size - len(mark):] = mark
    count = file.handle.get_stream(start, size).readinto(content)
    if count < size or (size and np.array_equal(content[size - len(mark):], mark)):
        raise ShortBody("fewer than the {} bytes from byte {} came".format(size, start))
    return content


def _check_version(file: RemoteFile, now: RemoteFile) -> None:
    if (now.num_bytes, now.version) != (file.num_bytes, file.version):
        raise BadInput(
            "{}: it changed while it was read: {} bytes, version {}, and now {} bytes, version {}. "
            "Start again once nobody writes there.".format(
                file.address, file.num_bytes, file.version, now.num_bytes, now.version))


def _open(address: str, store: Store) -> RemoteFile:
    """Asks for a file's size and version."""
    handle = store.files.open_input_file(stores.path_in(address))
    metadata = handle.metadata() or {}
    if "ETag" in metadata:
        version = metadata["ETag"].decode("utf-8", "replace").strip('"')
    elif "generation" in metadata:  # Google's number of each write
        version = "generation " + metadata["generation"].decode()
    else:
        version = str(store.files.get_file_info(stores.path_in(address)).mtime_ns)
    return RemoteFile(address, store, handle, handle.size(), version)


def _info(address: str, store: Store) -> pyarrow.fs.FileInfo:
    path = stores.path_in(address)
    return asking.ask(address, store, "read", lambda: store.files.get_file_info(path))


def _is_folder(address: str, store: Store) -> bool:
    """Whether an address is a folder, where opening it as a file failed."""
    try:
        return _info(address, store).type == pyarrow.fs.FileType.Directory
    except BadInput:
        return False


def _check_bucket(address: str, store: Store) -> None:
    """Raises BadInput where not even the bucket is there."""
    bucket = stores.path_in(address).split("/")[0]
    if not bucket:  # of HDFS, where paths begin with a slash
        return
    try:
        info = asking.ask(address, store, "read", lambda: store.files.get_file_info(bucket))
    except Denied:  # of keys that may list a part of it alone; it is there
        return
    if info.type == pyarrow.fs.FileType.NotFound:
        raise BadInput("{}: there is no bucket {} at {}.".format(address, bucket, store.server))


def _prefix(address: str) -> str:
    """What stands before a path of the store to make it an address."""
    scheme, rest = address.split("://", 1)
    return "{}://{}".format(scheme, rest.split("/")[0] if scheme == "hdfs" else "")


def _key(address: str, store: Store) -> Tuple[str, int]:
    return address, id(store.files)

"""Writing to object stores: after each write the store is asked what it has."""

import hashlib
import os
import tempfile
from typing import List, Sequence

import pyarrow.fs

from common.errors import BadInput
from common.places import asking, remote, stores
from common.places.asking import ShortBody
from common.places.stores import Store

_PART_BYTES = 5 << 20
_PARTS_OF_A_SIZE = 100
_BLOCK_BYTES = 8 << 20
_PROBE = ".write-test"
_PROBE_TEXT = b"written to see whether this folder can be written to; may be removed\n"


def check_writable(folder: str) -> None:
    """Writes a small file to a folder of a store, looks at it and removes it.

    Raises:
      BadInput: that fails; the message says why.
    """
    if remote.find(folder):  # raises where there is no bucket
        raise BadInput("{}: it is a file. Give the name of a folder, which need not be there.".
                       format(folder))
    address = "{}/{}".format(folder.rstrip("/"), _PROBE)
    with tempfile.NamedTemporaryFile() as probe:
        probe.write(_PROBE_TEXT)
        probe.flush()
        put(probe.name, address)
    remove([address])


def put(path: str, address: str) -> remote.RemoteFile:
    """Copies a local file to a store; of one that grows meanwhile, its first bytes.

    Raises:
      FileNotFoundError: there is no such local file.
      BadInput: it could not be copied, or the store has something else afterwards.
    """
    store = stores.of(address)
    return asking.ask(address, store, "write", lambda: _put(path, address, store))


def _put(path: str, address: str, store: Store) -> remote.RemoteFile:
    """The same in one try."""
    least_bytes = os.path.getsize(path)
    # A stream of Python's would, where it failed, write once more when it is collected, and no
    # other thread of Python could run meanwhile.
    pyarrow.fs.copy_files(
        os.path.abspath(path), stores.path_in(address), pyarrow.fs.LocalFileSystem(), store.files,
        chunk_size=_BLOCK_BYTES, use_threads=False)
    file = remote.find(address)
    if not file or file.num_bytes < least_bytes:
        has = "nothing" if not file else "{} bytes".format(file.num_bytes)
        raise ShortBody("{} bytes were written, and the store has {}".format(least_bytes, has))
    digest = _digest_of_local(path, file.num_bytes)
    if digest.etag() != file.version and digest.whole() != _digest_of(file):
        raise ShortBody("the store has other bytes than were written")
    return file


def _digest_of_local(path: str, num_bytes: int) -> "_PartDigest":
    """Of the first bytes of a local file."""
    digest = _PartDigest()
    with open(path, "rb") as file:
        for start in range(0, num_bytes, _BLOCK_BYTES):
            digest.update(file.read(min(_BLOCK_BYTES, num_bytes - start)))
    return digest


def _digest_of(file: remote.RemoteFile) -> str:
    """The MD5 of what a store has, for stores whose ETags are none, as with keys of their own."""
    digest = hashlib.md5()
    for start in range(0, file.num_bytes, _BLOCK_BYTES):
        digest.update(remote.read_range(file, start, min(_BLOCK_BYTES, file.num_bytes - start)))
    return digest.hexdigest()


class _PartDigest:
    """The ETag that S3 gives to what pyarrow writes in parts, and the MD5 of all of it.

    pyarrow 12 sends what it was given as a part once that is of 5 MiB, and of 5 MiB more after
    each hundred parts.
    """

    def __init__(self) -> None:
        self._whole = hashlib.md5()
        self._part = hashlib.md5()
        self._in_part = 0
        self._least = _PART_BYTES
        self._parts: List[bytes] = []

    def update(self, content: bytes) -> None:
        """Adds what is written next."""
        self._whole.update(content)
        self._part.update(content)
        self._in_part += len(content)
        if self._in_part >= self._least:
            self._parts.append(self._part.digest())
            self._part, self._in_part = hashlib.md5(), 0
            if len(self._parts) % _PARTS_OF_A_SIZE == 0:
                self._least += _PART_BYTES

    def etag(self) -> str:
        """Of the parts, as S3 puts it."""
        rest = [self._part.digest()] if self._in_part or not self._parts else []
        parts = self._parts + rest
        return "{}-{}".format(hashlib.md5(b"".join(parts)).hexdigest(), len(parts))

    def whole(self) -> str:
        """The MD5 of all content."""
        return self._whole.hexdigest()


def remove(addresses: Sequence[str]) -> None:
    """Removes files; one that is not there is as good. Raises BadInput where that fails."""
    for address in addresses:
        store = stores.of(address)
        path = stores.path_in(address)
        try:
            asking.ask(address, store, "remove", lambda: store.files.delete_file(path))
        except FileNotFoundError:
            continue

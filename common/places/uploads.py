"""Writing to object stores: after each write the store is asked what it has."""

import hashlib
from typing import List, Sequence

from common.errors import BadInput
from common.places import asking, remote, stores
from common.places.asking import ShortBody
from common.places.stores import Store

_PART_BYTES = 5 << 20
_PARTS_OF_A_SIZE = 100
_READ_BYTES = 8 << 20
_PROBE = ".write-test"
_PROBE_TEXT = b"written to see whether this folder can be written to; may be removed\n"


def check_writable(folder: str) -> None:
    """Writes a small file to a folder of a store, reads it back and removes it.

    Raises:
      BadInput: that fails; the message says why.
    """
    remote.folder_exists(folder)  # raises where there is no bucket
    address = "{}/{}".format(folder.rstrip("/"), _PROBE)
    put_bytes(address, _PROBE_TEXT)
    remove([address])


def put_bytes(address: str, content: bytes) -> str:
    """Writes a small file; returns its version. Raises BadInput where that fails."""
    store = stores.of(address)
    return asking.ask(address, store, "write", lambda: _put(address, store, [content]))


def put_file(path: str, address: str, num_bytes: int) -> str:
    """Writes the first bytes of a local file, of which there are that many; returns its version.

    Raises:
      BadInput: it could not be written, or the store has something else afterwards.
    """
    store = stores.of(address)

    def put() -> str:
        return _put(address, store, _Blocks(path, num_bytes))

    return asking.ask(address, store, "write", put)


class _Blocks(Sequence[bytes]):
    """The content of a local file in blocks, read as they are asked for."""

    def __init__(self, path: str, num_bytes: int) -> None:
        self._path, self._num_bytes = path, num_bytes

    def __len__(self) -> int:
        return -(-self._num_bytes // _READ_BYTES)

    def __getitem__(self, index: int) -> bytes:  # type: ignore[override]
        if index >= len(self):
            raise IndexError(index)
        start = index * _READ_BYTES
        size = min(_READ_BYTES, self._num_bytes - start)
        with open(self._path, "rb") as file:
            file.seek(start)
            block = file.read(size)
        if len(block) != size:
            raise BadInput("{}: it became shorter while it was copied to an object store.".format(
                self._path))
        return block


def _put(address: str, store: Store, blocks: Sequence[bytes]) -> str:
    """Writes blocks and looks at what the store has then; one try."""
    path = stores.path_in(address)
    digest = _PartDigest()
    num_bytes = 0
    with store.files.open_output_stream(path) as stream:
        for block in blocks:
            stream.write(block)
            digest.update(block)
            num_bytes += len(block)
    file = remote.find(address)
    if not file or file.num_bytes != num_bytes:
        has = "nothing" if not file else "{} bytes".format(file.num_bytes)
        raise ShortBody("{} bytes were written, and the store has {}".format(num_bytes, has))
    if digest.etag() != file.version and _digest_of(file) != digest.whole():
        raise ShortBody("the store has other bytes than were written")
    return file.version


def _digest_of(file: remote.RemoteFile) -> str:
    """The MD5 of what a store has, for stores whose ETags are none, as with keys of their own."""
    digest = hashlib.md5()
    for start in range(0, file.num_bytes, _READ_BYTES):
        digest.update(remote.read_range(file, start, min(_READ_BYTES, file.num_bytes - start)))
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

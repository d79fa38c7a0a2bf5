"""A local folder that is kept the same as one in an object store.

What is there is fetched at the start, unless the local folder is the one that was copied there last
and may have more, as where the store failed at the end. What is written locally is copied there
each time that `push` is called. Every file is there whole or not at all, and files come in an order
in which none names another that is not there yet: a checkpoint's data, its index, then the file
that says which checkpoints there are. What was removed locally is removed there last.
"""

import fcntl
import json
import os
import re
from concurrent.futures import ThreadPoolExecutor
from typing import IO, Dict, List, NamedTuple, Optional, Sequence

from common.errors import BadInput
from common.files import replacing
from common.log import log
from common.places import remote, remote_reader, uploads

_STATE = "checkpoint"
_RECORD = ".mirror.json"
_LOCK = ".mirror.lock"
_UNFINISHED = re.compile(r"(^|/)temp-|_temp_|\.tmp\d*|tempstate|\.mirror\.|(^|/)\.write-test$")
_CHECKPOINT = re.compile(r"model\.ckpt-\d+\.")
_BLOCK_BYTES = 8 << 20
_THREADS = 8
# Later ones name or complete earlier ones.
_LAST = (re.compile(r"\.index$|(^|/)saved_model\.pb$"), re.compile(r"(^|/)checkpoint$"),
         re.compile(r"(^|/)metrics\.json$"))


class NotAlone(BadInput):
    """Another run has written to the same folder of a store."""


class Copied(NamedTuple):
    """A file as it was when local folder and store were the same.

    Attributes:
      num_bytes, modified_ns: of the local file; -1 where only the store has it.
      version: in the store.
    """

    num_bytes: int
    modified_ns: int
    version: str


_REMOTE_ALONE = Copied(-1, 0, "")


class Mirror:
    """A folder of a store and its local mirror.

    Args:
      address: in the store.
      folder: the local one. It belongs to the mirror: what only it holds is removed by `fetch`.
    """

    def __init__(self, address: str, folder: str) -> None:
        self.address, self.folder = address.rstrip("/"), folder
        self._lock: Optional[IO[str]] = None
        self._copied: Dict[str, Copied] = {}
        self._tried: Dict[str, bytes] = {}  # what states held that perhaps were copied

    def open(self) -> None:
        """Sees that the folder can be written to, and makes the local folder the same as it.

        Raises:
          BadInput: the store fails or denies, or a process of this machine has the mirror open.
        """
        uploads.check_writable(self.address)
        os.makedirs(self.folder, exist_ok=True)
        self._take_lock()
        before, there = self._read_record(), self._names_there()
        if self._is_ahead(before, there):
            strange = set(there) - set(before)
            orphans = {name: _REMOTE_ALONE for name in strange if _CHECKPOINT.match(_base(name))}
            self._copied = {**before, **orphans}
            log("{}: resumed from its local copy, {}".format(self.address, self.folder))
        else:
            self._fetch(before, there)

    def _take_lock(self) -> None:
        self._lock = open(os.path.join(self.folder, _LOCK), "a+")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock.seek(0)
            raise BadInput("{}: process {} of this machine runs there already. Wait for its end, "
                           "or give another folder.".format(self.address, self._lock.read() or "?"))
        self._lock.truncate(0)
        self._lock.write(str(os.getpid()))
        self._lock.flush()

    def _is_ahead(self, before: Dict[str, Copied], there: Sequence[str]) -> bool:
        """Whether the store has what this folder was copied to last, so that nothing is newer."""
        if not before or not set(_local(before)) <= set(there):
            return False
        return all(self._version_there(name) == before[name].version
                   for name in before if _base(name) == _STATE)

    def _version_there(self, name: str) -> str:
        file = remote.find(self._address(name))
        return file.version if file else ""

    def _content_there(self, name: str) -> Optional[bytes]:
        file = remote.find(self._address(name))
        return bytes(remote_reader.open_reader(file).read()) if file else None

    def _fetch(self, before: Dict[str, Copied], there: Sequence[str]) -> None:
        """Makes the local folder the same as that of the store."""
        kept = _restorable(there, self._read_states(there))
        for name in set(_names(self.folder)) - set(there):
            os.remove(self._path(name))
        self._copied = {name: _REMOTE_ALONE for name in there if name not in kept}
        with ThreadPoolExecutor(_THREADS) as threads:
            copied = threads.map(lambda name: self._fetch_file(name, before.get(name)), kept)
            self._copied.update(zip(kept, copied))
        self._write_record()
        if kept:
            num_bytes = sum(self._copied[name].num_bytes for name in kept)
            log("{}: {} files of {} MB are there".format(
                self.address, len(kept), num_bytes // 1000000))

    def _names_there(self) -> List[str]:
        """The names of the store's files below the folder."""
        start = len(self.address) + 1
        names = [address[start:] for address in remote.files_below(self.address)]
        return [name for name in names if not _UNFINISHED.search(name)]

    def _read_states(self, names: Sequence[str]) -> Dict[str, str]:
        """What each file that says which checkpoints there are holds, by its folder."""
        states = {}
        for name in names:
            if _base(name) == _STATE:
                content = self._content_there(name) or b""
                states[os.path.dirname(name)] = content.decode("utf-8", "replace")
        return states

    def _fetch_file(self, name: str, before: Optional[Copied]) -> Copied:
        """Copies a file from the store, unless the local one is the same already."""
        file = remote.find(self._address(name))
        if not file:
            raise BadInput("{}: it was removed while the folder was fetched.".format(
                self._address(name)))
        path = self._path(name)
        if before and before.version == file.version and _is_same(path, before):
            return before
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with replacing(path) as temporary, open(temporary, "wb") as out:
            with remote_reader.open_reader(file) as source:
                block = source.read(_BLOCK_BYTES)
                while block:
                    out.write(block)
                    block = source.read(_BLOCK_BYTES)
        return _copied(path, file.version)

    def push(self) -> None:
        """Copies what changed locally to the store, and removes there what was removed here.

        Raises:
          BadInput: the store fails each time, or another run writes to the same folder.
        """
        self._check_alone()
        names = _names(self.folder)
        changed = [name for name in names if not self._is_copied(name)]
        for rank in range(len(_LAST) + 1):
            self._put([name for name in changed if _rank(name) == rank])
        gone = sorted(set(self._copied) - set(names))
        uploads.remove([self._address(name) for name in gone])
        for name in gone:
            del self._copied[name]
        self._write_record()

    def _is_copied(self, name: str) -> bool:
        copied = self._copied.get(name)
        return copied is not None and _is_same(self._path(name), copied)

    def _put(self, names: Sequence[str]) -> None:
        with ThreadPoolExecutor(_THREADS) as threads:
            copied = list(threads.map(self._put_file, names))
        self._copied.update((name, one) for name, one in zip(names, copied) if one)

    def _put_file(self, name: str) -> Optional[Copied]:
        """Copies one file; None where it is gone meanwhile."""
        path = self._path(name)
        try:
            modified_ns = os.stat(path).st_mtime_ns
            if _base(name) == _STATE:
                with open(path, "rb") as state:
                    self._tried[name] = state.read()
            file = uploads.put(path, self._address(name))
        except FileNotFoundError:
            return None
        return Copied(file.num_bytes, modified_ns, file.version)

    def _check_alone(self) -> None:
        """Raises BadInput where the store's list of checkpoints is not the one copied last."""
        states = {_STATE} | {name for name in self._copied if _base(name) == _STATE}
        for name in sorted(states):
            copied = self._copied.get(name)
            is_same = self._version_there(name) == (copied.version if copied else "")
            if not is_same and self._content_there(name) != self._tried.get(name):
                raise NotAlone(
                    "{}: something else has written checkpoints there since this run began or "
                    "saved. Two runs cannot share a folder: end one, or give it another folder."
                    .format(self.address))

    def close(self) -> None:
        """Lets other processes have the mirror."""
        if self._lock:
            self._lock.close()
            self._lock = None

    def _address(self, name: str) -> str:
        return "{}/{}".format(self.address, name)

    def _path(self, name: str) -> str:
        return os.path.join(self.folder, name)

    def _read_record(self) -> Dict[str, Copied]:
        try:
            with open(self._path(_RECORD)) as file:
                record = json.load(file)
            if record["address"] != self.address:
                return {}
            return {name: Copied(*values) for name, values in record["files"].items()}
        except (OSError, ValueError, KeyError, TypeError):
            return {}  # without a record everything is fetched

    def _write_record(self) -> None:
        record = {"address": self.address, "files": self._copied}
        with replacing(self._path(_RECORD)) as temporary, open(temporary, "w") as file:
            json.dump(record, file)


def _base(name: str) -> str:
    return name.rsplit("/", 1)[-1]


def _local(files: Dict[str, Copied]) -> List[str]:
    """The names of those that the local folder had, too."""
    return [name for name, copied in files.items() if copied.num_bytes >= 0]


def _names(folder: str) -> List[str]:
    """The names of a local folder's files that are whole, relative to it."""
    names = []
    for parent, _, of_parent in os.walk(folder):
        for name in of_parent:
            relative = os.path.relpath(os.path.join(parent, name), folder)
            if not _UNFINISHED.search(relative):
                names.append(relative)
    return sorted(names)


def _restorable(names: Sequence[str], states: Dict[str, str]) -> List[str]:
    """The names but for files of checkpoints that no state names: such were not written whole."""
    kept = []
    for name in names:
        folder, base = os.path.split(name)
        if _CHECKPOINT.match(base):
            prefix = base[:base.index(".", len("model.ckpt-"))]
            if '"{}"'.format(prefix) not in states.get(folder, ""):
                continue
        kept.append(name)
    return kept


def _rank(name: str) -> int:
    """Where a file comes among those that are copied."""
    for rank, pattern in enumerate(_LAST, 1):
        if pattern.search(name):
            return rank
    return 0


def _is_same(path: str, copied: Copied) -> bool:
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return False
    return (status.st_size, status.st_mtime_ns) == (copied.num_bytes, copied.modified_ns)


def _copied(path: str, version: str) -> Copied:
    status = os.stat(path)
    return Copied(status.st_size, status.st_mtime_ns, version)

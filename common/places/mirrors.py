"""A local folder that is kept the same as one in an object store.

What is there is fetched at the start, unless the local folder is the one that was copied there last
and may have more, as where the store failed at the end. What is written locally is copied there
each time that `push` is called. Every file is there whole or not at all, and files come in an order
in which none names another that is not there yet: a checkpoint's data, its index, then the file
that says which checkpoints there are. What a run removed locally is removed there last; what
something else removed, as a cleaner of temporary files, stays there.
"""

import fcntl
import os
from concurrent.futures import ThreadPoolExecutor
from typing import IO, Dict, List, Optional, Sequence, Set

from common.counts import counted
from common.errors import BadInput
from common.files import replacing
from common.log import log
from common.places import mirror_names, mirror_record, remote, remote_reader, uploads
from common.places.mirror_record import REMOTE_ALONE, Copied, Record

_LOCK = ".mirror.lock"
_BLOCK_BYTES = 8 << 20
_THREADS = 8


class NotAlone(BadInput):
    """Another run has written to the same folder of a store."""


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
        self._tried: Dict[str, str] = {}

    def open(self) -> None:
        """Sees that the folder can be written to, and makes the local folder the same as it.

        Raises:
          BadInput: the store fails or denies, or a process of this machine has the mirror open.
        """
        uploads.check_writable(self.address)
        os.makedirs(self.folder, exist_ok=True)
        self._take_lock()
        before, there = mirror_record.read(self.folder, self.address), self._names_there()
        self._tried = before.tried if before else {}
        if before and self._is_ahead(before, there):
            self._resume(before, there)
        else:
            self._fetch(before.files if before else {}, there)

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

    def _is_ahead(self, before: Record, there: Sequence[str]) -> bool:
        """Whether the store has what this folder was copied to last, so that nothing is newer.

        A local folder that lost its newest checkpoint is behind whatever the store has.
        """
        if not set(before.local()) <= set(there) or not self._has_newest(before):
            return False
        compared = {name for name in (*before.files, *there) if mirror_names.is_state(name)}
        if not compared.intersection(before.files):
            compared.update(before.local())
        return all(self._is_ours(name, before.files.get(name)) for name in compared)

    def _has_newest(self, before: Record) -> bool:
        """Whether the newest checkpoint of each state is here, or was copied and can be fetched."""
        texts = self._local_states()
        for state in filter(mirror_names.is_lasting_state, before.local()):
            index = mirror_names.newest_index(state, texts.get(state, ""))
            if not index or index not in before.files and not os.path.exists(self._path(index)):
                log("{}: {} or what it names is gone from this machine, it is fetched".format(
                    self.address, self._path(state)))
                return False
        return True

    def _is_ours(self, name: str, copied: Optional[Copied]) -> bool:
        """Whether the store has the version that was copied last, or one that was tried."""
        if self._version_there(name) == (copied.version if copied else ""):
            return True
        tried = self._tried.get(name)
        content = self._content_there(name) if tried else None
        return content is not None and mirror_record.digest(content) == tried

    def _resume(self, before: Record, there: Sequence[str]) -> None:
        """Takes the local folder as it is, with those files that something else removed here."""
        states = self._local_states()
        here = set(mirror_names.below(self.folder))
        lost = [name for name in before.local()
                if name not in here and not mirror_names.is_rotated(name, states)]
        strange = set(there) - set(before.files)
        orphans = {name: REMOTE_ALONE for name in strange if mirror_names.is_of_checkpoint(name)}
        self._copied = {**before.files, **orphans}
        self._fetch_files(lost, {})
        log("{}: resumed from its local copy, {}".format(self.address, self.folder))

    def _local_states(self) -> Dict[str, str]:
        """What each local state holds, by its name."""
        states = {}
        for name in filter(mirror_names.is_state, mirror_names.below(self.folder)):
            with open(self._path(name), errors="replace") as file:
                states[name] = file.read()
        return states

    def _version_there(self, name: str) -> str:
        file = remote.find(self._address(name))
        return file.version if file else ""

    def _content_there(self, name: str) -> Optional[bytes]:
        file = remote.find(self._address(name))
        return bytes(remote_reader.open_reader(file).read()) if file else None

    def _fetch(self, before: Dict[str, Copied], there: Sequence[str]) -> None:
        """Makes the local folder the same as that of the store."""
        kept = mirror_names.restorable(there, self._read_states(there))
        for name in set(mirror_names.below(self.folder)) - set(there):
            os.remove(self._path(name))
        self._copied = {name: REMOTE_ALONE for name in there if name not in kept}
        self._fetch_files(kept, before)
        self._write_record()
        if kept:
            num_bytes = sum(self._copied[name].num_bytes for name in kept)
            log("{}: {} of {} MB on this machine".format(
                self.address, counted(len(kept), "file"), num_bytes // 1000000))

    def _fetch_files(self, names: Sequence[str], before: Dict[str, Copied]) -> None:
        with ThreadPoolExecutor(_THREADS) as threads:
            copied = threads.map(lambda name: self._fetch_file(name, before.get(name)), names)
            self._copied.update(zip(names, copied))

    def _names_there(self) -> List[str]:
        """The names of the store's files below the folder."""
        start = len(self.address) + 1
        names = [address[start:] for address in remote.files_below(self.address)]
        return list(filter(mirror_names.is_whole, names))

    def _read_states(self, names: Sequence[str]) -> Dict[str, str]:
        """What each of the store's states holds, by its name."""
        states = {}
        for name in filter(mirror_names.is_state, names):
            content = self._content_there(name) or b""
            states[name] = content.decode("utf-8", "replace")
        return states

    def _fetch_file(self, name: str, before: Optional[Copied]) -> Copied:
        """Copies a file from the store, unless the local one is the same already."""
        file = remote.find(self._address(name))
        if not file:
            raise BadInput("{}: it was removed while the folder was fetched.".format(
                self._address(name)))
        path = self._path(name)
        if before and before.version == file.version and before.is_same(path):
            return before
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with replacing(path) as temporary, open(temporary, "wb") as out:
            with remote_reader.open_reader(file) as source:
                block = source.read(_BLOCK_BYTES)
                while block:
                    out.write(block)
                    block = source.read(_BLOCK_BYTES)
        return mirror_record.copied(path, file.version)

    def push(self) -> None:
        """Copies what changed locally to the store, and removes there what the run removed here.

        Raises:
          BadInput: the store fails each time, or another run writes to the same folder.
        """
        self._check_alone()
        try:
            names = mirror_names.below(self.folder)
            changed = [name for name in names if not self._is_copied(name)]
            for rank in mirror_names.RANKS:
                self._put([name for name in changed if mirror_names.rank(name) == rank])
            self._remove(set(self._copied) - set(names))
        finally:
            self._write_record()

    def _is_copied(self, name: str) -> bool:
        copied = self._copied.get(name)
        return copied is not None and copied.is_same(self._path(name))

    def _put(self, names: Sequence[str]) -> None:
        with ThreadPoolExecutor(_THREADS) as threads:
            list(threads.map(self._put_file, names))

    def _put_file(self, name: str) -> None:
        """Copies one file, unless it is gone meanwhile."""
        path = self._path(name)
        try:
            status = os.stat(path)
            if status.st_size <= _BLOCK_BYTES:
                with open(path, "rb") as content:
                    self._tried[name] = mirror_record.digest(content.read())
            file = uploads.put(path, self._address(name))
        except FileNotFoundError:
            return
        self._tried.pop(name, None)
        self._copied[name] = Copied(file.num_bytes, status.st_mtime_ns, file.version)

    def _remove(self, gone: Set[str]) -> None:
        """Removes from the store those of the files gone here that the run has removed."""
        states = self._local_states()
        for name in sorted(gone):
            if mirror_names.is_removed_by_runs(name, states):
                uploads.remove([self._address(name)])
                del self._copied[name]

    def _check_alone(self) -> None:
        """Raises NotAlone where the store's list of checkpoints is not the one copied last."""
        states = {mirror_names.STATE}.union(filter(mirror_names.is_state, self._copied))
        for name in sorted(states):
            if not self._is_ours(name, self._copied.get(name)):
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

    def _write_record(self) -> None:
        mirror_record.write(self.folder, self.address, Record(self._copied, self._tried))

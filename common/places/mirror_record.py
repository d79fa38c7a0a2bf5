"""What a mirror copied, as its local folder keeps it from one start to the next."""

import hashlib
import json
import os
from typing import Dict, List, NamedTuple, Optional

from common.files import replacing

NAME = ".mirror.json"


class Copied(NamedTuple):
    """A file as it was when local folder and store were the same.

    Attributes:
      num_bytes, modified_ns: of the local file; -1 where only the store has it.
      version: in the store.
    """

    num_bytes: int
    modified_ns: int
    version: str

    def is_same(self, path: str) -> bool:
        """Whether a local file did not change since."""
        try:
            status = os.stat(path)
        except FileNotFoundError:
            return False
        return (status.st_size, status.st_mtime_ns) == (self.num_bytes, self.modified_ns)


REMOTE_ALONE = Copied(-1, 0, "")


class Record(NamedTuple):
    """What was copied from or to an address.

    Attributes:
      files: by their names.
      tried: digests of states and other small files that were sent, and perhaps came though no
        answer did.
    """

    files: Dict[str, Copied]
    tried: Dict[str, str]

    def local(self) -> List[str]:
        """The names of those files that the local folder had, too."""
        return [name for name, copied in self.files.items() if copied.num_bytes >= 0]


def copied(path: str, version: str) -> Copied:
    """A local file that is the same as a version in the store."""
    status = os.stat(path)
    return Copied(status.st_size, status.st_mtime_ns, version)


def digest(content: bytes) -> str:
    """What tells the content of a file from others."""
    return hashlib.sha256(content).hexdigest()


def read(folder: str, address: str) -> Optional[Record]:
    """What a folder was the same as; None where that is not known, or was another address."""
    try:
        with open(os.path.join(folder, NAME)) as file:
            record = json.load(file)
        if record["address"] != address:
            return None
        files = {name: Copied(*values) for name, values in record["files"].items()}
        return Record(files, dict(record.get("tried", {})))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None  # without a record everything is fetched


def write(folder: str, address: str, record: Record) -> None:
    """Keeps what was copied, whole or not at all."""
    os.makedirs(folder, exist_ok=True)
    content = {"address": address, "files": record.files, "tried": record.tried}
    with replacing(os.path.join(folder, NAME)) as temporary, open(temporary, "w") as file:
        json.dump(content, file)

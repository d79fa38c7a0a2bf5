"""Which rows a run reads: the files, each with its size and version.

What was trained is counted for these files. Others, or these after a change, are other rows. A
folder that moved whole holds the same rows, so files go by their names below it.
"""

import hashlib
import json
import os
from typing import NamedTuple, Optional, Sequence, Tuple

from common.counts import counted
from common.places import location
from common.places.location import Stamp


class Rows(NamedTuple):
    """What tells rows from others, in a few words that a checkpoint holds.

    Attributes:
      num_files, num_bytes: how many files they are, of how many bytes together.
      names_digest: of the files' names below their folder and of their sizes, in order.
      versions_digest: of the times or ETags of their last writing.
    """

    num_files: int
    num_bytes: int
    names_digest: str
    versions_digest: str

    def to_json(self) -> str:
        """The rows as checkpoints hold them."""
        return json.dumps(self._asdict(), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "Rows":
        """The rows that to_json has written."""
        return cls(**json.loads(text))

    def described(self) -> str:
        """The files and bytes, for people."""
        return "{} of {:,} bytes".format(counted(self.num_files, "file"), self.num_bytes)

    def difference(self, other: "Rows") -> str:
        """What makes these rows others than those, for people."""
        if self.described() != other.described():
            return "{}, now {}".format(other.described(), self.described())
        if self.names_digest != other.names_digest:
            return "{} of other names or sizes".format(self.described())
        return "{}, written anew since".format(self.described())


class Listing(NamedTuple):
    """The files of some rows.

    Attributes:
      folder: what they have in common.
      names: below the folder, in the order in which they are read.
      stamps: of each.
    """

    folder: str
    names: Tuple[str, ...]
    stamps: Tuple[Stamp, ...]

    def rows(self) -> Rows:
        """What tells these rows from others."""
        sizes = [stamp.num_bytes for stamp in self.stamps]
        names = ["{} {}".format(*pair) for pair in zip(self.names, sizes)]
        versions = [stamp.version for stamp in self.stamps]
        return Rows(len(self.names), sum(sizes), _digest(names), _digest(versions))


def listing(paths: Sequence[str], stamps: Optional[Sequence[Stamp]] = None) -> Listing:
    """The files of some rows, in the order in which they are read.

    Args:
      stamps: of each, as Files.stamps keeps them; None to take them now.

    Raises:
      OSError: one of them is gone.
    """
    whole = [whole_path(path) for path in paths]
    folder = _common_folder(whole)
    names = [path[len(folder):].lstrip("/") for path in whole]
    return Listing(folder, tuple(names), tuple(stamps or location.stamps(paths)))


def whole_path(path: str) -> str:
    """A path that means the same in every working directory."""
    return path if "://" in path else os.path.abspath(path)


def _common_folder(paths: Sequence[str]) -> str:
    """The deepest folder that holds all of these whole paths."""
    folders = {os.path.dirname(path) for path in paths}  # few, of thousands of files
    if any("://" in path for path in paths):
        # os.path.commonpath would make one slash of the two of a scheme.
        return _common_part(sorted(folders))
    return os.path.commonpath(sorted(folders))


def _common_part(addresses: Sequence[str]) -> str:
    prefix = os.path.commonprefix([address + "/" for address in addresses])
    return prefix[:prefix.rfind("/")]


def _digest(lines: Sequence[str]) -> str:
    text = "\n".join(lines)
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:32]

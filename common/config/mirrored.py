"""Which local folder stands for a run's folder in an object store."""

import os
from typing import Mapping, NamedTuple, Optional, Sequence, Tuple

from common.places import addresses

DEFAULT_TOP = "./result"


class Mirrored(NamedTuple):
    """A folder of an object store and the local one that is kept the same."""

    address: str
    folder: str


def local_folder(path: str, environment: Optional[Mapping[str, str]] = None) -> str:
    """The local folder of a path: itself, or of an address TMPDIR/mirror/SCHEME/BUCKET/KEY.

    Args:
      environment: that of the process by default. DEFAULT_TOP is in the place of TMPDIR without it.
    """
    if not addresses.is_remote(path):
        return path
    environment = os.environ if environment is None else environment
    top = environment.get("TMPDIR") or DEFAULT_TOP
    scheme, rest = path.split("://", 1)
    parts = [part for part in rest.split("/") if part not in ("", ".", "..")]
    return os.path.join(top, "mirror", scheme, *parts)


def of(paths: Sequence[str]) -> Tuple[Mirrored, ...]:
    """The mirrors of those paths that are addresses; one that is below another needs none."""
    remote = {path.rstrip("/") for path in paths if addresses.is_remote(path)}
    outermost = [path for path in sorted(remote)
                 if not any(path.startswith(other + "/") for other in remote)]
    return tuple(Mirrored(address, local_folder(address)) for address in outermost)


def shown(path: str, mirrors: Sequence[Mirrored]) -> str:
    """A local path as a user knows it: the address of what lies in a mirror."""
    for mirror in mirrors:
        if path == mirror.folder or path.startswith(mirror.folder + "/"):
            return mirror.address + path[len(mirror.folder):]
    return path

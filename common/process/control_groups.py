"""The control groups of this process, of version 1, 2 or both: the folders of its limits."""

import os
from typing import Iterator, List, NamedTuple, Optional

PROC = "/proc/self"


class GroupFolder(NamedTuple):
    """A folder with the limits of one control group.

    Attributes:
      path: the folder.
      is_v2: whether its files are those of version 2.
    """

    path: str
    is_v2: bool


class _Mount(NamedTuple):
    """Where control groups are mounted.

    Attributes:
      root: the group that the mount point shows.
      point: the folder.
      is_v2: whether it has all controllers.
    """

    root: str
    point: str
    is_v2: bool


def folders(controller: str, proc: str = PROC) -> Iterator[GroupFolder]:
    """The folders of this process's groups and of all groups above them.

    Args:
      controller: of version 1, as cpu or memory; version 2 has all in one folder.
      proc: the folder with `cgroup` and `mountinfo`.
    """
    for mount in _mounts(os.path.join(proc, "mountinfo"), controller):
        group = _group(os.path.join(proc, "cgroup"), controller, mount.is_v2)
        if group is not None:
            for folder in _folders(mount, group):
                yield GroupFolder(folder, mount.is_v2)


def lines(path: str) -> List[str]:
    """The lines of a file; none where it cannot be read."""
    try:
        with open(path) as file:
            return file.read().splitlines()
    except OSError:
        return []


def _mounts(path: str, controller: str) -> Iterator[_Mount]:
    for line in lines(path):
        # 31 23 0:26 ROOT POINT rw,nosuid shared:9 - TYPE SOURCE OPTIONS
        before, _, after = line.partition(" - ")
        fields, kind = before.split(), after.split()
        if len(fields) < 5 or len(kind) < 3:
            continue
        if kind[0] == "cgroup2":
            yield _Mount(fields[3], fields[4], True)
        elif kind[0] == "cgroup" and controller in kind[2].split(","):
            yield _Mount(fields[3], fields[4], False)


def _group(path: str, controller: str, is_v2: bool) -> Optional[str]:
    """This process's group of a controller, None where there is none of that version."""
    for line in lines(path):
        _, controllers, group = line.split(":", 2)  # version 2 names no controllers
        if (not controllers) if is_v2 else controller in controllers.split(","):
            return group
    return None


def _folders(mount: _Mount, group: str) -> Iterator[str]:
    """The folder of a group and of those above it, up to the mount point."""
    root = mount.root.rstrip("/")
    is_below = group == root or group.startswith(root + "/")
    # Without a namespace a container sees its own group at the mount point, under another name.
    parts = group[len(root):].strip("/").split("/") if is_below else []
    parts = [part for part in parts if part not in ("", "..")]
    for count in range(len(parts), -1, -1):
        yield os.path.join(mount.point, *parts[:count])

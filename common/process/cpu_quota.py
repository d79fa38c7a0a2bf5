"""How many cores the control groups of this process allow, of version 1, version 2 or both."""

import os
from typing import Iterator, List, NamedTuple, Optional

PROC = "/proc/self"


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


def cores(proc: str = PROC) -> Optional[float]:
    """The smallest quota of this process's group and of all groups above it; None without one.

    Args:
      proc: the folder with `cgroup` and `mountinfo`.
    """
    quotas = []
    for mount in _mounts(os.path.join(proc, "mountinfo")):
        group = _group(os.path.join(proc, "cgroup"), mount.is_v2)
        if group is None:
            continue
        for folder in _folders(mount, group):
            quota = _quota_v2(folder) if mount.is_v2 else _quota_v1(folder)
            if quota is not None:
                quotas.append(quota)
    return min(quotas) if quotas else None


def _lines(path: str) -> List[str]:
    try:
        with open(path) as file:
            return file.read().splitlines()
    except OSError:
        return []


def _mounts(path: str) -> Iterator[_Mount]:
    for line in _lines(path):
        # 31 23 0:26 ROOT POINT rw,nosuid shared:9 - TYPE SOURCE OPTIONS
        before, _, after = line.partition(" - ")
        fields, kind = before.split(), after.split()
        if len(fields) < 5 or len(kind) < 3:
            continue
        if kind[0] == "cgroup2":
            yield _Mount(fields[3], fields[4], True)
        elif kind[0] == "cgroup" and "cpu" in kind[2].split(","):
            yield _Mount(fields[3], fields[4], False)


def _group(path: str, is_v2: bool) -> Optional[str]:
    """This process's group for the CPU, None where there is none of that version."""
    for line in _lines(path):
        _, controllers, group = line.split(":", 2)  # version 2 names no controllers
        if (not controllers) if is_v2 else "cpu" in controllers.split(","):
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


def _quota_v2(folder: str) -> Optional[float]:
    words = " ".join(_lines(os.path.join(folder, "cpu.max"))).split()
    if len(words) != 2 or words[0] == "max":
        return None
    return int(words[0]) / float(words[1])


def _quota_v1(folder: str) -> Optional[float]:
    quota = "".join(_lines(os.path.join(folder, "cpu.cfs_quota_us")))
    period = "".join(_lines(os.path.join(folder, "cpu.cfs_period_us")))
    if not quota or not period or int(quota) <= 0:
        return None
    return int(quota) / float(period)

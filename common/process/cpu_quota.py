"""How many cores the control groups of this process allow."""

import os
from typing import Optional

from common.process.control_groups import PROC, folders, lines


def cores(proc: str = PROC) -> Optional[float]:
    """The smallest quota of this process's group and of all groups above it; None without one.

    Args:
      proc: the folder with `cgroup` and `mountinfo`.
    """
    quotas = []
    for folder in folders("cpu", proc):
        read = _quota_v2 if folder.is_v2 else _quota_v1
        quota = read(folder.path)
        if quota is not None:
            quotas.append(quota)
    return min(quotas) if quotas else None


def _quota_v2(folder: str) -> Optional[float]:
    words = " ".join(lines(os.path.join(folder, "cpu.max"))).split()
    if len(words) != 2 or words[0] == "max":
        return None
    return int(words[0]) / float(words[1])


def _quota_v1(folder: str) -> Optional[float]:
    quota = "".join(lines(os.path.join(folder, "cpu.cfs_quota_us")))
    period = "".join(lines(os.path.join(folder, "cpu.cfs_period_us")))
    if not quota or not period or int(quota) <= 0:
        return None
    return int(quota) / float(period)

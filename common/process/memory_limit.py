"""How much memory this process may use at most."""

import os

from common.process.control_groups import PROC, folders, lines


def num_bytes(proc: str = PROC) -> int:
    """The memory of the machine, or the smallest limit of this process's control groups.

    Args:
      proc: the folder with `cgroup` and `mountinfo`.
    """
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for folder in folders("memory", proc):
        name = "memory.max" if folder.is_v2 else "memory.limit_in_bytes"
        text = "".join(lines(os.path.join(folder.path, name)))
        if text.isdigit():  # not "max"
            limits.append(int(text))
    return min(limits)

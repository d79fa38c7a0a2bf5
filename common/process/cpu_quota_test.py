import os
from typing import Dict, Optional

import pytest

from common import launch
from common.process import cpu_quota

V1 = "32 31 0:29 {root} {top}/cpu rw - cgroup cgroup rw,cpu,cpuacct"
V2 = "30 23 0:26 {root} {top}/unified rw shared:4 - cgroup2 cgroup2 rw,nsdelegate"


def proc(folder: object, groups: str, mount: str, files: Dict[str, str], root: str = "/") -> str:
    """A /proc/self, with control groups mounted below the same folder."""
    top = str(folder)
    with open(os.path.join(top, "cgroup"), "w") as file:
        file.write(groups + "\n")
    with open(os.path.join(top, "mountinfo"), "w") as file:
        file.write("31 23 0:28 / /sys rw - tmpfs tmpfs rw\n")
        file.write(mount.format(root=root, top=top) + "\n")
    for name, text in files.items():
        path = os.path.join(top, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text + "\n")
    return top


@pytest.mark.parametrize("groups, mount, root, files, expected", [
    ("0::/", V2, "/", {"unified/cpu.max": "max 100000"}, None),
    ("0::/", V2, "/", {"unified/cpu.max": "50000 100000"}, 0.5),
    ("0::/", V2, "/", {"unified/cpu.max": ""}, None),
    # The quota of a folder above, without a namespace.
    ("0::/pods/one/main", V2, "/", {"unified/pods/one/main/cpu.max": "max 100000",
                                    "unified/pods/one/cpu.max": "150000 100000",
                                    "unified/pods/cpu.max": "400000 100000"}, 1.5),
    # A container that sees its own group at the mount point.
    ("0::/pods/one", V2, "/pods/one", {"unified/cpu.max": "200000 100000"}, 2.0),
    ("0::/../other", V2, "/", {"unified/cpu.max": "300000 100000"}, 3.0),
    ("2:cpuset:/a\n1:cpu,cpuacct:/docker/b\n0::/", V1, "/", {
        "cpu/docker/b/cpu.cfs_quota_us": "-1", "cpu/docker/b/cpu.cfs_period_us": "100000",
        "cpu/docker/cpu.cfs_quota_us": "100000", "cpu/docker/cpu.cfs_period_us": "100000"}, 1.0),
    ("1:cpu,cpuacct:/docker/b", V1, "/docker/b", {
        "cpu/cpu.cfs_quota_us": "250000", "cpu/cpu.cfs_period_us": "100000"}, 2.5),
])
def test_the_smallest_quota_on_the_way_up(
        tmp_path: object, groups: str, mount: str, root: str, files: Dict[str, str],
        expected: Optional[float]) -> None:
    folder = proc(tmp_path, groups, mount, files, root)
    assert cpu_quota.cores(folder) == expected


@pytest.mark.parametrize("quota, most", [("50000", 1), ("150000", 2), ("max", None)])
def test_threads_are_the_quota_rounded_up(tmp_path: object, quota: str,
                                          most: Optional[int]) -> None:
    folder = proc(tmp_path, "0::/", V2, {"unified/cpu.max": quota + " 100000"})
    usable = len(os.sched_getaffinity(0))
    assert launch.cores(folder) == min(usable, most or usable)


def test_without_control_groups_there_is_no_quota(tmp_path: object) -> None:
    assert cpu_quota.cores(str(tmp_path)) is None

import os
from typing import Any

import pytest

from common.process import memory_limit

MACHINE = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


@pytest.mark.parametrize("version, name, text, expected", [
    (2, "memory.max", "1000000", 1000000),
    (2, "memory.max", "max", MACHINE),
    (2, "memory.max", "", MACHINE),
    (1, "memory.limit_in_bytes", "2000000", 2000000),
    (1, "memory.limit_in_bytes", "9223372036854771712", MACHINE),
])
def test_the_smallest_limit_counts(tmp_path: Any, version: int, name: str, text: str,
                                   expected: int) -> None:
    kind = "cgroup2 cgroup2 rw" if version == 2 else "cgroup cgroup rw,memory"
    tmp_path.joinpath("mountinfo").write_text("30 23 0:26 / {}/m rw - {}\n".format(tmp_path, kind))
    group = "0::/a/b" if version == 2 else "1:memory:/a/b"
    tmp_path.joinpath("cgroup").write_text(group + "\n")
    folder = tmp_path.joinpath("m", "a")
    folder.mkdir(parents=True)
    folder.joinpath(name).write_text(text + "\n")  # of the group above this process's
    assert memory_limit.num_bytes(str(tmp_path)) == expected


def test_without_control_groups_it_is_the_machines(tmp_path: Any) -> None:
    assert memory_limit.num_bytes(str(tmp_path)) == MACHINE

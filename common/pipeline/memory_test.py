import resource
import subprocess
import sys

_PROGRAM = """
import resource
import numpy as np
from common.pipeline import memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        np.ones(4 << 20, np.uint8)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

memory.keep()
faults()
print(faults())
"""


def test_memory_that_was_freed_is_used_again() -> None:
    faults = int(subprocess.check_output([sys.executable, "-c", _PROGRAM]))
    pages_of_one = (4 << 20) // resource.getpagesize()
    assert faults < pages_of_one

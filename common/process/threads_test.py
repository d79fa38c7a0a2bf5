import subprocess
import sys

import pytest

_PROGRAM = """
import os, sys
from common.process import threads
import tensorflow.compat.v1 as tf
threads.start(int(sys.argv[1]))
config = tf.ConfigProto(intra_op_parallelism_threads=3)
with tf.Graph().as_default(), tf.Session(config=config) as session:
    session.run(tf.constant(1))
print(len(os.listdir("/proc/self/task")))
"""


def num_threads(intra: int) -> int:
    command = [sys.executable, "-W", "ignore", "-c", _PROGRAM, str(intra)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return int(done.stdout)


@pytest.mark.slow
def test_the_first_session_decides() -> None:
    assert num_threads(9) - num_threads(2) >= 7

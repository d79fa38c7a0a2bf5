import socket
from typing import Iterator

import pytest
import tensorflow.compat.v1 as tf


def free_address() -> str:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return "127.0.0.1:{}".format(one.getsockname()[1])


@pytest.fixture(scope="module")
def target() -> Iterator[str]:
    """A worker beside two parameter servers."""
    spec = tf.train.ClusterSpec(
        {"ps": [free_address(), free_address()], "worker": [free_address()]})
    servers = [
        tf.train.Server(spec, job, task) for job, task in (("ps", 0), ("ps", 1), ("worker", 0))
    ]
    yield servers[-1].target

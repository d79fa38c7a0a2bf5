"""An S3 server for tests, behind a proxy that can fail, and the fixture `store` that starts it.

The server is moto, in a process of its own, once for a worker of pytest; each test gets a bucket of
its own, and the environment that names server and keys.
"""

import itertools
import os
import socket
import subprocess
import sys
import time
from typing import Dict, Iterator, List, NamedTuple

import pyarrow.fs
import pytest

from common.places import remote
from common.testing.fault_proxy import FaultProxy

KEY_ID, SECRET = "AKIDOFTHETESTS", "asecretthatnolineshows"
_START_SECS = 60
_buckets = itertools.count()


class ObjectStore(NamedTuple):
    """A bucket of the server.

    Attributes:
      bucket: its name.
      proxy: stands before the server; the environment names it.
      files: the server's, past the proxy.
    """

    bucket: str
    proxy: FaultProxy
    files: pyarrow.fs.FileSystem

    def address(self, key: str = "") -> str:
        """The address of a key of the bucket."""
        return "s3://{}/{}".format(self.bucket, key).rstrip("/")

    def put(self, key: str, content: bytes) -> str:
        """Writes a key; returns its address."""
        with self.files.open_output_stream("{}/{}".format(self.bucket, key)) as stream:
            stream.write(content)
        return self.address(key)

    def put_folder(self, key: str, folder: object) -> str:
        """Writes the files of a local folder below a key; returns its address."""
        for parent, _, names in os.walk(str(folder)):
            for name in names:
                path = os.path.join(parent, name)
                below = os.path.relpath(path, str(folder))
                with open(path, "rb") as file:
                    self.put("{}/{}".format(key, below), file.read())
        return self.address(key)

    def get(self, key: str) -> bytes:
        """What a key holds."""
        with self.files.open_input_stream("{}/{}".format(self.bucket, key)) as stream:
            return stream.read()

    def keys(self, below: str = "") -> List[str]:
        """The keys below a key, sorted."""
        folder = "{}/{}".format(self.bucket, below).rstrip("/")
        selector = pyarrow.fs.FileSelector(folder, allow_not_found=True, recursive=True)
        infos = self.files.get_file_info(selector)
        return sorted(info.path[len(self.bucket) + 1:] for info in infos if info.is_file)

    def remove(self, key: str) -> None:
        """Removes a key."""
        self.files.delete_file("{}/{}".format(self.bucket, key))


def environment(port: int) -> Dict[str, str]:
    """What names a server at a port of this machine, and its keys."""
    return {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:{}".format(port),
        "AWS_ACCESS_KEY_ID": KEY_ID,
        "AWS_SECRET_ACCESS_KEY": SECRET,
    }


@pytest.fixture(scope="session")
def s3_port() -> Iterator[int]:
    """The port of a running server."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    command = [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1",
               "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _await(port)
        yield port
    finally:
        server.kill()
        server.wait()


def _await(port: int) -> None:
    deadline = time.monotonic() + _START_SECS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            assert time.monotonic() < deadline, "moto did not start"
            time.sleep(0.02)


@pytest.fixture
def store(s3_port: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectStore]:
    """An empty bucket; the environment of the test names its server and keys."""
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    with FaultProxy(s3_port) as proxy:
        for name, value in environment(proxy.port).items():
            monkeypatch.setenv(name, value)
        files = pyarrow.fs.S3FileSystem(
            access_key=KEY_ID, secret_key=SECRET, region="us-east-1", scheme="http",
            endpoint_override="127.0.0.1:{}".format(s3_port), allow_bucket_creation=True)
        bucket = "bucket{}".format(next(_buckets))
        files.create_dir(bucket)
        yield ObjectStore(bucket, proxy, files)
    remote.forget()  # Arrow fails in a process of 1,024 open files, which many tests would reach

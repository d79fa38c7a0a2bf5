import os

import pytest

from common.config import mirrored
from common.config.mirrored import Mirrored


@pytest.mark.parametrize("path, folder", [
    ("a/b", "a/b"),
    ("s3://b/runs/x/", "/scratch/mirror/s3/b/runs/x"),
    ("s3://b/../x//y", "/scratch/mirror/s3/b/x/y"),
    ("hdfs://h:1/x", "/scratch/mirror/hdfs/h:1/x")])
def test_the_local_folder_of_a_path(path: str, folder: str) -> None:
    assert mirrored.local_folder(path, {"TMPDIR": "/scratch"}) == folder


def test_without_a_folder_for_temporary_files() -> None:
    assert mirrored.local_folder("s3://b/x", {}) == "./result/mirror/s3/b/x"


def test_one_mirror_for_folders_in_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", "/scratch")
    outer = Mirrored("s3://b/x", "/scratch/mirror/s3/b/x")
    assert mirrored.of(["s3://b/x/model", "s3://b/x/", "a"]) == (outer,)
    both = mirrored.of(["s3://b/x", "s3://b/x2"])
    assert [mirror.address for mirror in both] == ["s3://b/x", "s3://b/x2"]
    assert mirrored.of(["a", "b"]) == ()


def test_what_is_shown_of_a_path() -> None:
    mirrors = [Mirrored("s3://b/x", "/tmp/m")]
    assert mirrored.shown("/tmp/m/export/1", mirrors) == "s3://b/x/export/1"
    assert mirrored.shown("/tmp/m", mirrors) == "s3://b/x"
    assert mirrored.shown("/tmp/m2", mirrors) == "/tmp/m2"
    assert mirrored.shown(os.curdir, []) == "."

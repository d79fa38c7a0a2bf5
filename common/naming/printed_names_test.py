import os

import pytest

from common.naming import printed_names
from common.places import location


def test_uris_of_local_files(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(str(tmp_path))
    for name in ("a%20b", "c d", "ds=%3A"):
        open(name, "w").close()
    os.mkdir("e%3A")
    here = os.getcwd()
    for printed, name in (("file://{}/a%20b", "a%20b"), ("file:{}/c%20d", "c d"),
                          ("file://{}/ds=%253A", "ds=%3A"), ("file:/{}/ds=%3A", "ds=%3A"),
                          ("file:{}/e%3A", "e%3A")):
        assert printed_names.local(printed.format(here)) == os.path.join(here, name)
    assert printed_names.local("file") == "file"
    assert printed_names.local("a%20b") == "a%20b"


@pytest.mark.parametrize("there, expected", [
    ("s3://b/ds=%3A/1", ["s3://b/0", "s3://b/ds=%3A/1", "s3://b/ds=%2525/2", "/x%20y"]),
    ("s3://b/ds=:/1", ["s3://b/0", "s3://b/ds=:/1", "s3://b/ds=%25/2", "/x%20y"]),
    ("nothing", ["s3://b/0", "s3://b/ds=%3A/1", "s3://b/ds=%2525/2", "/x%20y"])])
def test_addresses_are_all_encoded_or_none(there: str, expected: list,
                                           monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def exists(path: str) -> bool:
        asked.append(path)
        return path == there

    monkeypatch.setattr(location, "exists", exists)
    printed = ["s3a://b/0", "s3a://b/ds=%3A/1", "s3n://b/ds=%2525/2", "/x%20y"]
    assert printed_names.in_list(printed) == expected
    assert len(asked) <= 2

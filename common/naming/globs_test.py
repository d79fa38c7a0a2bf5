import os
from typing import List

import pytest

from common.naming import globs


@pytest.mark.parametrize("pattern, path, expected", [
    ("*.parquet", "a.parquet", True),
    ("*.parquet", "a.csv", False),
    ("*.parquet", "x/a.parquet", False),
    ("ds=2026-11-2[0-6]/*", "ds=2026-11-20/a", True),
    ("ds=2026-11-2[0-6]/*", "ds=2026-11-27/a", False),
    ("ds=2026-11-2[!0-6]/*", "ds=2026-11-27/a", True),
    ("ds=2026-11-2?", "ds=2026-11-21/hour=07/a", True),
    ("**/*.csv", "a.csv", True),
    ("**/*.csv", "x/y/a.csv", True),
    ("x/**", "x/y/a.csv", True),
    ("x/**/z/*", "x/z/a", True),
    ("x/**/z/*", "x/y/y/z/a", True),
    ("x/**/z/*", "x/y/a", False),
    ("**", "a", True),
    ("*", "new\nline", True),
    ("*", "été", True),
    ("x[1]", "x[1]/a", True),
    ("*", "_SUCCESS", False),
    ("*", ".a.crc", False),
    ("_*", "_SUCCESS", True),
    ("_*", ".a", False),
    ("**", "_temporary/0/a", False),
    ("**/*", "_temporary/a", False),
    ("*", "ds=1/_temporary/a", False),
    ("_old/*", "_old/a", True),
    ("*", "_ds=1/a", True),
    ("**", "lost+found/a", False),
    ("A*", "a", False),
    ("*/a", "x", False)])
def test_what_a_pattern_matches(pattern: str, path: str, expected: bool) -> None:
    assert globs.matches(pattern.split("/"), path.split("/")) == expected


@pytest.mark.parametrize("pattern, folder, expected", [
    ("*.parquet", "x", False),
    ("x/*", "x", True),
    ("x/*", "y", False),
    ("x/*", "x/y", True),
    ("x/*/a", "x/y", True),
    ("x/*/a", "x/y/z", False),
    ("**/*.csv", "x/y/z", True),
    ("**/*.csv", ".git/x", False),
    ("**", "lost+found", False),
    ("*", "x/y/_z", False)])
def test_which_folders_are_looked_into(pattern: str, folder: str, expected: bool) -> None:
    assert globs.may_hold(pattern.split("/"), folder.split("/")) == expected


@pytest.mark.parametrize("name, root, pattern", [
    ("rows/*.csv", "rows", ["*.csv"]),
    ("*.csv", ".", ["*.csv"]),
    ("/*/a.csv", "/", ["*", "a.csv"]),
    ("/rows/ds=[12]/*/a", "/rows", ["ds=[12]", "*", "a"]),
    ("s3://bucket/rows/*.csv", "s3://bucket/rows", ["*.csv"]),
    ("rows/a.csv", "rows/a.csv", [])])
def test_the_folder_before_the_first_wildcard(name: str, root: str, pattern: List[str],
                                              monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("common.places.location.folder_exists", lambda path: False)
    assert globs.split(name) == (root, pattern)


def test_brackets_of_a_folder_that_is_there_are_no_wildcards(
        tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(str(tmp_path))
    os.makedirs("rows [old]/x*")
    assert globs.split("rows [old]/x*/*.csv") == ("rows [old]/x*", ["*.csv"])
    assert globs.split("rows [new]/*.csv") == (".", ["rows [new]", "*.csv"])

import pytest

from common.errors import BadInput
from common.naming import partitions


@pytest.mark.parametrize("path, expected", [
    ("rows/part-0", ()),
    ("a=1.csv", ()),
    ("rows/ds=2026-11-20/hour=07/part-0.parquet", (("ds", "2026-11-20"), ("hour", "07"))),
    ("s3://bucket/ds=1/a", (("ds", "1"),)),
    ("at=07%3A30/a", (("at", "07:30"),)),
    ("a%3Db=%2Fx+y%zz/a", (("a=b", "/x+y%zz"),)),
    ("q=a=b/a", (("q", "a=b"),)),
    ("ds=__HIVE_DEFAULT_PARTITION__/a", (("ds", None),)),
    ("ds=/a", (("ds", ""),)),
    ("=1/a", ()),
    ("ville=Orléans%20%C3%A9/a", (("ville", "Orléans é"),))])
def test_the_columns_that_folders_name(path: str, expected: object) -> None:
    assert partitions.of_path(path) == expected


def test_the_folder_that_names_a_column() -> None:
    path = "s3://b/day=1/a%20b=2%3A/c/d=3/part"
    assert partitions.folder_of(path, "a b") == "s3://b/day=1/a%20b=2%3A"
    assert partitions.folder_of(path, "d") == path[:-len("/part")]


def test_a_column_named_by_two_folders() -> None:
    with pytest.raises(BadInput, match="ds=1/x/ds=2/a: two folders of this path name column 'ds'"):
        partitions.of_path("ds=1/x/ds=2/a")


def test_values_that_are_not_utf8() -> None:
    with pytest.raises(BadInput, match="q=%FF/a: '%FF' in the name of a folder is not UTF-8"):
        partitions.of_path("q=%FF/a")


@pytest.mark.parametrize("paths, message", [
    (["ds=1/hour=2/a", "ds=1/b"],
     "ds=1/hour=2/a lies in folders of ds=.../hour=..., ds=1/b in folders of ds=..."),
    (["ds=1/a", "b"], "ds=1/a lies in folders of ds=..., b in folders of no column"),
    (["ds=1/hour=2/a", "hour=2/ds=1/a"],
     "ds=1/hour=2/a .* ds=.../hour=..., hour=2/ds=1/a in folders of hour=.../ds=...")])
def test_files_that_are_divided_differently(paths: list, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        partitions.check_alike(paths, [partitions.of_path(path) for path in paths])


def test_files_that_are_divided_alike() -> None:
    paths = ["ds=1/hour=2/a", "ds=2/hour=2/a"]
    partitions.check_alike(paths, [partitions.of_path(path) for path in paths])

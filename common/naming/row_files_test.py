from typing import List

import pytest

from common.errors import BadInput
from common.naming import row_files
from common.testing.toy import SCHEMA

SPARK = "part-00000-5f2a91c0-6a0e-4b0a-9d1f-c000"


def choose(*names: str) -> List[str]:
    paths = ["rows/" + name for name in names]
    rows = row_files.choose("rows", paths, len("rows/"), SCHEMA)
    return [path[len("rows/"):] for path in rows]


@pytest.mark.parametrize("name", [
    SPARK + ".snappy.parquet", SPARK + ".csv.gz", "part-00000", "000000_0", "part.0.parquet",
    "data_0.parquet", "00000000.parquet", "day.20261120", "rows.PQ", "a.txt.zst", "a.csv.lz4",
    "a.tsv.bz2", "a.csv.zstd", "a.csv.bgz", "a b.csv", "naïve", "new\nline", "tmp",
    "temperature.csv", "x.000"])
def test_files_of_rows(name: str) -> None:
    assert choose(name) == [name]


@pytest.mark.parametrize("name", [
    "a.json", "a.JSONL", "a.json.gz", "b.orc", "b.avro", "planted.xml", "a.pkl", "a.zip",
    "a.csv.xz", "a.csv.snappy", "a.csv.lzma", "a.csv.sz", "a.csv.lzop", "a.tgz",
    "README.md", "x/run.log"])
def test_files_that_are_no_rows(name: str) -> None:
    with pytest.raises(
            BadInput, match="^rows: rows/{} in it is no file of rows of toy, by its name. Remove "
            r"it, or name what is: FOLDER/\*.parquet, or the files one by one.$".format(name)):
        choose("part-0.csv", name)


@pytest.mark.parametrize("name", ["uid_voc", "uid_voc.txt", "uid_voc.pkl"])
def test_vocabularies_are_no_rows(name: str) -> None:
    columns = [column for column in SCHEMA.columns if column.name != "kind"]
    columns.append(SCHEMA.columns[3]._replace(kind="vocabulary", vocabulary="uid_voc", buckets=0))
    schema = SCHEMA._replace(columns=tuple(columns))
    with pytest.raises(BadInput, match="rows/{} in it is no file of rows of toy".format(name)):
        row_files.choose("rows", ["rows/a", "rows/" + name], 5, schema)
    assert choose("uid_voc.txt") == ["uid_voc.txt"]


def test_checksums_and_marks_of_folders_are_left_out(capsys: pytest.CaptureFixture) -> None:
    assert choose("a.csv", "a.csv.crc", "a.csv.md5", "a.csv.SHA256", "ds=1_$folder$") == ["a.csv"]
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("name", [
    "b.csv._COPYING_", "b.tmp", "b.parquet_tmp", "b.temp", "b.tmp4711", "b.csv.inprogress",
    "b.inprogress.5f2a-91c0", "b.partial", "b.crdownload", "b.csv.filepart", "x.tmp/b.csv"])
def test_unfinished_files_are_left_out_with_a_warning(
        name: str, capsys: pytest.CaptureFixture) -> None:
    assert choose("a.csv", name, "z.tmp") == ["a.csv"]
    assert capsys.readouterr().err == (
        "warning: rows: left out 2 unfinished files, the first rows/{}\n".format(name))


def test_the_folder_itself_may_have_any_name() -> None:
    assert row_files.choose("rows.tmp", ["rows.tmp/a"], 9, SCHEMA) == ["rows.tmp/a"]


@pytest.mark.parametrize("names, count", [
    ((), "0 files"), (("a.crc",), "1 file"), (("a.crc", "b.tmp"), "2 files")])
def test_a_folder_without_rows(names: tuple, count: str) -> None:
    with pytest.raises(BadInput, match="^rows: no file of rows in it. Of {} none is whole "
                       "and visible.* Name files one by one".format(count)):
        choose(*names)


@pytest.mark.parametrize("first, second", [
    ("part-0.csv", "part-0.parquet"), ("toy_train", "toy_train.parquet"), ("a.csv", "a.csv.gz"),
    ("x/a.PARQUET", "x/a.txt.zst"), ("a.csv", "a.csv.zstd"), ("a.csv", "a.csv.bgz"),
    ("a", "a.gzip"), ("a.tsv", "a.tsv.bz")])
def test_the_same_rows_in_two_formats(first: str, second: str) -> None:
    with pytest.raises(BadInput, match="rows/{} and rows/{} seem to be the same rows in two "
                       "formats, so each would be read twice. Remove one".format(first, second)):
        choose("0.csv", first, second)


@pytest.mark.parametrize("names, first, second", [
    (("toy_train", "toy_train.parquet/a"), "toy_train", "toy_train.parquet"),
    (("d.csv/a", "d.parquet/a"), "d.csv", "d.parquet"),
    (("x/d.csv/ds=1/a", "x/d/ds=1/a"), "x/d", "x/d.csv")])
def test_the_same_rows_as_folders(names: tuple, first: str, second: str) -> None:
    with pytest.raises(BadInput, match="rows/{} and rows/{} seem to be the same rows in two "
                       "formats".format(first, second)):
        choose(*names)


def test_one_name_in_two_folders() -> None:
    assert choose("x/a.csv", "y/a.parquet") == ["x/a.csv", "y/a.parquet"]

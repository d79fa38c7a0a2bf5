import os
from typing import Callable, List

import pyarrow as pa
import pyarrow.parquet
import pytest

from common.config.schema import Column, Schema
from common.errors import BadInput
from common.formats import fetched
from common.formats.chunks import file_of
from common.formats.column_names import ColumnNames
from common.formats.csv_file import CHUNK_ROWS
from common.formats.files import Files
from common.naming.named_files import NamedFile
from common.naming import partitions

SCHEMA = Schema(
    name="s",
    columns=(Column("y", "label"), Column("hour", "hash", 10, "all")),
    train_file="a",
    test_file="b",
    user_column="hour",
    module="",
)


def write_parquet(path: str, hours: pa.Array) -> None:
    pa.parquet.write_table(pa.table(dict(y=[0] * len(hours), hour=hours)), path)


def write_text(path: str, hours: pa.Array) -> None:
    with open(path, "w") as file:
        file.write("hour,y\n" + "".join("{},0\n".format(hour or "") for hour in hours.to_pylist()))


def open_files(folder: object, write: Callable, hours: pa.Array, values: List[str]) -> Files:
    """Files of the same rows in folders of some hours, opened; those of text have a header."""
    named = []
    for value in values:
        path = "{}/hour={}/part".format(folder, value)
        os.makedirs(os.path.dirname(path))
        write(path, hours)
        named.append(NamedFile(path, partitions.of_path(path)))
    files = Files(named, SCHEMA, header=ColumnNames(SCHEMA))
    assert files.num_rows == len(hours) * len(values)
    return files


@pytest.mark.parametrize("write, hours", [
    (write_parquet, pa.array(["07", "7"])), (write_text, pa.array(["07", "7"])),
    (write_parquet, pa.array([7, 7], pa.int8())), (write_parquet, pa.array([7, 7], pa.date32())),
    (write_parquet, pa.array(["07"]).slice(1))])
def test_the_folders_value_is_read_and_that_is_said_once(
        write: Callable, hours: pa.Array, tmp_path: object, capsys: pytest.CaptureFixture) -> None:
    files = open_files(tmp_path, write, hours, ["07", "007"])
    assert capsys.readouterr().err.count(
        "/part: hour in the names of folders and in the file, of which the folders' are "
        "read") == 1
    for chunk in files.chunks:
        read = files.read(chunk, ["hour"]).arrays["hour"]
        number = file_of(chunk.first_row)
        assert read.to_pylist() == len(hours) * [[b"07", b"007"][number]]


@pytest.mark.parametrize("write, hours", [
    (write_parquet, pa.array(["07", "8"])), (write_text, pa.array(["07", "8"])),
    (write_parquet, pa.array([7, 8]))])
def test_another_value_in_the_file_is_an_error(
        write: Callable, hours: pa.Array, tmp_path: object) -> None:
    with pytest.raises(BadInput, match="hour=07/part, row 2: column 'hour' is '8', and '07' in "
                       "the names of its folders. Rename the folder, or write the file without"):
        open_files(tmp_path, write, hours, ["07"])


@pytest.mark.parametrize("first", [b"", b"\xff"])  # text that is no UTF-8 is read in another form
def test_text_is_compared_to_its_last_row(first: bytes, tmp_path: object) -> None:
    path = "{}/hour=7/part".format(tmp_path)
    os.makedirs(os.path.dirname(path))
    with open(path, "wb") as file:
        file.write(b"y,hour,other\n0,7," + first + b"\n" + CHUNK_ROWS * b"0,7,\n" + b"1,8,\n")
    files = Files([NamedFile(path, partitions.of_path(path))], SCHEMA, header=ColumnNames(SCHEMA))
    *others, last = files.chunks
    for chunk in others:
        assert set(files.read(chunk, ["y"]).arrays) == {"y"}
    with pytest.raises(BadInput, match="hour=7/part, row {}: column 'hour' is '8', and '7' in "
                       "the names".format(CHUNK_ROWS + 2)):
        fetched.decode([files.fetch(last, ["y"])])


@pytest.mark.parametrize("hours", [pa.array(["7", "7", "8"]), pa.array([7, 7, 8])])
def test_small_row_groups_are_compared_when_they_are_joined(
        hours: pa.Array, tmp_path: object) -> None:
    path = "{}/hour=7/part".format(tmp_path)
    os.makedirs(os.path.dirname(path))
    table = pa.table(dict(y=[0, 1, 1], hour=hours))
    pa.parquet.write_table(table, path, row_group_size=1)
    files = Files([NamedFile(path, partitions.of_path(path))], SCHEMA)
    pieces = [files.fetch(chunk, ["y", "hour"]) for chunk in files.chunks]
    joined, = fetched.decode(pieces[:2])
    assert joined.arrays["hour"].to_pylist() == [b"7", b"7"]
    with pytest.raises(BadInput, match="part, row 3: column 'hour' is '8', and '7' in the names"):
        fetched.decode(pieces)


def test_a_missing_value_is_an_empty_one(tmp_path: object) -> None:
    missing = "__HIVE_DEFAULT_PARTITION__"
    open_files(tmp_path, write_parquet, pa.array([None, ""], pa.string()), [missing])
    with pytest.raises(BadInput, match="row 1: column 'hour' is 'x', and '' in the names of"):
        open_files(tmp_path.joinpath("other"), write_text, pa.array(["x"]), [missing])


def test_a_line_with_the_column_and_no_header(tmp_path: object) -> None:
    path = "{}/hour=7/part".format(tmp_path)
    os.makedirs(os.path.dirname(path))
    with open(path, "w") as file:
        file.write("0,7\n")
    files = Files([NamedFile(path, partitions.of_path(path))], SCHEMA)
    reject, = files.read(files.first_chunk(), ["y"]).rejects
    assert reject.expected == "1 column, not 2 (its folders name hour)"

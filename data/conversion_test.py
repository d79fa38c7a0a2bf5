import os

import pyarrow as pa
import pyarrow.parquet
import pytest

from common.reader import BadInput
from common.schema import Column, Schema
from data import conversion

SCHEMA = Schema(
    name="tiny",
    columns=(Column("y", "label"), Column("u", "hash", 9), Column("n", "number", default="0"),
             Column("size", "identity", 5, default="0"), Column("items", "hash", 9, separator=";", default=""),
             Column("prices", "number", separator=";", default="0")),
    train_file="tiny_train", test_file="tiny_test", user_column="u", module="data/tiny.py", delimiter="\t",
    parquet_lists=True)
LINES = ["1\ta\t1.5\t3\tx;y\t1;2.25", "0\tb, c\t\t\t\t", "1\t\t-3e+20\t4\tz\t7", "0\t\"q\"\t0.1\t0\tx;;y\t1;;2"]


def write(path: str, lines: list) -> str:
    with open(path, "w") as file:
        file.write("".join(line + "\n" for line in lines))
    return path


def test_conversion_there_and_back(tmp_path: object) -> None:
    source = write("{}/a".format(tmp_path), LINES)
    assert conversion.convert(SCHEMA, source, "{}/a.parquet".format(tmp_path)) == 4
    table = pyarrow.parquet.read_table("{}/a.parquet".format(tmp_path))
    assert table.schema.equals(conversion.arrow_schema(SCHEMA))
    assert table.column("items").to_pylist() == [["x", "y"], [], ["z"], ["x", "", "y"]]
    assert table.column("prices").to_pylist() == [[1.0, 2.25], [], [7.0], [1.0, None, 2.0]]
    assert table.column("n").to_pylist() == [1.5, None, -3e20, 0.1]
    assert table.column("size").to_pylist() == [3, 0, 4, 0]
    conversion.convert(SCHEMA, "{}/a.parquet".format(tmp_path), "{}/b".format(tmp_path))
    with open("{}/b".format(tmp_path)) as file:
        back = file.read().splitlines()
    assert back == [LINES[0], LINES[1].replace("\t\t\t\t", "\t\t0\t\t"), LINES[2], LINES[3]]


@pytest.mark.parametrize("line, message", [
    ("1\ta\tmuch\t3\tx\t1", "row 5, column 'n': 'much' is given, expected a finite number"),
    ("1\ta\tnan\t3\tx\t1", "row 5, column 'n': 'nan' is given, expected a finite number"),
    ("1\ta\t1e39\t3\tx\t1", "row 5, column 'n': '1e39' is given, expected a finite number"),
    ("1\ta\t1\t3\tx\t1;dear", "row 5, column 'prices': '1;dear' is given, expected finite numbers"),
    ("1\ta\t1\t9\tx\t1", "row 5, column 'size': '9' is given, expected a whole number from 0 to 4"),
    ("1\ta\t1", "row 5: .* is given, expected 6 columns, not 3")])
def test_rows_that_cannot_be_read_leave_no_target(tmp_path: object, line: str, message: str) -> None:
    source, target = write("{}/a".format(tmp_path), LINES + [line]), "{}/a.parquet".format(tmp_path)
    with pytest.raises(BadInput, match=message):
        conversion.convert(SCHEMA, source, target)
    assert os.listdir(str(tmp_path)) == ["a"]


@pytest.mark.parametrize("field, value, message", [
    ("n", [float("nan")], "row 1, column 'n': 'nan' is given, expected a finite number"),
    ("prices", [[1.0, float("inf")]], "row 1, column 'prices': '.*inf.*' is given, expected finite numbers")])
def test_bad_numbers_of_parquet(tmp_path: object, field: str, value: list, message: str) -> None:
    row = dict(y=[1], u=["a"], n=[1.0], size=[1], items=[["x"]], prices=[[1.0]])
    row[field] = value
    path = "{}/a.parquet".format(tmp_path)
    pyarrow.parquet.write_table(pa.table(row, schema=conversion.arrow_schema(SCHEMA)), path)
    with pytest.raises(BadInput, match=message):
        conversion.convert(SCHEMA, path, "{}/b".format(tmp_path))


def test_lists_of_other_types_read_alike(tmp_path: object) -> None:
    source = write("{}/a".format(tmp_path), LINES)
    conversion.convert(SCHEMA, source, "{}/a.parquet".format(tmp_path))
    table = pyarrow.parquet.read_table("{}/a.parquet".format(tmp_path))
    kinds = {"items": [pa.large_list(pa.string()), pa.list_(pa.large_string()), pa.list_(pa.binary())],
             "prices": [pa.large_list(pa.float32()), pa.list_(pa.float32())]}
    for name, wanted in kinds.items():
        for number, kind in enumerate(wanted):
            at = table.schema.get_field_index(name)
            path = "{}/{}{}.parquet".format(tmp_path, name, number)
            pyarrow.parquet.write_table(table.set_column(at, name, table.column(at).cast(kind)), path)
            conversion.convert(SCHEMA, path, path + ".txt")
            conversion.convert(SCHEMA, "{}/a.parquet".format(tmp_path), "{}/plain".format(tmp_path))
            with open(path + ".txt") as one, open("{}/plain".format(tmp_path)) as other:
                assert one.read() == other.read(), kind

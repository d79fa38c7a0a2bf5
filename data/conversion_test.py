import os
from typing import Dict

import pyarrow as pa
import pyarrow.parquet
import pytest

from common.config.schema import Column, Schema
from common.errors import BadInput
from data import command, conversion

SCHEMA = Schema(name="tiny",
                columns=(Column("y", "label"), Column(
                    "u", "hash", 9), Column(
                        "n", "number", default="0"), Column("size", "identity", 5, default="0"),
                         Column("items", "hash", 9, separator=";",
                                default=""), Column("prices", "number", separator=";",
                                                    default="0"), Column("extra", "unused")),
                train_file="tiny_train",
                test_file="tiny_test",
                user_column="u",
                module="data/tiny.py",
                delimiter="\t",
                parquet_lists=True)
LINES = ["1\ta\t1.5\t3\tx;y\t1;2.25\te", "0\tb, c\t\t\t\t\t", "1\t\t-3e+20\t4\tz\t7\t,;",
         "0\t\"q\"\t0.1\t0\tx;;y\t1;;2\t"]
ROW = dict(y=[1], u=["a"], n=[1.0], size=[1], items=[["x"]], prices=[[1.0]], extra=["e"])


def write(path: str, lines: list) -> str:
    with open(path, "w") as file:
        file.write("".join(line + "\n" for line in lines))
    return path


def write_parquet(path: str, rows: Dict[str, list]) -> str:
    pyarrow.parquet.write_table(pa.table(rows, schema=conversion.arrow_schema(SCHEMA)), path)
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
    assert back == [LINES[0], LINES[1].replace("\t\t\t\t\t", "\t\t0\t\t\t"), LINES[2], LINES[3]]


def test_text_with_a_header_is_converted(tmp_path: object, capsys: pytest.CaptureFixture) -> None:
    names = [column.name for column in SCHEMA.columns]
    lines = ["\t".join(["day", *names[::-1]])]
    lines += ["\t".join(["7", *line.split("\t")[::-1]]) for line in LINES]
    source = write("{}/a".format(tmp_path), lines)
    target = "{}/a.parquet".format(tmp_path)
    assert command.run(["convert", "--csv_header", source, target], SCHEMA, 1, {}, dict) == 0
    converted = pyarrow.parquet.read_table(target)
    conversion.convert(SCHEMA, write("{}/b".format(tmp_path), LINES), target)
    assert converted.equals(pyarrow.parquet.read_table(target))
    assert "are left out: day" in capsys.readouterr().err
    source = write("{}/c".format(tmp_path), ["\t".join(names[:-1]), *LINES])
    assert command.run(["convert", "--csv_header", source, target], SCHEMA, 1, {}, dict) == 1
    assert "c: column 'extra' is missing. Add it, or leave it out" in capsys.readouterr().err


@pytest.mark.parametrize(
    "line, message",
    [("1\ta\tmuch\t3\tx\t1\t", "row 5, column 'n': 'much' is given, expected a finite number"),
     ("1\ta\tnan\t3\tx\t1\t", "row 5, column 'n': 'nan' is given, expected a finite number"),
     ("1\ta\t1e39\t3\tx\t1\t", "row 5, column 'n': '1e39' is given, expected a finite number"),
     ("1\ta\t1\t3\tx\t1;dear\t",
      "row 5, column 'prices': '1;dear' is given, expected finite numbers"),
     ("1\ta\t1\t9\tx\t1\t",
      "row 5, column 'size': '9' is given, expected a whole number from 0 to 4"),
     ("1\ta\t1", "row 5: .* is given, expected 7 columns, not 3")])
def test_rows_that_cannot_be_read_leave_no_target(tmp_path: object, line: str,
                                                  message: str) -> None:
    source, target = write("{}/a".format(tmp_path), LINES + [line]), "{}/a.parquet".format(tmp_path)
    with pytest.raises(BadInput, match=message):
        conversion.convert(SCHEMA, source, target)
    assert os.listdir(str(tmp_path)) == ["a"]


@pytest.mark.parametrize(
    "field, value, message",
    [("n", [float("inf")], "row 1, column 'n': 'inf' is given, expected a finite number"),
     ("prices", [[1.0, float("inf")]
                 ], "row 1, column 'prices': '.*inf.*' is given, expected finite numbers")])
def test_bad_numbers_of_parquet(tmp_path: object, field: str, value: list, message: str) -> None:
    path = write_parquet("{}/a.parquet".format(tmp_path), dict(ROW, **{field: value}))
    with pytest.raises(BadInput, match=message):
        conversion.convert(SCHEMA, path, "{}/b".format(tmp_path))


@pytest.mark.parametrize(
    "field, values, message",
    [("u", ["ok", "a\tb"],
      r"row 2, column 'u': 'a\\tb' is given, expected text without '\\n', '\\r', '\\t'\. Mend"),
     ("u", ["a\nb", "ok"], r"row 1, column 'u': 'a\\nb' is given, expected text without"),
     ("u", ["a\r", "ok"], r"row 1, column 'u': 'a\\r' is given, expected text without"),
     ("extra", [None, "a\tb"], r"row 2, column 'extra': 'a\\tb' is given, expected text without"),
     ("items", [[], ["x", "a;b"]],
      r"row 2, column 'items': .*a;b.* is given, expected text without .*, ';'\. Mend"),
     ("items", [["x", "a\tb"], []
                ], r"row 1, column 'items': .*a.*b.* is given, expected text without")])
def test_strings_that_text_cannot_hold(tmp_path: object, field: str, values: list,
                                       message: str) -> None:
    rows = {name: value * 2 for name, value in ROW.items()}
    path = write_parquet("{}/a.parquet".format(tmp_path), dict(rows, **{field: values}))
    with pytest.raises(BadInput, match=message):
        conversion.convert(SCHEMA, path, "{}/b".format(tmp_path))
    assert os.listdir(str(tmp_path)) == ["a.parquet"]
    assert conversion.convert(SCHEMA, path, "{}/b.parquet".format(tmp_path)) == 2
    assert pyarrow.parquet.read_table(
        "{}/b.parquet".format(tmp_path)).column(field).to_pylist() == [
            value or ("" if isinstance(value, str) else value) for value in values
        ]


def test_every_number_that_training_reads_is_converted(tmp_path: object) -> None:
    numbers = ["+5", ".5", "5.", " 7 ", "1e3", " ", "9007199254740993"]
    lines = ["1\ta\t{0}\t 0{1}\tx\t{0}\t".format(number, i % 5) for i, number in enumerate(numbers)]
    lines[5] = lines[5].replace("x\t \t", "x\t\t")  # a blank item is no number
    source = write("{}/a".format(tmp_path), lines)
    conversion.convert(SCHEMA, source, "{}/a.parquet".format(tmp_path))
    table = pyarrow.parquet.read_table("{}/a.parquet".format(tmp_path))
    expected = [5.0, 0.5, 5.0, 7.0, 1000.0, None, 2.0 ** 53]
    assert table.column("n").to_pylist() == expected
    assert table.column("prices").to_pylist() == [[number] if number else [] for number in expected]
    assert table.column("size").to_pylist() == [0, 1, 2, 3, 4, 0, 1]


@pytest.mark.parametrize("kind, number", [(pa.int64(), 2 ** 53 + 1), (pa.uint64(), 2 ** 64 - 1)])
def test_numbers_of_other_types_are_converted(tmp_path: object, kind: pa.DataType,
                                              number: int) -> None:
    table = pa.table(ROW, schema=conversion.arrow_schema(SCHEMA))
    arrays = {
        "y": pa.array([1], pa.uint8()),
        "size": pa.array([None], kind),
        "n": pa.array([number], kind),
        "prices": pa.array([[number, None]], pa.list_(kind)),
    }
    for name, array in arrays.items():
        table = table.set_column(table.column_names.index(name), name, array)
    pyarrow.parquet.write_table(table, "{}/a.parquet".format(tmp_path))
    conversion.convert(SCHEMA, "{}/a.parquet".format(tmp_path), "{}/b".format(tmp_path))
    with open("{}/b".format(tmp_path)) as file:
        assert file.read() == "1\ta\t{0}\t0\tx\t{0};\te\n".format(
            pa.array([float(number)]).cast(pa.string())[0])


def test_missing_and_short_numbers_are_converted(tmp_path: object) -> None:
    nan = float("nan")
    table = pa.table(dict(ROW, n=[nan]), schema=conversion.arrow_schema(SCHEMA))
    prices = pa.array([[20.4, nan, None]], pa.list_(pa.float32()))
    table = table.set_column(table.column_names.index("prices"), "prices", prices)
    pyarrow.parquet.write_table(table, "{}/a.parquet".format(tmp_path))
    conversion.convert(SCHEMA, "{}/a.parquet".format(tmp_path), "{}/b".format(tmp_path))
    with open("{}/b".format(tmp_path)) as file:
        assert file.read() == "1\ta\t\t1\tx\t20.4;;\te\n"


def test_lists_of_a_set_that_joins_them_are_converted(tmp_path: object) -> None:
    joining = SCHEMA._replace(parquet_lists=False)
    stored = dict(ROW, items=[["x", "y"]], prices=[[1.0, None]])
    path = write_parquet("{}/a.parquet".format(tmp_path), stored)
    for target in ("b", "b.parquet"):
        conversion.convert(joining, path, "{}/{}".format(tmp_path, target))
    table = pyarrow.parquet.read_table("{}/b.parquet".format(tmp_path))
    assert table.column("items").to_pylist() == ["x;y"]
    assert table.column("prices").to_pylist() == ["1;"]
    with open("{}/b".format(tmp_path)) as file:
        assert file.read() == "1\ta\t1\t1\tx;y\t1;\te\n"
    path = write_parquet("{}/a.parquet".format(tmp_path), dict(ROW, items=[["x;y"]]))
    with pytest.raises(BadInput, match="row 1, column 'items': .* expected text without ';'"):
        conversion.convert(joining, path, "{}/c.parquet".format(tmp_path))


@pytest.mark.parametrize("target", ["b", "b.parquet"])
def test_unused_columns_must_be_utf8(tmp_path: object, target: str) -> None:
    path = "{}/a".format(tmp_path)
    with open(path, "wb") as file:
        file.write(LINES[0].encode() + b"\n" + LINES[0].encode() + b"\xff\n")
    with pytest.raises(BadInput,
                       match=r"a, row 2, column 'extra': 'e\\\\xff' is given, expected UTF-8 text"):
        conversion.convert(SCHEMA, path, "{}/{}".format(tmp_path, target))
    assert os.listdir(str(tmp_path)) == ["a"]


def test_lists_of_other_types_read_alike(tmp_path: object) -> None:
    source = write("{}/a".format(tmp_path), LINES)
    conversion.convert(SCHEMA, source, "{}/a.parquet".format(tmp_path))
    table = pyarrow.parquet.read_table("{}/a.parquet".format(tmp_path))
    kinds = {
        "items": [pa.large_list(pa.string()),
                  pa.list_(pa.large_string()),
                  pa.list_(pa.binary())],
        "prices": [pa.large_list(pa.float32()), pa.list_(pa.float32())]
    }
    for name, wanted in kinds.items():
        for number, kind in enumerate(wanted):
            at = table.schema.get_field_index(name)
            path = "{}/{}{}.parquet".format(tmp_path, name, number)
            pyarrow.parquet.write_table(table.set_column(at, name,
                                                         table.column(at).cast(kind)), path)
            conversion.convert(SCHEMA, path, path + ".txt")
            conversion.convert(SCHEMA, "{}/a.parquet".format(tmp_path), "{}/plain".format(tmp_path))
            with open(path + ".txt") as one, open("{}/plain".format(tmp_path)) as other:
                assert one.read() == other.read(), kind

import os

import pyarrow as pa
import pyarrow.parquet
import pytest

from common.errors import BadInput
from common.pipeline import reader
from common.pipeline.string_views import StringViews
from common.testing import toy
from common.testing.toy import NAMES, SCHEMA, read_all


def test_parquet_reads_what_was_written(tmp_path: object) -> None:
    rows = toy.random_rows(2, 200)
    path = toy.write_parquet("{}/a.parquet".format(tmp_path), rows, row_group_size=33)
    got = read_all(path)
    for given, row in zip(rows, got):
        for column, text, value in zip(SCHEMA.columns, given, row):
            assert value == (int(text or 0) if column.dtype == "int32" else text.encode())


@pytest.mark.parametrize("strings", [pa.string(), pa.large_string(), pa.binary(),
                                     pa.dictionary(pa.int32(), pa.string())])
@pytest.mark.parametrize("integers", [pa.int8(), pa.int64(), pa.uint16()])
def test_parquet_of_other_string_and_integer_types(tmp_path: object, strings: pa.DataType,
                                                   integers: pa.DataType) -> None:
    table = toy.to_table(toy.random_rows(3, 40))
    types = [strings if pa.types.is_string(field.type) else integers for field in table.schema]
    columns = [column.combine_chunks() for column in table.columns]
    arrays = [column.dictionary_encode() if pa.types.is_dictionary(kind) else column.cast(kind)
              for column, kind in zip(columns, types)]
    pa.parquet.write_table(pa.table(arrays, names=NAMES), "{}/a.parquet".format(tmp_path))
    plain = toy.write_parquet("{}/b.parquet".format(tmp_path), toy.random_rows(3, 40))
    assert read_all("{}/a.parquet".format(tmp_path)) == read_all(plain)


@pytest.mark.parametrize("keep", [0, 3, 100, -1, -9])
def test_truncated_parquet(tmp_path: object, keep: int) -> None:
    path = toy.write_parquet("{}/a.parquet".format(tmp_path), toy.random_rows(1, 100))
    with open(path, "rb") as file:
        content = file.read()
    with open(path, "wb") as file:
        file.write(content[:keep])
    with pytest.raises(
            BadInput,
            match="a.parquet: not a Parquet file, or cut short .*python data/toy.py convert"):
        reader.open_file(path, SCHEMA)


def test_damaged_parquet_pages(tmp_path: object) -> None:
    path = toy.write_parquet("{}/a.parquet".format(tmp_path), toy.random_rows(1, 100))
    with open(path, "r+b") as file:
        file.seek(4)
        file.write(b"\xff" * (os.path.getsize(path) // 2))
    file = reader.open_file(path, SCHEMA)
    with pytest.raises(BadInput, match="a.parquet, rows 1 to 50: the Parquet data are damaged"):
        file.read(file.chunks[0], NAMES)


def test_wrong_parquet_columns(tmp_path: object) -> None:
    table = toy.to_table(toy.random_rows(1, 10))
    path = "{}/a.parquet".format(tmp_path)
    pa.parquet.write_table(table.rename_columns(["y", "z", "user", "kind", "extra", "size", "tag"]),
                           path)
    with pytest.raises(BadInput, match="a.parquet: missing columns: tags; unknown columns: tag. "
                                       "The columns of toy are: y, z, user"):
        reader.open_file(path, SCHEMA)
    pa.parquet.write_table(pa.table(table.columns + [table.column(0)], names=NAMES + ["y"]), path)
    with pytest.raises(BadInput, match="a.parquet: columns that occur twice: y"):
        reader.open_file(path, SCHEMA)


@pytest.mark.parametrize("name, kind", [("y", pa.float64()), ("size", pa.string()),
                                        ("user", pa.int64())])
def test_wrong_parquet_type(tmp_path: object, name: str, kind: pa.DataType) -> None:
    table = toy.to_table([["1", "0", "3", "k", "e", "3", "a"]])
    at = NAMES.index(name)
    path = "{}/a.parquet".format(tmp_path)
    pa.parquet.write_table(table.set_column(at, name, table.column(at).cast(kind)), path)
    message = "a.parquet, column '{}': expected {}, the file has {}".format(
        name, SCHEMA.columns[at].dtype, kind)
    with pytest.raises(BadInput, match=message):
        reader.open_file(path, SCHEMA)


def test_parquet_leaves_short_strings_that_hardly_repeat_where_they_lie(tmp_path: object) -> None:
    different = ["u{}".format(i) for i in range(1000)]
    rows = [["0", "1", user, "kind", "an extra of many bytes " + user, "3", "a"]
            for user in different]
    file = reader.open_file(toy.write_parquet("{}/a.parquet".format(tmp_path), rows, 1000), SCHEMA)
    arrays = file.read(file.chunks[0], NAMES, as_views=True).arrays
    assert {name for name in NAMES if isinstance(arrays[name], StringViews)} == {"user"}
    assert arrays["user"].to_arrow().to_pylist() == [user.encode() for user in different]
    assert file.read(file.chunks[0],
                     NAMES).arrays["user"].to_pylist() == [user.encode() for user in different]


@pytest.mark.parametrize("special, kind", [(None, pa.string()), (b"\xff\xfe", pa.binary()),
                                           (None, pa.binary())])
def test_parquet_with_nulls_or_no_utf8_among_them(tmp_path: object, special: object,
                                                  kind: pa.DataType) -> None:
    path, users = "{}/a.parquet".format(tmp_path), [b"u%d" % i for i in range(1000)]
    rows = [["0", "1", user.decode(), "k", "x", "3", "a"] for user in users]
    users[7] = special  # type: ignore[call-overload]
    pa.parquet.write_table(toy.to_table(rows).set_column(2, "user", pa.array(users, kind)), path)
    file = reader.open_file(path, SCHEMA)
    user = file.read(file.chunks[0], ["user"], as_views=True).arrays["user"]
    if special is None:
        assert user.to_arrow().to_pylist() == users[:7] + [b""] + users[8:]
    else:
        assert user.to_pylist() == users

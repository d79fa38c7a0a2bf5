import concurrent.futures
import datetime
import os
from unittest import mock

import pyarrow as pa
import pyarrow.parquet
import pytest

from common.errors import BadInput
from common.formats import parquet_file, parquet_footer, reader
from common.formats.chunks import Chunk
from common.formats.column_names import ColumnNames
from common.formats.parquet_types import Layouts
from common.formats.string_views import StringViews
from common.pipeline import source
from common.places import location
from common.testing import toy
from common.testing.toy import NAMES, SCHEMA, read_all


def write_table(folder: object, table: pa.Table) -> str:
    """Writes a Parquet file; returns its path."""
    path = "{}/a.parquet".format(folder)
    pa.parquet.write_table(table, path)
    return path


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
    with pytest.raises(BadInput, match=r"a.parquet, rows 1 to 50: .* Parquet data are damaged.*\Z"):
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


@pytest.mark.parametrize("name, value, message", [
    ("y", datetime.date(2026, 11, 29),
     r"column 'y': expected 0 or 1 in any type of numbers, booleans or text, the file \(written by "
     r"parquet-cpp-arrow version 12.0.0\) has date32\[day\]. Cast the column and write the file "
     r"again. In SQL: EXTRACT\(EPOCH FROM \"y\"\). In pandas: df\['y'\].astype\('int64'\)"),
    ("size", [3],
     "column 'size': expected whole numbers, the file .* has list<item: int64>. "
     r"Cast .* In SQL: \"size\"\[1\]. In pandas: df\['size'\].str\[0\]."),
    ("user", 1.5, "column 'user': expected text or integers, the file .* has double, of which"),
])
def test_wrong_parquet_type(tmp_path: object, name: str, value: object, message: str) -> None:
    table = toy.to_table([["1", "0", "3", "k", "e", "3", "a"]])
    table = table.set_column(NAMES.index(name), name, pa.array([value]))
    with pytest.raises(BadInput, match="a.parquet, " + message):
        reader.open_file(write_table(tmp_path, table), SCHEMA)


def test_an_unused_column_of_any_type_is_read_past(tmp_path: object) -> None:
    table = toy.to_table([["1", "0", "3", "k", "e", "3", "a"]])
    table = table.set_column(NAMES.index("extra"), "extra", pa.array([{"a": 1, "b": [2]}]))
    file = reader.open_file(write_table(tmp_path, table), SCHEMA)
    columns = file.read(file.chunks[0], source.used_columns(SCHEMA))
    assert columns.arrays["user"].to_pylist() == [b"3"]
    with pytest.raises(BadInput, match="column 'extra': expected text or integers, the file .* has "
                                       "struct<.* In SQL: select its fields as columns"):
        file.read(file.chunks[0], NAMES)
    file = reader.open_file(write_table(tmp_path, table.drop(["extra"])), SCHEMA)
    with pytest.raises(BadInput, match="a.parquet: column 'extra' is missing. Add it"):
        file.read(file.chunks[0], NAMES)


def test_names_with_dots_nested_and_repeated_columns_beside_the_schemas(tmp_path: object) -> None:
    rows = toy.random_rows(5, 7)
    table = toy.to_table(rows)
    beside = {
        "user.id": pa.array(["x"] * 7),
        "nested": pa.array([{"a": 1, "b": {"user": "q", "c": [{"d": 1}]}}] * 7),
        "map": pa.array([[("k", 1)]] * 7, pa.map_(pa.string(), pa.int64())),
        "__index_level_0__": pa.array(range(7)),
    }
    names = [*beside, *NAMES, "again", "again"]
    columns = [*beside.values(), *table.columns, *[pa.nulls(7)] * 2]
    path = write_table(tmp_path, pa.table(columns, names=names))
    plain = toy.write_parquet("{}/b.parquet".format(tmp_path), rows)
    assert read_all(path) == read_all(plain)


@pytest.mark.parametrize("kept_bytes, reads_again", [(1 << 16, 0), (0, 1)])
def test_a_footer_is_read_again_only_if_it_is_large(
        tmp_path: object, monkeypatch: pytest.MonkeyPatch, kept_bytes: int,
        reads_again: int) -> None:
    monkeypatch.setattr(parquet_file, "_KEPT_BYTES", kept_bytes)
    path = toy.write_parquet("{}/a.parquet".format(tmp_path), toy.random_rows(1, 100))
    file = reader.open_file(path, SCHEMA)
    first = file.read(file.chunks[0], NAMES).arrays
    file.close()
    with mock.patch.object(parquet_footer, "read", side_effect=parquet_footer.read) as read:
        assert file.read(file.chunks[0], NAMES).arrays["user"].equals(first["user"])
    assert read.call_count == reads_again


def test_files_are_opened_as_they_are_read_and_can_be_closed(tmp_path: object) -> None:
    path = toy.write_parquet("{}/a.parquet".format(tmp_path), toy.random_rows(1, 100))
    file = reader.open_file(path, SCHEMA)
    assert not open_times(path)
    first = file.read(file.chunks[0], NAMES).arrays
    assert open_times(path) == 1
    file.read(file.chunks[1], NAMES)
    assert open_times(path) == 1
    file.close()
    assert not open_times(path)
    assert file.read(file.chunks[0], NAMES).arrays["user"].equals(first["user"])


def open_times(path: str) -> int:
    """How often this process has a file open."""
    links = ["/proc/self/fd/" + name for name in os.listdir("/proc/self/fd")]
    return [os.path.realpath(link) for link in links].count(os.path.realpath(path))


def test_a_file_that_was_replaced_is_said_to_have_changed(tmp_path: object) -> None:
    path = toy.write_parquet("{}/a.parquet".format(tmp_path), toy.random_rows(1, 100))
    file = reader.open_file(path, SCHEMA)
    toy.write_parquet(path, toy.random_rows(1, 3))
    with pytest.raises(BadInput, match="a.parquet changed while it was read: it had"):
        file.read(file.chunks[1], NAMES)


def test_a_file_that_may_not_be_read_is_not_called_damaged(
        tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    path = toy.write_parquet("{}/a.parquet".format(tmp_path), toy.random_rows(1, 100))
    file = reader.open_file(path, SCHEMA)

    def refuse(path: str, ranges: object = ()) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(location, "open_binary", refuse)
    with pytest.raises(BadInput, match=r"a.parquet: it cannot be read \(.*Permission denied"):
        file.read(file.chunks[0], NAMES)


def test_parquet_is_told_by_its_first_bytes(tmp_path: object) -> None:
    rows = toy.random_rows(1, 10)
    path = toy.write_parquet("{}/rows".format(tmp_path), rows)
    assert read_all(path) == read_all(toy.write_parquet("{}/b.parquet".format(tmp_path), rows))
    text = toy.write_csv("{}/text.parquet".format(tmp_path), rows)
    with pytest.raises(BadInput, match="text.parquet: not a Parquet file, or cut short .it does "
                                       "not end with 'PAR1'"):
        reader.open_file(text, SCHEMA)


def test_row_groups_without_rows(tmp_path: object) -> None:
    path = "{}/a.parquet".format(tmp_path)
    table = toy.to_table(toy.random_rows(1, 10))
    with pa.parquet.ParquetWriter(path, table.schema) as writer:
        for part in (table.slice(0, 0), table.slice(0, 4), table.slice(0, 0), table.slice(4)):
            writer.write_table(part)
    file = reader.open_file(path, SCHEMA)
    assert [(chunk.first_row, chunk.num_rows) for chunk in file.chunks] == [(0, 4), (4, 6)]
    assert len(read_all(path)) == 10


def test_threads_share_a_file(tmp_path: object) -> None:
    path = toy.write_parquet("{}/a.parquet".format(tmp_path), toy.random_rows(1, 1000), 10)
    file = reader.open_file(path, SCHEMA)

    def users(chunk: Chunk) -> list:
        return file.read(chunk, ["user"]).arrays["user"].to_pylist()

    with concurrent.futures.ThreadPoolExecutor(8) as threads:
        together = list(threads.map(users, file.chunks))
    assert together == list(map(users, file.chunks))


def test_null_and_the_text_null_are_told_once(tmp_path: object,
                                              capsys: pytest.CaptureFixture) -> None:
    rows = [["0", "1", "u", kind, "x", "3", "a"] for kind in ("NULL", "k", "NULL")]
    table = toy.to_table(rows)
    kinds = pa.array(["NULL", None, "NULL"])
    path = write_table(tmp_path, table.set_column(NAMES.index("kind"), "kind", kinds))
    layouts = Layouts(SCHEMA, ColumnNames(SCHEMA))
    for _ in range(2):
        file = parquet_file.open_parquet(path, SCHEMA, layouts)
        file.read(file.chunks[0], NAMES)
    assert capsys.readouterr().err == (
        path + ", column 'kind': some rows hold no value and others the text NULL, which are two "
        "ids. If both mean that there is none, write one of them.\n")
    read_all(write_table(tmp_path, table))
    assert not capsys.readouterr().err


def test_parquet_leaves_short_strings_that_hardly_repeat_where_they_lie(tmp_path: object) -> None:
    different = ["u{}".format(i) for i in range(1000)]
    rows = [["0", "1", user, "kind", "an extra of many bytes " + user, "3", "a"]
            for user in different]
    path = toy.write_parquet("{}/a.parquet".format(tmp_path), rows, 1000, compression="gzip")
    file = reader.open_file(path, SCHEMA)
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
    table = toy.to_table(rows).set_column(2, "user", pa.array(users, kind))
    pa.parquet.write_table(table, path, compression="gzip")
    file = reader.open_file(path, SCHEMA)
    user = file.read(file.chunks[0], ["user"], as_views=True).arrays["user"]
    if special is None:
        assert user.to_arrow().to_pylist() == users[:7] + [b""] + users[8:]
    else:
        assert user.to_pylist() == users

import os
from typing import List

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from common import reader, testing
from common.reader import BadInput
from common.testing import NAMES, SCHEMA
from common.texts import Texts


def read_all(path: str) -> List[List[bytes]]:
    file = reader.open_file(path, SCHEMA)
    parts = [file.read(chunk, NAMES) for chunk in file.chunks]
    assert np.concatenate([part.rows for part in parts]).tolist() == list(range(reader.num_rows(file)))
    return [list(row) for part in parts for row in zip(*[part.arrays[name].to_pylist() for name in NAMES])]


@pytest.mark.parametrize("chunk_rows, scan_bytes", [(1, 7), (3, 50), (64, 1000), (10000, 1 << 20)])
def test_csv_reads_as_str_split_does(tmp_path: object, monkeypatch: pytest.MonkeyPatch, chunk_rows: int,
                                     scan_bytes: int) -> None:
    monkeypatch.setattr(reader, "CHUNK_ROWS", chunk_rows)
    monkeypatch.setattr(reader, "_SCAN_BYTES", scan_bytes)
    rows = testing.random_rows(1, 200)
    path = testing.write_csv("{}/a".format(tmp_path), rows)
    assert read_all(path) == [[field.encode() for field in row] for row in rows]


@pytest.mark.parametrize("end", [b"", b"\n", b"\n\n\n", b"\r\n", b"\n" + b"\r\n" * 3000])
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
def test_line_ends_and_blank_last_lines(tmp_path: object, end: bytes, line_end: bytes) -> None:
    path = "{}/a".format(tmp_path)
    with open(path, "wb") as file:
        file.write(line_end.join([b"1,0,u,k,e,3,a|b", b"0,0,v,,,,"]) + end)
    assert read_all(path) == [[b"1", b"0", b"u", b"k", b"e", b"3", b"a|b"], [b"0", b"0", b"v", b"", b"", b"", b""]]


def test_parquet_reads_what_was_written(tmp_path: object) -> None:
    rows = testing.random_rows(2, 200)
    path = testing.write_parquet("{}/a.parquet".format(tmp_path), rows, row_group_size=33)
    got = read_all(path)
    for given, row in zip(rows, got):
        for column, text, value in zip(SCHEMA.columns, given, row):
            assert value == (int(text or 0) if column.dtype == "int32" else text.encode())


@pytest.mark.parametrize("strings", [pa.string(), pa.large_string(), pa.binary(),
                                     pa.dictionary(pa.int32(), pa.string())])
@pytest.mark.parametrize("integers", [pa.int8(), pa.int64(), pa.uint16()])
def test_parquet_of_other_string_and_integer_types(tmp_path: object, strings: pa.DataType,
                                                   integers: pa.DataType) -> None:
    table = testing.to_table(testing.random_rows(3, 40))
    types = [strings if pa.types.is_string(field.type) else integers for field in table.schema]
    columns = [column.combine_chunks() for column in table.columns]
    arrays = [column.dictionary_encode() if pa.types.is_dictionary(kind) else column.cast(kind)
              for column, kind in zip(columns, types)]
    pa.parquet.write_table(pa.table(arrays, names=NAMES), "{}/a.parquet".format(tmp_path))
    plain = testing.write_parquet("{}/b.parquet".format(tmp_path), testing.random_rows(3, 40))
    assert read_all("{}/a.parquet".format(tmp_path)) == read_all(plain)


def test_lines_of_a_wrong_number_of_columns_are_rejected(tmp_path: object) -> None:
    path = testing.write_csv("{}/a".format(tmp_path), [["1"] * 7, ["2"] * 6, [""], ["3"] * 7, ["4"] * 8, ["x" * 99]])
    file = reader.open_file(path, SCHEMA)
    columns = file.read(file.chunks[0], NAMES)
    assert columns.rows.tolist() == [0, 3]
    assert columns.arrays["tags"].to_pylist() == [b"1", b"3"]
    assert [(r.row, r.value, r.expected) for r in columns.rejects] == [
        (1, "2,2,2,2,2,2", "7 columns, not 6"), (2, "", "7 columns, not 1"),
        (4, "4,4,4,4,4,4,4,4", "7 columns, not 8"), (5, "x" * 77 + "...", "7 columns, not 1")]


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
def test_a_carriage_return_within_a_line_is_rejected(tmp_path: object, line_end: bytes) -> None:
    path = "{}/a".format(tmp_path)
    lines = [b"1,0,u,k,e,3,a", b"1,0,u\rv,k\r,,3,a", b"1,0,u,k,e,3,a|\rb", b"1,0,u,k,e,3,a\r\r", b"\r1,0", b"0,0,v,,,,"]
    with open(path, "wb") as file:
        file.write(line_end.join(lines) + line_end)
    file = reader.open_file(path, SCHEMA)
    columns = file.read(file.chunks[0], NAMES)
    assert columns.rows.tolist() == [0, 5] and columns.arrays["tags"].to_pylist() == [b"a", b""]
    assert sorted((r.row, r.column, r.value.rstrip("\r"), r.expected) for r in columns.rejects) == [
        (1, "user", "u\rv", "text without '\\r'"), (2, "tags", "a|\rb", "text without '\\r'"),
        (3, "tags", "a", "text without '\\r'"), (4, "", "\r1,0", "7 columns, not 2")]


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\r\n"])
def test_empty_csv(tmp_path: object, content: bytes) -> None:
    with open("{}/a".format(tmp_path), "wb") as file:
        file.write(content)
    with pytest.raises(BadInput, match="/a: the file is empty. Expected rows of the 7 columns of toy"):
        reader.open_file("{}/a".format(tmp_path), SCHEMA)


def test_empty_parquet(tmp_path: object) -> None:
    path = testing.write_parquet("{}/a.parquet".format(tmp_path), [])
    with pytest.raises(BadInput, match="/a.parquet: the file is empty"):
        reader.open_file(path, SCHEMA)


def test_missing_file() -> None:
    with pytest.raises(BadInput, match="/nowhere/a: no such file"):
        reader.open_file("/nowhere/a", SCHEMA)


@pytest.mark.parametrize("keep", [0, 3, 100, -1, -9])
def test_truncated_parquet(tmp_path: object, keep: int) -> None:
    path = testing.write_parquet("{}/a.parquet".format(tmp_path), testing.random_rows(1, 100))
    with open(path, "rb") as file:
        content = file.read()
    with open(path, "wb") as file:
        file.write(content[:keep])
    with pytest.raises(BadInput, match="a.parquet: not a Parquet file, or cut short .*python data/toy.py convert"):
        reader.open_file(path, SCHEMA)


def test_damaged_parquet_pages(tmp_path: object) -> None:
    path = testing.write_parquet("{}/a.parquet".format(tmp_path), testing.random_rows(1, 100))
    with open(path, "r+b") as file:
        file.seek(4)
        file.write(b"\xff" * (os.path.getsize(path) // 2))
    file = reader.open_file(path, SCHEMA)
    with pytest.raises(BadInput, match="a.parquet, rows 1 to 50: the Parquet data are damaged"):
        file.read(file.chunks[0], NAMES)


def test_wrong_parquet_columns(tmp_path: object) -> None:
    table = testing.to_table(testing.random_rows(1, 10))
    path = "{}/a.parquet".format(tmp_path)
    pa.parquet.write_table(table.rename_columns(["y", "z", "user", "kind", "extra", "size", "tag"]), path)
    with pytest.raises(BadInput, match="a.parquet: missing columns: tags; unknown columns: tag. "
                                       "The columns of toy are: y, z, user"):
        reader.open_file(path, SCHEMA)
    pa.parquet.write_table(pa.table(table.columns + [table.column(0)], names=NAMES + ["y"]), path)
    with pytest.raises(BadInput, match="a.parquet: columns that stand there twice: y"):
        reader.open_file(path, SCHEMA)


@pytest.mark.parametrize("name, kind", [("y", pa.float64()), ("size", pa.string()), ("user", pa.int64())])
def test_wrong_parquet_type(tmp_path: object, name: str, kind: pa.DataType) -> None:
    table = testing.to_table([["1", "0", "3", "k", "e", "3", "a"]])
    at = NAMES.index(name)
    path = "{}/a.parquet".format(tmp_path)
    pa.parquet.write_table(table.set_column(at, name, table.column(at).cast(kind)), path)
    message = "a.parquet, column '{}': expected {}, the file has {}".format(name, SCHEMA.columns[at].dtype, kind)
    with pytest.raises(BadInput, match=message):
        reader.open_file(path, SCHEMA)


def test_lines_too_long_to_be_rows(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "_MAX_CHUNK_BYTES", 10)
    path = testing.write_csv(os.path.join(str(tmp_path), "a.csv"), testing.random_rows(1, 3))
    file = reader.open_file(path, testing.SCHEMA)
    with pytest.raises(BadInput, match="a.csv, lines 1 to 3: they have .* bytes, too many to be rows of toy. Is it"):
        file.read(file.chunks[0], testing.NAMES)


def test_parquet_leaves_short_strings_that_hardly_repeat_where_they_lie(tmp_path: object) -> None:
    different = ["u{}".format(i) for i in range(1000)]
    rows = [["0", "1", user, "kind", "an extra of many bytes " + user, "3", "a"] for user in different]
    file = reader.open_file(testing.write_parquet("{}/a.parquet".format(tmp_path), rows, 1000), SCHEMA)
    arrays = file.read(file.chunks[0], NAMES, as_texts=True).arrays
    assert {name for name in NAMES if isinstance(arrays[name], Texts)} == {"user"}
    assert arrays["user"].to_arrow().to_pylist() == [user.encode() for user in different]
    assert file.read(file.chunks[0], NAMES).arrays["user"].to_pylist() == [user.encode() for user in different]


@pytest.mark.parametrize("special, kind", [(None, pa.string()), (b"\xff\xfe", pa.binary()), (None, pa.binary())])
def test_parquet_with_nulls_or_no_utf8_among_them(tmp_path: object, special: object, kind: pa.DataType) -> None:
    path, users = "{}/a.parquet".format(tmp_path), [b"u%d" % i for i in range(1000)]
    rows = [["0", "1", user.decode(), "k", "x", "3", "a"] for user in users]
    users[7] = special  # type: ignore[call-overload]
    pa.parquet.write_table(testing.to_table(rows).set_column(2, "user", pa.array(users, kind)), path)
    file = reader.open_file(path, SCHEMA)
    user = file.read(file.chunks[0], ["user"], as_texts=True).arrays["user"]
    if special is None:
        assert user.to_arrow().to_pylist() == users[:7] + [b""] + users[8:]
    else:
        assert user.to_pylist() == users

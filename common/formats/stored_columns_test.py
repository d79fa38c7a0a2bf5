import datetime
import decimal
import os
from typing import Any, List

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from common.config.schema import Column, Schema
from common.errors import BadInput
from common.formats import native_columns, stored_columns
from common.formats.files import Files
from common.naming.named_files import NamedFile

SCHEMA = Schema(
    name="kept",
    columns=(Column("id", "hash", 10), Column("when", "keep"), Column("items", "keep")),
    train_file="", test_file="", user_column="", module="")
NAMES = ["when", "id", "items"]


def files_of(*paths: object, partition: Any = ()) -> Files:
    return Files([NamedFile(str(path), partition) for path in paths], SCHEMA)


def write_text(path: Any, text: bytes) -> Any:
    path.write_bytes(text)
    return path


def table_of(files: Files, rows: List[int]) -> pa.Table:
    stored = stored_columns.read(files, files.chunks[0], NAMES)
    return stored.table(np.array(rows))


def test_text_stays_as_it_is_in_the_file(tmp_path: Any) -> None:
    path = write_text(tmp_path / "rows", "07, x ,a|b\nü,,\n 8,NULL,c\n".encode())
    expected = {"when": ["", "NULL"], "id": ["ü", " 8"], "items": ["", "c"]}
    table = table_of(files_of(path), [1, 2])
    assert table.to_pydict() == expected
    assert set(table.schema.types) == {pa.string()}


def test_text_without_native_functions_is_the_same(tmp_path: Any, monkeypatch: Any) -> None:
    path = write_text(tmp_path / "rows", b"1,x,a\n2,y,b\n")
    with_native = table_of(files_of(path), [0, 1])
    monkeypatch.setattr(native_columns, "library", lambda: None)
    assert table_of(files_of(path), [0, 1]).equals(with_native)


def test_lines_that_cannot_be_split_are_not_among_the_rows(tmp_path: Any) -> None:
    path = write_text(tmp_path / "rows", b"1,x,a\n2,y\n3,z,c\n")
    files = files_of(path)
    stored = stored_columns.read(files, files.chunks[0], ["id"])
    assert stored.rows.tolist() == [0, 2]
    assert stored.table(np.array([2])).to_pydict() == {"id": ["3"]}


def test_parquet_columns_keep_their_types(tmp_path: Any) -> None:
    table = pa.table({
        "id": pa.array([7, 8, None], pa.int64()),
        "when": pa.array([datetime.datetime(2026, 11, 30), None, datetime.datetime(2026, 1, 1)],
                         pa.timestamp("us")),
        "items": pa.array([[decimal.Decimal("1.20")], None, []], pa.list_(pa.decimal128(5, 2))),
    })
    path = os.path.join(str(tmp_path), "rows.parquet")
    pa.parquet.write_table(table, path)
    assert table_of(files_of(path), [0, 2]).equals(table.select(NAMES).take([0, 2]))


def test_strings_of_parquet_are_strings_whichever_way_they_are_encoded(tmp_path: Any) -> None:
    texts = ["a", "b"] * 200
    table = pa.table({"id": pa.array(texts).dictionary_encode(), "when": texts, "items": texts})
    path = os.path.join(str(tmp_path), "rows.parquet")
    pa.parquet.write_table(table, path, use_dictionary=["when"])
    read = table_of(files_of(path), [0, 1, 399])
    assert read.to_pydict() == {name: ["a", "b", "b"] for name in NAMES}
    assert set(read.schema.types) == {pa.string()}


def test_columns_of_folders_are_text(tmp_path: Any) -> None:
    path = write_text(tmp_path / "rows", b"1,a\n2,b\n")
    files = files_of(path, partition=(("when", "2026-11-30"),))
    assert table_of(files, [1]).to_pydict() == {"when": ["2026-11-30"], "id": ["2"],
                                                "items": ["b"]}


def test_rows_of_a_second_file_are_numbered_as_they_are_in_files(tmp_path: Any) -> None:
    paths = [write_text(tmp_path / name, b"1,x,a\n2,y,b\n") for name in "ab"]
    files = files_of(*paths)
    chunk = files.chunks[1]
    stored = stored_columns.read(files, chunk, ["id"])
    assert stored.rows.tolist() == [chunk.first_row, chunk.first_row + 1]
    assert stored.path == str(paths[1])


def test_text_that_is_not_utf8_is_an_error(tmp_path: Any) -> None:
    path = write_text(tmp_path / "rows", b"1,\xff,a\n2,y,b\n")
    files = files_of(path)
    assert table_of(files, [1]).to_pydict()["when"] == ["y"]
    with pytest.raises(BadInput, match="rows: column 'when' holds text that is not UTF-8"):
        table_of(files, [0])


def test_a_missing_column_is_an_error(tmp_path: Any) -> None:
    path = os.path.join(str(tmp_path), "rows.parquet")
    pa.parquet.write_table(pa.table({"id": ["1"]}), path)
    with pytest.raises(BadInput, match="rows.parquet: column 'when' is missing"):
        table_of(files_of(path), [0])

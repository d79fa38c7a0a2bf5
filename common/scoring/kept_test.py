import os
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from common.config.schema import Column, Schema
from common.errors import BadInput
from common.formats.chunks import first_row_of
from common.formats.files import Files
from common.naming.named_files import NamedFile
from common.scoring.kept import KeptColumns

SCHEMA = Schema(name="kept", columns=(Column("id", "hash", 10), Column("note", "keep")),
                train_file="", test_file="", user_column="", module="")


def files_of(folder: Any, *tables: pa.Table) -> Files:
    paths = []
    for number, table in enumerate(tables):
        paths.append(os.path.join(str(folder), "{}.parquet".format(number)))
        pa.parquet.write_table(table, paths[-1], row_group_size=4)
    return Files([NamedFile(path) for path in paths], SCHEMA)


def table(low: int, high: int, kind: pa.DataType = pa.int64()) -> pa.Table:
    notes = pa.array(range(low, high), kind)
    return pa.table({"id": pa.array(range(low, high)).cast(pa.string()), "note": notes})


def test_rows_of_several_chunks_and_files_in_their_order(tmp_path: Any) -> None:
    kept = KeptColumns(files_of(tmp_path, table(0, 10), table(10, 20)), ["note", "id"])
    rows = np.array([1, 3, 4, 9, *(first_row_of(1) + np.array([0, 7, 9]))])
    expected = [1, 3, 4, 9, 10, 17, 19]
    assert kept.of(rows).to_pydict() == {"note": expected, "id": list(map(str, expected))}
    assert kept.schema.names == ["note", "id"]


def test_a_chunk_is_read_once_while_rows_are_asked_for_in_order(tmp_path: Any) -> None:
    kept = KeptColumns(files_of(tmp_path, table(0, 10)), ["note"])
    assert kept.of(np.array([5])).to_pydict() == {"note": [5]}
    first = kept._stored
    assert kept.of(np.array([6, 7])).to_pydict() == {"note": [6, 7]}
    assert kept._stored is first


def test_types_are_those_of_the_first_file(tmp_path: Any) -> None:
    files = files_of(tmp_path, table(0, 2, pa.int32()), table(2, 4, pa.int64()))
    kept = KeptColumns(files, ["note"])
    rows = np.array([1, first_row_of(1)])
    assert kept.of(rows).schema.types == [pa.int32()]


def test_a_file_of_another_type_is_an_error(tmp_path: Any) -> None:
    files = files_of(tmp_path, table(0, 2), table(2, 4).set_column(1, "note", [["x", "y"]]))
    kept = KeptColumns(files, ["note"])
    with pytest.raises(BadInput, match="1.parquet: column 'note' is of type string, and int64 in "
                                       ".*0.parquet. Write the files alike"):
        kept.of(np.array([1, first_row_of(1)]))


def test_a_column_that_the_first_rows_lack_is_an_error(tmp_path: Any) -> None:
    files = files_of(tmp_path, table(0, 2).drop(["note"]))
    with pytest.raises(BadInput, match="0.parquet: column 'note' is missing"):
        KeptColumns(files, ["note"])

import os
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest

from common.errors import BadInput
from common.scoring import score_file
from common.testing.object_store import ObjectStore

TABLES = [pa.table({"who": ["a", None], "p": pa.array([0.5, 0.1], pa.float32())}),
          pa.table({"who": ['b, "c"', "d"], "p": pa.array([1e-9, 1.0], pa.float32())})]


def write_all(path: str) -> None:
    with score_file.writing(path) as write:
        for table in TABLES:
            write(table)


def test_parquet_holds_all_tables(tmp_path: Any) -> None:
    path = os.path.join(str(tmp_path), "scores.parquet")
    write_all(path)
    assert pa.parquet.read_table(path).equals(pa.concat_tables(TABLES))
    assert os.listdir(str(tmp_path)) == ["scores.parquet"]


def test_csv_has_quotes_where_a_text_needs_them(tmp_path: Any) -> None:
    path = tmp_path / "scores.csv"
    write_all(str(path))
    assert path.read_text() == 'who,p\na,0.5\n,0.1\n"b, ""c""",1e-9\n"d",1\n'
    frame = pd.read_csv(str(path))
    assert frame["who"].tolist()[2:] == ['b, "c"', "d"]


@pytest.mark.parametrize("name", ["scores.csv", "scores.parquet"])
def test_an_error_leaves_what_was_there(tmp_path: Any, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"before")
    with pytest.raises(KeyboardInterrupt):
        with score_file.writing(str(path)) as write:
            write(TABLES[0])
            raise KeyboardInterrupt
    assert path.read_bytes() == b"before"
    assert os.listdir(str(tmp_path)) == [name]


def test_parts_have_names_of_their_own() -> None:
    assert score_file.part_name("d/s.parquet", 3, 12) == "d/s-00003-of-00012.parquet"


def test_a_name_says_what_is_written(tmp_path: Any) -> None:
    score_file.check_name("x.CSV")
    score_file.check_name("s3://bucket/x.parquet")
    with pytest.raises(ValueError, match="scores.txt: expected a name that ends in .parquet or"):
        score_file.check_name("scores.txt")
    os.makedirs(str(tmp_path / "x.csv"))
    with pytest.raises(ValueError, match="x.csv: it is a folder. Name a file"):
        score_file.check_name(str(tmp_path / "x.csv"))


def test_csv_holds_no_lists() -> None:
    schema = pa.schema([("a", pa.string()), ("tags", pa.list_(pa.int64()))])
    score_file.check_types("x.parquet", schema)
    with pytest.raises(BadInput, match="x.csv: column 'tags' is of type list<item: int64>, which "
                                       "CSV cannot hold"):
        score_file.check_types("x.csv", schema)


def test_scores_go_to_an_object_store(store: ObjectStore) -> None:
    write_all(store.address("out/scores.csv"))
    assert store.get("out/scores.csv").startswith(b"who,p\na,0.5\n")

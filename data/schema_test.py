import json
import re
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from common.config import schema_file
from common.errors import BadInput
from data import own_rows, rows_check, schema

RNG = np.random.default_rng(0)
SHOP = {"header": True, "user": "who", "missing": ["?"], "columns": [
    {"name": "who", "kind": "hash", "buckets": 10},
    {"name": "tags", "kind": "hash", "buckets": 100, "separator": "|"},
    {"name": "age", "kind": "number"},
    {"name": "sex", "kind": "words", "words": ["f", "m"]},
    {"name": "day", "kind": "keep"},
    {"name": "times", "kind": "weight"},
    {"name": "result", "kind": "label", "labels": {
        "opened": {"positive": ["opened", "ordered"], "role": "click"},
        "liked": {"positive": ["liked"]}}},
    {"name": "ordered", "kind": "label", "role": "purchase"},
    {"name": "stars", "kind": "label", "at_least": 4}]}
HEADER = "who,tags,age,sex,day,times,result,ordered,stars\n"
TRAIN = HEADER + ("a,x|y,1,f,1,1,opened,1,5\n" * 2 + "b,?,?,m,2,2,seen,1,1\n"
                  "?,y|?|z,,m,3,1,liked,0,4.5\n")
TEST = HEADER + "b,,,m,9,2,seen,1,1\nc,,3,f,9,1,seen,0,1\n"


@pytest.fixture
def shop(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A folder with a schema file, to which commands are given."""
    monkeypatch.chdir(tmp_path)
    tmp_path.joinpath("shop.json").write_text(json.dumps(SHOP))
    tmp_path.joinpath("train.csv").write_text(TRAIN)
    tmp_path.joinpath("test.csv").write_text(TEST)
    return tmp_path


def to_parquet(folder: Any, name: str) -> None:
    frame = pd.read_csv(folder.joinpath(name + ".csv"), dtype=str, keep_default_na=False)
    columns = {key: frame[key].tolist() for key in frame}
    columns["tags"] = [value.split("|") for value in columns["tags"]]
    columns["age"] = [float(value) if value.isdigit() else None for value in columns["age"]]
    pq.write_table(pa.table(columns), str(folder.joinpath(name + ".parquet")))


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_check_counts_what_columns_hold(shop: Any, ending: str,
                                        capsys: pytest.CaptureFixture) -> None:
    for name in ("train", "test"):
        to_parquet(shop, name)
    assert schema.main(["check", "shop.json", "train." + ending, "--test", "test." + ending]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("train.{}: 4 rows".format(ending))
    found = {line.split()[0]: line.split()[1:] for line in lines[2:11]}
    assert found["who"] == ["hash", "2", "25.0%", "10.0%"]
    assert found["tags"] == ["hash", "3", "25.0%", "2.0%"]
    assert found["age"] == ["number", "1", "50.0%"] and found["sex"] == ["words", "2", "0.0%"]
    assert found["result"] == ["label", "3", "0.0%"] and "day" not in found
    text = "\n".join(lines)
    assert "repeated rows: 1 (25.0%)" in text
    assert "purchases without a click, which count as none: 1" in text
    assert "test rows that are in training, too: 1 (50.0%)" in text


def test_check_names_a_row_that_cannot_be_read(shop: Any, capsys: pytest.CaptureFixture) -> None:
    shop.joinpath("train.csv").write_text(TRAIN + "d,,x,m,2,2,seen,1,1\n")
    assert schema.main(["check", "shop.json", "train.csv"]) == 1
    assert "row 5, column 'age': 'x' is given, expected a finite number" in capsys.readouterr().err
    assert schema.main(["check", "shop.json", "train.csv", "--max_bad_rows", "1"]) == 0
    assert "rows that cannot be read: 1" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="2"):
        schema.main(["check", "none.json", "train.csv"])
    assert "none.json: No such file or directory" in capsys.readouterr().err


def test_sharing_is_what_hashing_gives() -> None:
    column = schema_file.from_json(SHOP, "", "").columns[1]
    drawn = RNG.integers(0, 100, [200, 30])
    shared = [np.mean(np.bincount(row, minlength=100)[row] > 1) for row in drawn]
    expected = rows_check.ColumnCounts(column, 30, 0).sharing
    assert expected == pytest.approx(np.mean(shared), abs=0.03)


def test_make_writes_rows_that_check_takes(shop: Any, capsys: pytest.CaptureFixture) -> None:
    assert schema.main(["make", "shop.json", "--rows", "500", "--out", "rows"]) == 0
    printed = capsys.readouterr().out
    assert "--train_files rows/shop_train.csv --eval_files rows/shop_test.csv" in printed
    assert re.search(r"opened: AUC of a perfect model on the test rows: 0\.[678]", printed)
    assert schema.main(["check", "shop.json", "rows/shop_train.csv", "--test",
                        "rows/shop_test.csv"]) == 0
    assert "purchases without" not in capsys.readouterr().out
    first = shop.joinpath("rows", "shop_train.csv").read_text()
    assert schema.main(["make", "shop.json", "--rows", "500", "--out", "again"]) == 0
    assert shop.joinpath("again", "shop_train.csv").read_text() == first
    assert schema.main(["make", "shop.json", "--out", "rows"]) == 1
    assert "shop_train.csv is there already. Remove it, or give" in capsys.readouterr().err


def test_labels_need_a_column_to_follow(tmp_path: Any) -> None:
    columns = [{"name": "y", "kind": "label"}, {"name": "h", "kind": "identity", "buckets": 3}]
    made = schema_file.from_json({"train_file": "a", "test_file": "b", "columns": columns}, "", "s")
    with pytest.raises(BadInput, match="schema 's' has no hash column of one value a row, which"):
        own_rows.write(tmp_path, made)

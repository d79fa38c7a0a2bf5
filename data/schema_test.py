import json
import os
import re
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from common.config import model, needs, schema_file
from common.errors import BadInput
from data import guessing, own_rows, rows_check, schema

COUNT = 200
RNG = np.random.default_rng(0)
FRAME = pd.DataFrame({
    "visitor id": ["v{}".format(i % 90) for i in range(COUNT)],
    "country": ["NL", "DE", "", "FR"] * 50,
    "tags": ["news|sport", "news", "", "art|news|sport"] * 50,
    "price": ["{:.2f}".format(value) for value in RNG.normal(50, 20, COUNT)],
    "clicks": [str(value) for value in RNG.permutation(COUNT)],
    "shop_id": [str(1000 + i % 60) for i in range(COUNT)],
    "hour": [str(i % 24) for i in range(COUNT)],
    "day": ["2026-11-{:02d}".format(1 + i % 28) for i in range(COUNT)],
    "session": ["s{}".format(i) for i in range(COUNT)],
    "site": ["main"] * COUNT,
    "opened": ["0", "1"] * 100,
    "ordered": ["0", "0", "0", "1"] * 50,
})
EXPECTED = {
    "header": True, "user": "visitor_id", "columns": [
        {"name": "visitor_id", "other_names": ["visitor id"], "kind": "hash", "buckets": 500},
        {"name": "country", "kind": "hash", "buckets": 20},
        {"name": "tags", "kind": "hash", "buckets": 20, "separator": "|"},
        {"name": "price", "kind": "number"},
        {"name": "clicks", "kind": "number"},
        {"name": "shop_id", "kind": "hash", "buckets": 500},
        {"name": "hour", "kind": "hash", "buckets": 100},
        {"name": "day", "kind": "unused"},
        {"name": "session", "kind": "unused"},
        {"name": "site", "kind": "unused"},
        {"name": "opened", "kind": "label"},
        {"name": "ordered", "kind": "label"},
    ]}


def test_kinds_buckets_lists_and_user_are_guessed() -> None:
    assert guessing.guess(FRAME).schema == EXPECTED


def test_doubts_are_told() -> None:
    doubts = " / ".join(guessing.guess(FRAME).doubts)
    for words in ("tags: is taken as lists divided by '|'", "day: looks like a time",
                  "session: each row has a value of its own", "site: has one value",
                  "opened: holds 0 and 1 alone"):
        assert words in doubts
    bare = guessing.guess(FRAME[["country", "price"]])
    assert bare.schema["user"] is None
    assert any("no column holds 0 and 1 alone" in doubt for doubt in bare.doubts)
    assert any("no column looks like the user" in doubt for doubt in bare.doubts)
    two = guessing.guess(FRAME.assign(customer=FRAME["visitor id"]))
    assert any("visitor_id is taken; customer may be meant" in doubt for doubt in two.doubts)


def test_texts_that_stand_for_no_value_are_guessed() -> None:
    frame = FRAME.assign(country=["NL", "NULL", "", "FR"] * 50, price=["1.5", "?", "2", "7"] * 50)
    guess = guessing.guess(frame)
    assert guess.schema["missing"] == ["?", "NULL"]
    assert {"name": "price", "kind": "number"} in guess.schema["columns"]
    assert "missing: '?', 'NULL' are taken for empty values" in guess.doubts


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "parquet"])
def test_the_file_is_a_schema_that_models_take(tmp_path: Any, ending: str,
                                               capsys: pytest.CaptureFixture) -> None:
    rows, out = str(tmp_path.joinpath("rows." + ending)), str(tmp_path.joinpath("shop.json"))
    if ending == "parquet":
        columns = {name: FRAME[name].tolist() for name in FRAME}
        columns.update(opened=[value == "1" for value in FRAME["opened"]],
                       tags=[value.split("|") if value else None for value in FRAME["tags"]],
                       clicks=[int(value) for value in FRAME["clicks"]])
        pq.write_table(pa.table(columns), rows)
    else:
        FRAME.to_csv(rows, index=False)
    assert schema.main(["guess", rows, "--out", out]) == 0
    with open(out) as file:
        assert json.load(file) == EXPECTED
    needs.check(model.read("mmoe"), schema_file.read(out))
    printed = capsys.readouterr().out
    assert "shop.json: 12 columns by 200 rows. Look at:" in printed and "tags: is taken" in printed


def test_another_delimiter_is_kept(tmp_path: Any) -> None:
    rows, out = str(tmp_path.joinpath("rows.tsv")), str(tmp_path.joinpath("shop.json"))
    FRAME.to_csv(rows, index=False, sep="\t")
    assert schema.main(["guess", rows, "--out", out, "--delimiter", "\t", "--limit", "100"]) == 0
    assert schema_file.read(out).delimiter == "\t"


@pytest.mark.parametrize("content, message", [
    (None, "rows.csv: cannot be read: .*No such file"),
    ("a,b\n", "rows.csv: has no rows."),
    ("a b,a_b\n1,x\n2,y\n", "columns named twice: a_b"),
])
def test_rows_that_cannot_be_used(tmp_path: Any, content: Any, message: str,
                                  capsys: pytest.CaptureFixture) -> None:
    rows, out = str(tmp_path.joinpath("rows.csv")), str(tmp_path.joinpath("shop.json"))
    if content is not None:
        tmp_path.joinpath("rows.csv").write_text(content)
    assert schema.main(["guess", rows, "--out", out]) == 1
    error = capsys.readouterr().err
    assert error.startswith("schema.py: error: ") and re.search(message, error)
    assert not os.path.exists(out)


def test_a_file_that_is_there_is_kept(tmp_path: Any, capsys: pytest.CaptureFixture) -> None:
    out = tmp_path.joinpath("shop.json")
    out.write_text("edited")
    assert schema.main(["guess", "rows.csv", "--out", str(out)]) == 1
    error = capsys.readouterr().err
    assert "shop.json is there already. Remove it, or give another --out." in error
    assert out.read_text() == "edited"


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

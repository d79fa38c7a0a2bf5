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
from data import schema

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
    assert schema.guess(FRAME).schema == EXPECTED


def test_doubts_are_told() -> None:
    doubts = " / ".join(schema.guess(FRAME).doubts)
    for words in ("tags: is taken as lists divided by '|'", "day: looks like a time",
                  "session: each row has a value of its own", "site: has one value",
                  "opened: holds 0 and 1 alone"):
        assert words in doubts
    bare = schema.guess(FRAME[["country", "price"]])
    assert bare.schema["user"] is None
    assert any("no column holds 0 and 1 alone" in doubt for doubt in bare.doubts)
    assert any("no column looks like the user" in doubt for doubt in bare.doubts)
    two = schema.guess(FRAME.assign(customer=FRAME["visitor id"]))
    assert any("visitor_id is taken; customer may be meant" in doubt for doubt in two.doubts)


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

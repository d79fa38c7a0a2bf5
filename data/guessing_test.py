import datetime
import decimal
import json
import os
import re
from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from common.config import model, needs, schema_file
from data import guessing, row_texts, schema

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


def guessed(frame: pd.DataFrame, lists: Any = (), nested: Any = ()) -> guessing.Guess:
    columns = {name: Counter(frame[name]) for name in frame}
    return guessing.guess(row_texts.RowTexts(len(frame), columns, set(lists), set(nested)))


def of_column(values: Any, name: str = "x") -> Any:
    """The column that is guessed of 200 rows of some values, and the doubts."""
    rows = [values[row % len(values)] for row in range(COUNT)]
    schema, doubts = guessed(pd.DataFrame({name: rows}))
    return schema["columns"][0], " / ".join(doubts)


def test_kinds_buckets_lists_and_user_are_guessed() -> None:
    assert guessed(FRAME).schema == EXPECTED


def test_doubts_are_told() -> None:
    doubts = " / ".join(guessed(FRAME).doubts)
    for words in ("tags: taken as lists divided by '|'", "day: looks like a time",
                  "session: each row has a value of its own", "site: one value or none, left out",
                  "opened, ordered: only 0 and 1: is it a label, or a feature"):
        assert words in doubts
    bare = guessed(FRAME[["country", "price"]])
    assert bare.schema["user"] is None
    assert any("no column holds two values such as 0 and 1" in doubt for doubt in bare.doubts)
    assert any("no column looks like the user" in doubt for doubt in bare.doubts)
    two = guessed(FRAME.assign(customer=FRAME["visitor id"]))
    assert any("visitor_id is taken; customer may be meant" in doubt for doubt in two.doubts)
    kinds = guessed(FRAME.rename(columns={"country": "user type"})[["user type", "visitor id"]])
    assert kinds.schema["user"] == "visitor_id"
    assert "user: visitor_id is taken; user_type may be meant" in kinds.doubts
    numbered = guessed(FRAME.rename(columns={"country": "17"}))
    assert any("the first line names columns as numbers" in doubt for doubt in numbered.doubts)


def test_a_doubt_about_many_columns_is_one_line() -> None:
    frame = pd.DataFrame({"c{}".format(place): ["a"] * 3 for place in range(20)})
    doubts = guessed(frame).doubts
    assert "c0, c1, c2, c3, c4, c5, c6, c7 and 12 more: one value or none, left out" in doubts


def test_texts_that_stand_for_no_value_are_guessed() -> None:
    frame = FRAME.assign(country=["NL", "n/a", "", "FR"] * 50, price=["1.5", "?", "2", "7"] * 50)
    guess = guessed(frame)
    assert guess.schema["missing"] == ["?", "n/a"]
    assert {"name": "price", "kind": "number"} in guess.schema["columns"]
    assert "missing: '?', 'n/a' are taken for empty values" in guess.doubts


@pytest.mark.parametrize("values, fields", [
    (["yes", "no"], {"kind": "label", "positive": ["yes"]}),
    (["False", "True", ""], {"kind": "label", "positive": ["True"]}),
    (["N", "Y"], {"kind": "label", "positive": ["Y"]}),
    (["-1", "1"], {"kind": "label", "positive": ["1"]}),
    (["0.0", "1.0"], {"kind": "label", "at_least": 1}),
    (["1", "2"], {"kind": "hash", "buckets": 10}),
])
def test_two_values_of_which_one_says_yes_are_a_label(values: Any, fields: Any) -> None:
    column, doubts = of_column(values)
    assert column == dict(fields, name="x")
    assert ("is it a label, or a feature" in doubts) == (fields["kind"] == "label")


@pytest.mark.parametrize("values, kind", [
    (["show {}".format(number) for number in range(100)], None),
    (["the king of {}".format(number) for number in range(90)] + ["a queen"] * 10, None),
    (["red", "red blue", "blue", "green red", "blue green red", "green", "blue red"], " "),
    (["a;b", "b;a"], ";"),
])
def test_names_of_several_words_are_no_lists(values: Any, kind: Any) -> None:
    assert of_column(values)[0].get("separator") == kind


def test_numbers_that_are_no_amounts() -> None:
    amounts = [str(number) for number in range(100)]
    assert of_column(amounts)[0] == {"name": "x", "kind": "number"}
    column, doubts = of_column(amounts, "sample weight")
    assert column["kind"] == "number" and "sample weight: may say how often a row counts" in doubts
    assert of_column(["1{:019d}".format(number) for number in range(100)])[0]["kind"] == "hash"
    kinds = {"Card No.": "hash", "Member since (days)": "number", "user_age": "number"}
    assert {name: of_column(amounts, name)[0]["kind"] for name in kinds} == kinds
    column, doubts = of_column(amounts + ["unknown"])
    assert column["kind"] == "hash" and "numbers but for texts such as 'unknown'" in doubts


@pytest.mark.parametrize("value, doubt", [
    ("['a', 'b{}']", "x: lists as programs print them, left out"),
    ("01.{:02d}.2026", "x: looks like a time, left out"),
    ("20260101T{}", "x: looks like a time, left out"),
    ("17000000{:02d}", "x: looks like a time, left out"),
    ("17000000{:02d}000", "x: looks like a time, left out"),
])
def test_what_no_kind_reads_is_left_out(value: str, doubt: str) -> None:
    column, doubts = of_column([value.format(number) for number in range(1, 13)])
    assert column == {"name": "x", "kind": "unused"} and doubt in doubts


@pytest.mark.parametrize("name, kind", [("", "unused"), ("Unnamed: 0", "unused"), ("n", "number")])
def test_an_index_of_rows_is_left_out(name: str, kind: str) -> None:
    rows = guessed(pd.DataFrame({name: [str(row) for row in range(COUNT)]}))
    assert rows.schema["columns"][0]["kind"] == kind
    assert ("counts the rows, left out" in " / ".join(rows.doubts)) == (kind == "unused")


def test_what_is_guessed_of_parquets_types_can_be_read(tmp_path: Any) -> None:
    rows, out = str(tmp_path.joinpath("rows.parquet")), str(tmp_path.joinpath("shop.json"))
    times = [datetime.time(row % 24) for row in range(COUNT)]
    columns = {"user": ["u{}".format(row % 9) for row in range(COUNT)], "time": times,
               "code": [float(row % 5) for row in range(COUNT)],
               "prices": [[float(row % 7), 1.5] for row in range(COUNT)],
               "paid": [decimal.Decimal(row % 3) for row in range(COUNT)],
               "y": [row % 2 for row in range(COUNT)]}
    pq.write_table(pa.table(columns), rows)
    assert schema.main(["guess", rows, "--out", out]) == 0
    kinds = {column.name: column.kind for column in schema_file.read(out).columns}
    assert kinds == {"user": "hash", "time": "unused", "code": "number", "prices": "number",
                     "paid": "number", "y": "label"}
    assert schema.main(["check", out, rows]) == 0


def test_names_that_variables_cannot_have_stay_apart() -> None:
    names = ["größe", "a b", "grüße", "a_b", "a-b", ""]
    columns = guessed(pd.DataFrame({name: ["p", "q"] for name in names})).schema["columns"]
    assert [column["name"] for column in columns] == [
        "gr__e", "a_b_2", "gr__e_2", "a_b", "a-b", "column"]
    assert [column.get("other_names") for column in columns] == [
        ["größe"], ["a b"], ["grüße"], None, None, [""]]


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
    assert "shop.json: 12 columns by 200 rows. Look at:" in printed and "tags: taken as" in printed


def test_nested_columns_of_parquet_are_left_out(tmp_path: Any,
                                                capsys: pytest.CaptureFixture) -> None:
    rows, out = str(tmp_path.joinpath("rows.parquet")), str(tmp_path.joinpath("shop.json"))
    pq.write_table(pa.table({"s": [{"x": 1}, {"x": 2}], "l": [[[1]], [[2]]], "n": [1.5, None],
                             "f": [float("nan"), 2.5], "tags": [["a"], ["b"]]}), rows)
    assert schema.main(["guess", rows, "--out", out]) == 0
    assert "s, l: is nested deeper than a list of values" in capsys.readouterr().out
    made = schema_file.read(out)
    assert [column.kind for column in made.columns[:2]] == ["unused"] * 2
    assert made.missing == () and made.columns[4].separator == "|"


def test_several_files_are_read_up_to_the_limit(tmp_path: Any,
                                                capsys: pytest.CaptureFixture) -> None:
    out = str(tmp_path.joinpath("shop.json"))
    for number in range(3):
        FRAME.to_csv(str(tmp_path.joinpath("part-{}.csv".format(number))), index=False)
    rows = str(tmp_path.joinpath("part-*.csv"))
    assert schema.main(["guess", rows, "--out", out, "--limit", "300"]) == 0
    assert "12 columns by 300 rows" in capsys.readouterr().out


@pytest.mark.parametrize("delimiter", ["\t", "\\t"])
def test_another_delimiter_is_kept(tmp_path: Any, delimiter: str) -> None:
    rows, out = str(tmp_path.joinpath("rows.tsv")), str(tmp_path.joinpath("shop.json"))
    FRAME.to_csv(rows, index=False, sep="\t")
    assert schema.main(["guess", rows, "--out", out, "--delimiter", delimiter]) == 0
    assert schema_file.read(out).delimiter == "\t"


@pytest.mark.parametrize("delimiter", ["", "||", "§"])
def test_a_delimiter_is_one_character(delimiter: str, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit, match="2"):
        schema.main(["guess", "rows.csv", "--out", "shop.json", "--delimiter", delimiter])
    assert "--delimiter: expected one ASCII character" in capsys.readouterr().err


@pytest.mark.parametrize("content, message", [
    (None, "rows.csv: no such file or folder"),
    ("", "rows.csv: has no rows."),
    ("a,b\n", "rows.csv: has no rows."),
    ("a,b,a\n1,x,2\n", "rows.csv: columns that occur twice: 'a'. Rename or remove one of each"),
    ("a,b\n1,x\n2\n", "rows.csv, row 2: '2' is given, expected 2 columns, not 1"),
    ('a,b\n1,"x,y"\n', "row 1: .* not 3 .quotes are read as they are and hold no field together"),
    ('a,b\n"1","x"\n', "rows.csv, column 'a': each value stands in quotes"),
    ("a;b\n1;x\n", "',' divides its first line into one column, 'a;b'. If ';' divides them, give "
                   "--delimiter ';'"),
    (b"gr\xf6\xdfe,b\n1,x\n", "rows.csv: its first line is not UTF-8. Write the file as UTF-8"),
    (b"a,b\n1,\xf6\n", r"rows.csv, column 'b': b'\\xf6' is not UTF-8."),
    ("a,b\n1,2\n".encode("utf-16"), "rows.csv: this is UTF-16"),
])
def test_rows_that_cannot_be_used(tmp_path: Any, content: Any, message: str,
                                  capsys: pytest.CaptureFixture) -> None:
    rows, out = str(tmp_path.joinpath("rows.csv")), str(tmp_path.joinpath("shop.json"))
    if content is not None:
        data = content if isinstance(content, bytes) else content.encode()
        tmp_path.joinpath("rows.csv").write_bytes(data)
    assert schema.main(["guess", rows, "--out", out]) == 1
    error = capsys.readouterr().err
    assert error.startswith("schema.py: error: ") and re.search(message, error)
    assert not os.path.exists(out)


def test_parquet_that_cannot_be_read_is_named(tmp_path: Any, capsys: pytest.CaptureFixture) -> None:
    rows, out = tmp_path.joinpath("rows.parquet"), str(tmp_path.joinpath("shop.json"))
    rows.write_bytes(b"PAR1 and no more")
    assert schema.main(["guess", str(rows), "--out", out]) == 1
    assert re.search("rows.parquet: cannot be read: .*magic bytes", capsys.readouterr().err)
    two = pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"])], names=["x", "x"])
    pq.write_table(two, str(rows))
    assert schema.main(["guess", str(rows), "--out", out]) == 1
    assert "rows.parquet: columns that occur twice: 'x'" in capsys.readouterr().err


def test_a_file_that_is_there_is_kept(tmp_path: Any, capsys: pytest.CaptureFixture) -> None:
    out = tmp_path.joinpath("shop.json")
    out.write_text("edited")
    assert schema.main(["guess", "rows.csv", "--out", str(out)]) == 1
    error = capsys.readouterr().err
    assert "shop.json is there already. Remove it, or give another --out." in error
    assert out.read_text() == "edited"

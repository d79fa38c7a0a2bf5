from typing import List

import pyarrow as pa
import pyarrow.parquet
import pytest

from common.config.schema import Column, Schema
from common.errors import BadInput
from common.formats import parquet_file
from common.formats.column_names import ColumnNames
from common.formats.parquet_casts import Misfit
from common.formats.parquet_types import Layouts, can_hold
from common.testing import foreign_parquet

COLUMNS = {
    "label": Column("c", "label"),
    "text": Column("c", "hash", 9),
    "whole": Column("c", "identity", 9, default="0"),
    "number": Column("c", "number", default="0"),
    "texts": Column("c", "hash", 9, separator=";"),
    "numbers": Column("c", "number", separator=";", default="0"),
}
SINGLE = "label text whole number "
ALL = SINGLE + "texts numbers"
NUMERIC = "label whole number numbers"
LISTS = "texts numbers"


@pytest.mark.parametrize("kind, kinds", [
    (pa.string(), ALL), (pa.binary(), ALL), (pa.large_string(), ALL), (pa.null(), ALL),
    (pa.dictionary(pa.int32(), pa.string()), ALL), (pa.binary(5), ALL), (pa.int8(), ALL),
    (pa.uint64(), ALL), (pa.decimal128(20, 0), ALL), (pa.decimal256(60, 0), ALL),
    (pa.decimal128(12, 1), NUMERIC), (pa.float32(), NUMERIC), (pa.float64(), NUMERIC),
    (pa.bool_(), NUMERIC), (pa.binary(16), ""), (pa.binary(32), ""), (pa.date32(), ""),
    (pa.timestamp("us"), ""), (pa.time64("ns"), ""), (pa.duration("s"), ""),
    (pa.struct([("a", pa.int64())]), ""), (pa.map_(pa.string(), pa.int64()), ""),
    (pa.list_(pa.string()), LISTS), (pa.large_list(pa.int64()), LISTS),
    (pa.list_(pa.null()), LISTS), (pa.list_(pa.decimal128(20, 0)), LISTS),
    (pa.list_(pa.float32()), "numbers"), (pa.list_(pa.bool_()), "numbers"),
    (pa.list_(pa.date32()), ""), (pa.list_(pa.list_(pa.string())), ""),
    (pa.list_(pa.struct([("a", pa.string())])), ""),
])
def test_types_that_a_column_may_have(kind: pa.DataType, kinds: str) -> None:
    assert {name for name, column in COLUMNS.items() if can_hold(column, kind, "")} == set(
        kinds.split())


@pytest.mark.parametrize("kind, annotation, kinds", [
    (pa.binary(), "JSON", LISTS), (pa.list_(pa.binary()), "JSON", ""), (pa.binary(), "BSON", ""),
    (pa.binary(16), "UUID", ""), (pa.binary(12), "INTERVAL", ""),
    (pa.binary(2), "FLOAT16", NUMERIC), (pa.struct([("a", pa.binary(2))]), "FLOAT16", ""),
    (pa.list_(pa.binary(2)), "FLOAT16", "numbers"), (pa.binary(), "GEOMETRY", ""),
    (pa.struct([("metadata", pa.binary())]), "VARIANT", ""),
])
def test_logical_types_that_a_column_may_have(kind: pa.DataType, annotation: str,
                                              kinds: str) -> None:
    assert {name for name, column in COLUMNS.items() if can_hold(column, kind, annotation)} == set(
        kinds.split())


@pytest.mark.parametrize("name, kind, annotation, message", [
    ("text", pa.float64(), "", [
        "expected text or integers, the file (written by DuckDB) has double, of which the text may "
        "be 7 or 7.0.", 'CAST(CAST("c" AS BIGINT) AS VARCHAR)',
        "df['c'].astype('Int64').astype(str)"]),
    ("text", pa.bool_(), "", ["has bool, of which the text may be true, True or 1.",
                              'CAST("c" AS VARCHAR)', "df['c'].astype(str)"]),
    ("text", pa.timestamp("us"), "", ["has timestamp[us].", 'CAST("c" AS VARCHAR)',
                                      "df['c'].astype(str)"]),
    ("text", pa.binary(16), "", ["has fixed_size_binary[16], which may be an integer of 128 bits, "
                                 "an address or text."]),
    ("text", pa.binary(16), "UUID", ["has UUID (fixed_size_binary[16])."]),
    ("text", pa.list_(pa.string()), "", ["has list<item: string>.", '"c"[1]', "df['c'].str[0]"]),
    ("whole", pa.date32(), "", ["expected whole numbers,", 'EXTRACT(EPOCH FROM "c")',
                                "df['c'].astype('int64').astype('Int64')"]),
    ("number", pa.struct([("a", pa.int64())]), "", [
        "expected numbers,", "select its fields as columns of their own",
        "pandas.json_normalize(df['c'])"]),
    ("texts", pa.list_(pa.float64()), "", [
        "expected lists of text or integers,", 'CAST("c" AS VARCHAR[])',
        "df['c'].map(lambda items: [str(item) for item in items])"]),
    ("numbers", pa.list_(pa.date32()), "", [
        "expected lists of numbers,", 'CAST("c" AS DOUBLE[])', "[float(item) for item in items]"]),
    ("label", pa.binary(), "BSON", ["expected 0 or 1 in any type of numbers, booleans or text",
                                    'CAST("c" AS INTEGER)', "df['c'].astype('Int64')"]),
])
def test_what_is_refused_names_the_cast(name: str, kind: pa.DataType, annotation: str,
                                        message: List[str]) -> None:
    said = Misfit(COLUMNS[name], "c", kind, annotation).message("p", "DuckDB")
    assert said.startswith("p, column 'c': expected ")
    for part in message:
        assert part in said


def test_a_writer_may_not_say_its_name() -> None:
    said = Misfit(COLUMNS["text"], "c", pa.date32(), "").message("p", "")
    assert "(written by a writer that does not say its name)" in said


def schema_of(*columns: Column) -> Schema:
    return Schema("shop", columns, "a", "b", "user", "data/shop.py")


SCHEMA = schema_of(Column("y", "label"), Column("user", "hash", 9), Column("n", "number"))


def test_durations_are_not_integers(tmp_path: object) -> None:
    path = "{}/a.parquet".format(tmp_path)
    table = pa.table(dict(y=[1], user=["u"], n=pa.array([1], pa.duration("us"))))
    pa.parquet.write_table(table, path)
    with pytest.raises(BadInput, match=r"a.parquet, column 'n': expected numbers, .*duration\[us"):
        parquet_file.open_parquet(path, SCHEMA)


def test_files_of_one_layout_are_looked_at_once(tmp_path: object,
                                                capsys: pytest.CaptureFixture) -> None:
    layouts = Layouts(SCHEMA, ColumnNames(SCHEMA))
    found = []
    for number, day in enumerate([1, 2, "three"]):
        path = "{}/{}.parquet".format(tmp_path, number)
        pa.parquet.write_table(pa.table(dict(y=[1], user=["u"], n=[2.0], day=[day])), path)
        found.append(parquet_file.open_parquet(path, SCHEMA, layouts)._layout)
    assert found[0] is found[1] and found[1] is not found[2]
    assert capsys.readouterr().err.count("left out: day") == 1


def test_a_layout_knows_what_comes_from_elsewhere(tmp_path: object) -> None:
    path = "{}/a.parquet".format(tmp_path)
    pa.parquet.write_table(pa.table(dict(y=[1], n=[2.0])), path)
    layouts = Layouts(SCHEMA, ColumnNames(SCHEMA))
    assert parquet_file.open_parquet(path, SCHEMA, layouts, ["user"]).columns == ["y", "n"]
    with pytest.raises(BadInput, match="missing columns: user"):
        parquet_file.open_parquet(path, SCHEMA, layouts)


def test_a_json_of_one_value_is_refused(tmp_path: object) -> None:
    path = "{}/a.parquet".format(tmp_path)
    pa.parquet.write_table(pa.table(dict(y=[1], user=['"u"'], n=[2.0])), path)
    foreign_parquet.annotate(path, "user", "JSON")
    with pytest.raises(BadInput, match=r"column 'user': expected text or integers, .* has JSON \("):
        parquet_file.open_parquet(path, SCHEMA)

import gzip
import os
from typing import List

import pyarrow as pa
import pytest

from common.errors import BadInput
from common.pipeline import hashing
from common.testing import toy
from data import census

REAL = os.path.join(toy.SHARED, "data", "census-income.test.gz")
LINE = (
    b"44, Private, 37, 12, Associates degree, 0, Not in universe, Never married, Services, "
    b"Professional, White, All other, Female, No, No, PT, 0, 0, 2500, Joint, ?, ?, Spouse, "
    b"Spouse, 1462.33, ?, ?, ?, Not in universe, ?, 1, No, Mexico, ?, United-States, Native, 0, "
    b"No, 2, 26, 95, 50000+.")


def lines_of(folder: object, name: str) -> List[str]:
    with open(os.path.join(str(folder), name)) as file:
        return file.read().splitlines()


def test_schema_names_each_published_field() -> None:
    assert len(census.SCHEMA.columns) == LINE.count(b",") + 1 == 42
    assert [label.name for label in census.SCHEMA.labels] == ["never_married", "income"]
    assert len(census.SCHEMA.inputs) == 39


def test_a_line_becomes_a_row() -> None:
    row = census.to_row("file", 1, LINE)
    fields = dict(zip([column.name for column in census.SCHEMA.columns], row.split(b",")))
    assert (fields["never_married"], fields["income"]) == (b"1", b"1")
    assert fields["mother_country"] == fields["migration_msa"] == b""
    assert (fields["age"], fields["dividends"], fields["year"]) == (b"44", b"2500", b"95")
    other = LINE.replace(b"50000+.", b"- 50000.").replace(b"Never married", b"Widowed")
    assert census.to_row("file", 1, other) == row.replace(b",1,Serv", b",0,Serv")[:-1] + b"0"


@pytest.mark.parametrize("old, new, message", [
    (b", 95", b"", "line 3: the line is '44, Priv.*, expected 42 fields divided by ',', not 41"),
    (b"2500", b"much", "line 3: dividends is 'much', expected a number"),
    (b"Never married", b"Single", "line 3: marital status is 'Single', expected one of 'Never"),
    (b"50000+.", b"1", "line 3: income is '1', expected one of '- 50000.', '50000\\+.'"),
])
def test_lines_that_are_refused(old: bytes, new: bytes, message: str) -> None:
    with pytest.raises(BadInput, match="file, " + message):
        census.to_row("file", 3, LINE.replace(old, new))


def test_both_splits(tmp_path: object) -> None:
    out = str(tmp_path)
    census.make(90, 20, 1, out)
    data, test = [os.path.join(out, "census-income." + end) for end in ("data", "test")]
    assert census.convert(data, None, out) == {"census_train": 60, "census_test": 30}
    published = [census.to_row("", 1, line.encode()).decode() for line in lines_of(
        out, "census-income.data")]
    assert lines_of(out, "census_test") == published[2::3]
    assert census.convert(data, test, out) == {
        "census_train": 90, "census_validation": 10, "census_test": 10}
    assert lines_of(out, "census_train") == published


def test_the_same_seed_gives_the_same_bytes(tmp_path: object) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        census.make(20, 5, seed, os.path.join(str(tmp_path), name))
    one, same, other = [lines_of(tmp_path, name + "/census-income.data") for name in "abc"]
    assert one == same != other


@pytest.mark.skipif(not os.path.exists(REAL), reason="the real rows are not beside the project")
def test_real_lines(tmp_path: object) -> None:
    path = os.path.join(str(tmp_path), "some")
    with gzip.open(REAL) as file, open(path, "wb") as some:
        some.writelines(file.readline() for _ in range(3000))
    assert census.convert(path, None, str(tmp_path)) == {"census_train": 2000, "census_test": 1000}
    labels = [line.rpartition(",")[2] for line in lines_of(tmp_path, "census_train")]
    assert 0.03 < labels.count("1") / len(labels) < 0.1


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists(REAL), reason="the real rows are not beside the project")
def test_hardly_any_real_values_share_a_bucket() -> None:
    fingerprint = hashing.make_fingerprint()
    with gzip.open(REAL) as file:
        rows = [census.to_row(REAL, number, line).split(b",")
                for number, line in zip(range(1, 8001), file)]
    shared = 0
    for column, values in zip(census.SCHEMA.columns, zip(*rows)):
        if column.kind == "hash":
            distinct = sorted(set(values))
            buckets = fingerprint(pa.array(distinct, pa.binary())) % column.buckets
            shared += len(distinct) - len(set(buckets))
    assert shared <= 1

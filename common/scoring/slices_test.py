import os
from typing import Any, Dict, List

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest

from common.config.schema import Column, Schema
from common.formats.chunks import first_row_of
from common.formats.column_names import ColumnNames
from common.formats.files import Files
from common.naming.named_files import NamedFile
from common.scoring import slices

COLUMNS = (Column("age", "hash", 10), Column("price", "number"),
           Column("tags", "hash", 10, separator="|", default=""), Column("note", "keep"))
SCHEMA = Schema(name="cut", columns=COLUMNS, train_file="", test_file="", user_column="",
                module="", header=True)


def cut_of(folder: Any, kind: str, column: str, values: List[Any]) -> slices.Cut:
    """The rows of two files cut by a column of these values."""
    others: Dict[str, List[Any]] = {"age": ["1"], "price": [1.0], "tags": ["a"], "note": ["n"]}
    files = []
    for number, part in enumerate((values[:2], values[2:])):
        frame = pd.DataFrame({name: (part if name == column else others[name] * len(part))
                              for name in others})
        path = os.path.join(str(folder), "{}.{}".format(number, kind))
        if kind == "csv":
            frame.to_csv(path, index=False)
        else:
            frame.to_parquet(path)
        files.append(NamedFile(path))
    header = ColumnNames(SCHEMA, False) if kind == "csv" else None
    rows = np.concatenate([np.arange(2), first_row_of(1) + np.arange(len(values) - 2)])
    found, = slices.cut(Files(files, SCHEMA, header=header), SCHEMA.named([column]), rows)
    return found


def by_name(cut: slices.Cut) -> Dict[str, int]:
    """How many rows each slice has."""
    counts = np.bincount(cut.codes, minlength=len(cut.names))
    return dict(zip(cut.names, counts.tolist()))


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_texts_are_values_and_numbers_among_them_come_in_their_order(
        kind: str, tmp_path: Any) -> None:
    cut = cut_of(tmp_path, kind, "age", ["10", "2", "2", "x", "x", "x", "é<b>", ""])
    assert by_name(cut) == {"2": 2, "10": 1, "x": 3, "é<b>": 1, "(empty)": 1}
    assert cut.names[:3] == ["2", "10", "x"] and not cut.note
    assert [cut.names[code] for code in cut.codes[:3]] == ["10", "2", "2"]


def test_values_of_any_type_of_parquet(tmp_path: Any) -> None:
    cut = cut_of(tmp_path, "parquet", "note", [7, 7, None, 3])
    assert by_name(cut) == {"3": 1, "7": 2, "(missing)": 1}


def test_twenty_values_with_most_rows_and_the_others(tmp_path: Any) -> None:
    values = [str(number) for number in range(30) for _ in range(number + 1)]
    cut = cut_of(tmp_path, "csv", "age", values)
    counts = by_name(cut)
    assert cut.names == [str(number) for number in range(10, 30)] + ["others (10 values)"]
    assert counts["29"] == 30 and counts["others (10 values)"] == sum(range(1, 11))


def test_more_values_than_are_told_apart_count_as_others(
        tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slices, "MAX_VALUES", 3)
    cut = cut_of(tmp_path, "csv", "age", ["a", "b", "c", "d", "e", "a"])
    assert by_name(cut) == {"a": 2, "b": 1, "c": 1, "others": 2}
    assert cut.note == "more than 3 values: those that come later count as others"


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_numbers_are_cut_into_ranges_of_as_many_rows(kind: str, tmp_path: Any) -> None:
    values = [float(value) for value in np.random.default_rng(0).permutation(200)]
    cut = cut_of(tmp_path, kind, "price", [*values, float("nan")])
    counts = by_name(cut)
    assert len(cut.names) == slices.RANGES + 1 and counts.pop("(missing)") == 1
    assert set(counts.values()) == {20}
    assert cut.names[0] == "0 to 19.9" and cut.names[9] == "179.1 to 199"
    low = cut.codes[:200][np.array(values) < 19.9]
    assert (low == 0).all()


def test_few_numbers_are_slices_of_their_own(tmp_path: Any) -> None:
    assert by_name(cut_of(tmp_path, "csv", "price", [3, 1, 1, 2.5])) == {"1": 2, "2.5": 1, "3": 1}


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_lists_are_cut_by_how_many_items_they_have(kind: str, tmp_path: Any) -> None:
    values = ["a|b", "", "a", "c", "a|b|c"]
    if kind == "parquet":
        values = [value.split("|") if value else [] for value in values]
    cut = cut_of(tmp_path, kind, "tags", values)
    assert by_name(cut) == {"0": 1, "1": 2, "2": 1, "3": 1}
    assert cut.note == "by the number of items of a list"


def test_a_dictionary_of_text_is_text() -> None:
    column = pa.chunked_array([pa.array(["a", None, "b", "a"]).dictionary_encode()])
    values = slices._Values()
    values.add(column)
    assert by_name(values.cut("age")) == {"a": 2, "b": 1, "(missing)": 1}

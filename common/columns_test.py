from typing import List

import numpy as np
import pyarrow as pa
import pytest

from common.columns import CheckedColumns
from common.reader import Columns
from common.schema import Column, Schema


def checked(**texts: List[str]) -> CheckedColumns:
    arrays = {name: pa.array([text.encode() for text in values], pa.binary()).dictionary_encode()
              for name, values in texts.items()}
    size = len(next(iter(texts.values())))
    return CheckedColumns(Columns(arrays, np.arange(10, 10 + size), []))


@pytest.mark.parametrize("text, number", [
    ("3", 3.0), (" 4.5 ", 4.5), ("-1e3", -1000.0), (".5", 0.5), ("5.", 5.0), ("+7", 7.0), ("", 2.0)])
def test_numbers_are_read(text: str, number: float) -> None:
    for others in ([], ["x"]):  # one that is none sends all of them the slow way
        columns = checked(n=[text] + others)
        assert columns.numbers(Column("n", "number", default="2"))[0] == number
        assert [reject.row for reject in columns.rejects] == [11] * len(others)


@pytest.mark.parametrize("text", ["x", "1,5", "nan", "inf", "-inf", "1e39", "0x10", "1_0", "--1", "1e"])
def test_what_is_no_finite_number_is_rejected(text: str) -> None:
    columns = checked(n=["1", text])
    assert columns.numbers(Column("n", "number", default="2")).tolist() == [1.0, 0.0]
    assert columns.rejects == [(11, "n", text, "a finite number")]


def test_aligned_lists_of_unequal_length_are_rejected() -> None:
    a, b, c = [Column(name, "hash", 9, separator=";", default="", aligned=name != "c") for name in "abc"]
    columns = checked(a=["x;y", "", "x"], b=["1;2", "3", "4"], c=["z", "z", "z"])
    for column in (a, b, c):
        columns.lists(column)
    columns.check_aligned(Schema("s", (Column("u", "hash", 9), a, b, c), "x", "y", "u", "m"))
    assert columns.rejects == [(11, "b", "1 items", "0 as in column 'a'")]


def test_means_of_lists() -> None:
    columns = checked(n=["1;2;6", "", ";", "3;oops"])
    means = columns.list_means(Column("n", "number", separator=";", default="-1"))
    assert means[:3].tolist() == [3.0, -1.0, -1.0]
    assert columns.rejects == [(13, "n", "3;oops", "finite numbers")]


def test_long_values_are_shortened_in_messages() -> None:
    columns = checked(n=["x" * 500])
    columns.numbers(Column("n", "number", default="0"))
    assert columns.rejects[0].value == "x" * 77 + "..."

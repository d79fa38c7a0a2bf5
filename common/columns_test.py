from typing import List

import numpy as np
import pyarrow as pa
import pytest

from common.columns import CheckedColumns
from common.reader import Columns
from common.schema import Column, Schema


def of_arrays(**arrays: pa.Array) -> CheckedColumns:
    size = len(next(iter(arrays.values())))
    return CheckedColumns(Columns(arrays, np.arange(10, 10 + size), []))


def checked(**texts: List[str]) -> CheckedColumns:
    return of_arrays(**{name: pa.array([text.encode() for text in values], pa.binary()).dictionary_encode()
                        for name, values in texts.items()})


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


@pytest.mark.parametrize("kind", [pa.int8(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()])
def test_integers_of_any_type_are_read(kind: pa.DataType) -> None:
    columns = of_arrays(y=pa.array([1, 0, None, 2], kind), size=pa.array([4, 5, None, 0], kind))
    assert columns.integers(Column("y", "label")).tolist() == [1, 0, 0, 0]
    assert columns.integers(Column("size", "identity", 5, default="3")).tolist() == [4, 0, 3, 0]
    assert columns.rejects == [(12, "y", "", "0 or 1"), (13, "y", "2", "0 or 1"),
                               (11, "size", "5", "a whole number from 0 to 4")]


def test_the_largest_integers_are_out_of_range() -> None:
    columns = of_arrays(y=pa.array([2 ** 64 - 1, 2 ** 63, 1], pa.uint64()))
    assert columns.integers(Column("y", "label")).tolist() == [0, 0, 1]
    assert [reject.value for reject in columns.rejects] == [str(2 ** 64 - 1), str(2 ** 63)]


@pytest.mark.parametrize("number, kind", [(2 ** 53 + 1, pa.int64()), (2 ** 64 - 1, pa.uint64())])
def test_integers_that_no_float_holds_are_rounded(number: int, kind: pa.DataType) -> None:
    columns = of_arrays(n=pa.array([number, None], kind), m=pa.array([[number, None], []], pa.list_(kind)))
    assert columns.numbers(Column("n", "number", default="2")).tolist() == [float(number), 2.0]
    assert columns.list_means(Column("m", "number", separator=";", default="2")).tolist() == [float(number), 2.0]
    assert not columns.rejects


@pytest.mark.parametrize("number", ["nan", "inf", "-inf"])
def test_what_is_no_finite_number_in_a_list_is_rejected(number: str) -> None:
    column = Column("n", "number", separator=";", default="2")
    arrays = of_arrays(n=pa.array([[1.0, None, 4.0], [1.0, float(number)], [None, None]]))
    for columns in (arrays, checked(n=["1;;4", "1;" + number, ";"])):
        assert columns.list_means(column).tolist() == [2.5, 1.0, 2.0]
        assert [(reject.row, reject.expected) for reject in columns.rejects] == [(11, "finite numbers")]


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

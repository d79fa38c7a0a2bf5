from typing import List, Optional

import numpy as np
import pyarrow as pa
import pytest

from common.config.schema import Column, Schema
from common.formats.chunks import RawColumns, Reject
from common.pipeline.column_decoder import ColumnDecoder


def of_arrays(**arrays: pa.Array) -> ColumnDecoder:
    size = len(next(iter(arrays.values())))
    return ColumnDecoder(RawColumns(arrays, np.arange(10, 10 + size), []))


def checked(**texts: List[str]) -> ColumnDecoder:
    return of_arrays(
        **{
            name: pa.array([text.encode()
                            for text in values], pa.binary()).dictionary_encode()
            for name, values in texts.items()
        })


@pytest.mark.parametrize("text, number", [("3", 3.0), (" 4.5 ", 4.5), ("-1e3", -1000.0),
                                          (".5", 0.5), ("5.", 5.0), ("+7", 7.0), ("", 2.0)])
def test_numbers_are_read(text: str, number: float) -> None:
    for others in ([], ["x"]):  # one that is none sends all of them the slow way
        columns = checked(n=[text] + others)
        assert columns.numbers(Column("n", "number", default="2"))[0] == number
        assert [reject.row for reject in columns.rejects] == [11] * len(others)


@pytest.mark.parametrize("text",
                         ["x", "1,5", "nan", "inf", "-inf", "1e39", "0x10", "1_0", "--1", "1e"])
def test_what_is_no_finite_number_is_rejected(text: str) -> None:
    columns = checked(n=["1", text])
    assert columns.numbers(Column("n", "number", default="2")).tolist() == [1.0, 0.0]
    assert columns.rejects == [(11, "n", text, "a finite number")]


@pytest.mark.parametrize(
    "kind", [pa.int8(), pa.int64(),
             pa.uint8(), pa.uint16(),
             pa.uint32(), pa.uint64()])
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
    columns = of_arrays(n=pa.array([number, None], kind),
                        m=pa.array([[number, None], []], pa.list_(kind)))
    assert columns.numbers(Column("n", "number", default="2")).tolist() == [float(number), 2.0]
    assert columns.list_means(Column("m", "number", separator=";",
                                     default="2")).tolist() == [float(number), 2.0]
    assert not columns.rejects


@pytest.mark.parametrize("number", ["nan", "inf", "-inf"])
def test_what_is_no_finite_number_in_a_list_is_rejected(number: str) -> None:
    column = Column("n", "number", separator=";", default="2")
    arrays = of_arrays(n=pa.array([[1.0, None, 4.0], [1.0, float(number)], [None, None]]))
    stored = [] if number == "nan" else [arrays]  # in floats, NaN is missing
    for columns in (*stored, checked(n=["1;;4", "1;" + number, ";"])):
        assert columns.list_means(column).tolist() == [2.5, 1.0, 2.0]
        assert [(reject.row, reject.expected)
                for reject in columns.rejects] == [(11, "finite numbers")]


def test_floats_of_labels_and_whole_numbers() -> None:
    values = [1.0, -0.0, 0.5, None, float("nan"), float("inf"), 1e300, 4.0]
    columns = of_arrays(y=pa.array(values), size=pa.array(values, pa.float32()))
    assert columns.integers(Column("y", "label")).tolist() == [1, 0, 0, 0, 0, 0, 0, 0]
    assert [(reject.row, reject.value) for reject in columns.rejects] == [
        (12, "0.5"), (13, ""), (14, "nan"), (15, "inf"), (16, "1e+300"), (17, "4.0")]
    columns.rejects.clear()
    size = Column("size", "identity", 5, default="3")
    assert columns.integers(size).tolist() == [1, 0, 0, 3, 3, 0, 0, 4]
    assert [reject.row for reject in columns.rejects] == [12, 15, 16]


def test_texts_of_numbers_in_a_list() -> None:
    columns = of_arrays(n=binary_lists([["1", None, "3"], [None, None], []]),
                        a=binary_lists([["x"] * 3, ["x"] * 2, []]))
    numbers = Column("n", "number", separator=";", default="7", aligned=True)
    assert columns.list_means(numbers).tolist() == [2.0, 7.0, 7.0]
    assert check_aligned(columns, n=True, a=True) == []


def test_nan_is_a_missing_number() -> None:
    nan = float("nan")
    columns = of_arrays(n=pa.array([nan, 1.0, None]), m=pa.array([[nan], [nan, 1.0], [None, 3.0]]))
    assert columns.numbers(Column("n", "number", default="2")).tolist() == [2.0, 1.0, 2.0]
    means = columns.list_means(Column("m", "number", separator=";", default="2", aligned=True))
    assert means.tolist() == [2.0, 1.0, 3.0]
    assert not columns.rejects


def check_aligned(columns: ColumnDecoder, newest: int = 0, **aligned: bool) -> List[Reject]:
    lists = [Column(name, "hash", 9, separator=";", default="", aligned=value, newest=newest)
             for name, value in aligned.items()]
    for column in lists:
        columns.lists(column)
    columns.check_aligned(Schema("s", (Column("u", "hash", 9), *lists), "x", "y", "u", "m"))
    return columns.rejects


def test_aligned_lists_of_unequal_length_are_rejected() -> None:
    columns = checked(a=["x;y", "", "x"], b=["1;2", "3;4", "4"], c=["z", "z", "z"])
    assert check_aligned(columns, a=True, b=True,
                         c=False) == [(11, "b", "3;4", "0 items as in column 'a', not 2")]


def test_the_list_that_differs_from_most_is_named() -> None:
    columns = checked(a=["", "x", "x;y"], b=["1;2", "3", ""], c=["z;z", "z;z", "z;z;z"],
                      d=["4;5", "6", "7;8"])
    assert sorted(check_aligned(columns, a=True, b=True, c=True,
                                d=True)) == [(10, "a", "", "2 items as in column 'b', not 0"),
                                             (11, "c", "z;z", "1 item as in column 'a', not 2"),
                                             (12, "b", "", "2 items as in column 'a', not 0"),
                                             (12, "c", "z;z;z", "2 items as in column 'a', not 3")]


def binary_lists(rows: List[List[Optional[str]]]) -> pa.ListArray:
    items = pa.array([item for row in rows for item in row], pa.string()).cast(
        pa.binary()).dictionary_encode()
    return pa.ListArray.from_arrays(
        pa.array(np.cumsum([0] + [len(row) for row in rows]), pa.int32()), items)


@pytest.mark.parametrize("missing", [[""], [None], []])
def test_an_empty_list_beside_one_item_is_a_missing_item(missing: List[Optional[str]]) -> None:
    for columns in (checked(a=["x", "", ""], b=["", "1", ""]),
                    of_arrays(a=binary_lists([["x"], missing, missing]),
                              b=binary_lists([missing, ["1"], missing]))):
        assert check_aligned(columns, a=True, b=True) == []
        column = Column("a", "hash", 9, separator=";", default="")
        assert columns.lists(column).lengths.tolist() == [1, 0, 0]
        rejects = check_aligned(columns, newest=5, a=True,
                                b=True)  # where order counts, items belong to each other
        assert [(reject.row, reject.column, reject.expected)
                for reject in rejects] == [(10, "b", "1 item as in column 'a', not 0"),
                                           (11, "b", "0 items as in column 'a', not 1")]


@pytest.mark.parametrize("default, lengths", [("", [0, 2, 0, 0]), ("none", [1, 2, 1, 1])])
def test_a_list_without_items_has_the_default_as_in_text(default: str, lengths: List[int]) -> None:
    column = Column("a", "hash", 9, separator=";", default=default, aligned=True)
    nulls: List[Optional[str]] = [None, None] if default else [None]
    filled_up: List[Optional[str]] = ["", *nulls] if default else [""]
    stored = of_arrays(a=binary_lists([[], ["x", "y"], filled_up, nulls]))
    text = checked(a=["", "x;y", "", ""])
    for columns in (stored, text):
        lists = columns.lists(column)
        assert lists.lengths.tolist() == lengths
        names = lists.names.to_pylist()
        items = [names[code] for code in lists.codes]
        assert sorted(set(items)) == sorted({b"x", b"y", default.encode()} - {b""})


def test_a_list_of_one_missing_number_is_empty() -> None:
    columns = of_arrays(n=pa.array([[None], [2.0]]), a=binary_lists([["x"], ["y"]]))
    assert columns.list_means(Column("n", "number", separator=";", default="7",
                                     aligned=True)).tolist() == [7.0, 2.0]
    assert check_aligned(columns, n=True, a=True) == []


def test_means_of_lists() -> None:
    columns = checked(n=["1;2;6", "", ";", "3;oops"])
    means = columns.list_means(Column("n", "number", separator=";", default="-1"))
    assert means[:3].tolist() == [3.0, -1.0, -1.0]
    assert columns.rejects == [(13, "n", "3;oops", "finite numbers")]


def test_long_values_are_shortened_in_messages() -> None:
    columns = checked(n=["x" * 500])
    columns.numbers(Column("n", "number", default="0"))
    assert columns.rejects[0].value == "x" * 77 + "..."

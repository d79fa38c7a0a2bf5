import os

import pytest

from common.errors import BadInput
from common.testing import toy
from data import aliexpress

REAL = os.path.join(toy.SHARED, "data", "aliexpress_{}_sample.csv")
HEADER = aliexpress._HEADER
LINE = b",".join([b"30", *16 * [b"9"], *63 * [b"0.25"], b"1", b"1.0"])


def test_a_line_becomes_a_row() -> None:
    assert aliexpress.to_row("file", 1, HEADER) is None
    assert aliexpress.to_row("file", 2, LINE) == LINE[:-2]
    assert HEADER.count(b",") == 81


@pytest.mark.parametrize("number, line, message", [
    (1, LINE, "file, line 1: the line is '30,9,.*, expected the names of the columns, sear"),
    (2, LINE + b",0", "file, line 2: the line is .*, expected 82 fields divided by ',', not 83"),
    (2, LINE.replace(b"0.25", b"x", 1), "file, line 2: numerical_1 is 'x', expected a number or n"),
    (2, LINE[:-3] + b"2", "file, line 2: conversion is '2', expected 0 or 1"),
])
def test_lines_that_are_refused(number: int, line: bytes, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        aliexpress.to_row("file", number, line)


def test_converted_rows_are_the_published_ones(tmp_path: object) -> None:
    out = str(tmp_path)
    aliexpress.make(30, 10, 1, out)
    paths = [os.path.join(out, name) for name in ("train.csv", "test.csv")]
    counts = aliexpress.convert(paths[0], paths[1], out)
    assert counts == {"aliexpress_train": 30, "aliexpress_test": 10}
    with open(paths[1]) as published, open(os.path.join(out, "aliexpress_test")) as written:
        assert published.read() == written.read()


@pytest.mark.skipif(not os.path.exists(REAL.format("train")),
                    reason="the real rows are not beside the project")
def test_real_lines(tmp_path: object) -> None:
    counts = aliexpress.convert(REAL.format("train"), REAL.format("test"), str(tmp_path))
    assert counts == {"aliexpress_train": 100, "aliexpress_test": 20}

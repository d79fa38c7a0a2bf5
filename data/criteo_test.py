import os

import pytest

from common.errors import BadInput
from common.testing import toy
from data import criteo

REAL = os.path.join(toy.SHARED, "data", "deepctr_criteo_sample.txt")
LINE = b"1\t" + b"\t".join(b"%d" % i for i in range(-2, 11)) + b"\t" + 25 * b"68fd1e64\t"


def test_schema_has_the_published_columns() -> None:
    assert [len(criteo.SCHEMA.labels), len(criteo.SCHEMA.numbers), len(criteo.SCHEMA.features)] == [
        1, 13, 26]
    assert criteo.SCHEMA.columns[14].name == "C1" and criteo.SCHEMA.columns[39].name == "C26"


def test_layouts_become_one() -> None:
    assert criteo.to_row("file", 1, LINE) == LINE  # a missing C26 at its end stays
    assert criteo.to_row("file", 5, LINE.replace(b"\t", b",")) == LINE
    names = ",".join(column.name for column in criteo.SCHEMA.columns)
    assert criteo.to_row("file", 1, names.encode()) is None


@pytest.mark.parametrize("line, message", [
    (LINE[2:], r"file, line 2: the line is .*40 fields .*, not 39 \(Kaggle's test.txt has no lab"),
    (LINE + b"\t", "file, line 2: the line is .*, expected 40 fields divided by tabs or commas, n"),
    (b"2" + LINE[1:], "file, line 2: label is '2', expected 0 or 1"),
    (LINE.replace(b"-1", b"one"), "file, line 2: I2 is 'one', expected a number or nothing"),
])
def test_lines_that_are_refused(line: bytes, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        criteo.to_row("file", 2, line)


def test_both_splits(tmp_path: object) -> None:
    out = str(tmp_path)
    criteo.make(50, 10, 1, out)
    source, test = [os.path.join(out, name) for name in ("train.txt", "eval.txt")]
    assert criteo.convert(source, None, out) == {
        "criteo_train": 40, "criteo_validation": 5, "criteo_test": 5}
    with open(source) as published, open(os.path.join(out, "criteo_test")) as written:
        assert published.readlines()[9::10] == written.readlines()
    assert criteo.convert(source, test, out) == {"criteo_train": 50, "criteo_test": 10}


@pytest.mark.skipif(not os.path.exists(REAL), reason="the real rows are not beside the project")
def test_real_lines(tmp_path: object) -> None:
    counts = criteo.convert(REAL, None, str(tmp_path))
    assert counts == {"criteo_train": 160, "criteo_validation": 20, "criteo_test": 20}

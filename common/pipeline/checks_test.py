import pytest

from common.errors import BadInput
from common.formats import chunks
from common.formats.chunks import Reject
from common.pipeline.checks import BadRows


def test_too_many_bad_rows_and_rows_counted_once() -> None:
    bad_rows = BadRows(2)
    reject = [Reject(row, "y", "2", "0 or 1") for row in (4, 1)]
    bad_rows.add(["f"], reject)
    bad_rows.add(["f"], reject)
    assert bad_rows.count == 2
    with pytest.raises(
            BadInput,
            match=r"f, row 8, column 'y': '2' is given.*; more than --max_bad_rows 2 rows"):
        bad_rows.add(["f"], [Reject(7, "y", "2", "0 or 1")])
    with pytest.raises(ValueError, match="max_bad_rows must be >= 0. Got: -1"):
        BadRows(-1)


def test_unknown_ids_are_counted_once_a_chunk() -> None:
    bad_rows = BadRows(0)
    for first_row, count in ((0, 3), (0, 3), (100, 2), (200, 0)):
        bad_rows.add_unknown(["f"], "item", first_row, count)
    bad_rows.add_unknown(["f"], "user", 0, 1)
    assert bad_rows.unknown_ids == {"item": 5, "user": 1}


def test_a_command_that_cannot_skip_rows_does_not_say_so() -> None:
    with pytest.raises(
            BadInput,
            match=r"f, row 4, column 'c': 'v' is given, expected w\. Mend or remove the row\.$"):
        BadRows(0, skippable=False).add(["f"], [Reject(3, "c", "v", "w")])


def test_a_row_is_named_by_its_file() -> None:
    bad_rows = BadRows(1)
    row = chunks.first_row_of(1) + 6
    bad_rows.add(["f", "g"], [Reject(row, "y", "2", "0 or 1")])
    assert bad_rows.rows(["f", "g"]) == {row} and bad_rows.rows(["g"]) == {6}
    with pytest.raises(BadInput, match="^g, row 9, column 'y'"):
        bad_rows.add(["f", "g"], [Reject(row + 2, "y", "2", "0 or 1")])

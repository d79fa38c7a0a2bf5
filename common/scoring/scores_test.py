import numpy as np
import pyarrow as pa
import pytest

from common.errors import BadInput
from common.formats.chunks import first_row_of
from common.scoring import scores
from common.scoring.scores import Scores


def batch(low: int, high: int) -> Scores:
    rows = np.arange(low, high)
    return Scores(rows, {"a": rows.astype(np.float32), "b": -rows.astype(np.float32)})


def test_batches_are_joined_to_few_tables() -> None:
    batches = [batch(low, low + 30000) for low in range(0, 150000, 30000)]
    joined = list(scores.joined(batches))
    assert [len(one.rows) for one in joined] == [90000, 60000]
    assert np.concatenate([one.by_task["b"] for one in joined]).tolist() == [
        -row for row in range(150000)]


def test_nothing_joined_is_nothing() -> None:
    assert list(scores.joined([])) == []


def test_tables_have_the_tasks_in_order_behind_what_is_kept() -> None:
    table = batch(0, 2).table(["b", "a"])
    assert table.column_names == ["p_b", "p_a"]
    assert set(table.schema.types) == {pa.float32()}
    kept = pa.table({"user": ["u", "v"]})
    assert scores.beside(kept, table).column_names == ["user", "p_b", "p_a"]


def test_a_probability_that_is_no_number_is_an_error() -> None:
    one = Scores(np.array([3, first_row_of(1) + 4]), {"a": np.array([0.5, np.nan], np.float32)})
    with pytest.raises(BadInput, match="y.csv, row 5: the probability of a is not a number"):
        scores.check_finite(one, ["x.csv", "y.csv"])
    scores.check_finite(batch(0, 3), ["x.csv"])

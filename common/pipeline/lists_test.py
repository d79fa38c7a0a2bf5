from typing import List, Sequence

import numpy as np
import pyarrow as pa
import pytest

from common.config.column_fields import KEYS
from common.pipeline import list_items, lists
from common.pipeline.features import Ragged
from common.pipeline.lists import Lists

ITEMS = ["a", "b", "b1", "", "an item of many bytes", "12345678"]


def random_lists(seed: int, size: int) -> List[List[str]]:
    rng = np.random.default_rng(seed)
    return [[
        ITEMS[i]
        for i in rng.integers(0, len(ITEMS), rng.integers(0, 5))
        for _ in range(rng.integers(1, 4))
    ]
            for _ in range(size)]


def as_text(rows: List[List[str]], keep_runs: bool) -> Lists:
    """Rows as joined text, each distinct one once; a list of one empty item is an empty text, so it
    has no items.
    """
    column = pa.array(["|".join(row).encode() for row in rows], pa.binary()).dictionary_encode()
    return list_items.from_text(column.dictionary, column.indices.to_numpy(), b"|", keep_runs)


def without_single_empties(rows: List[List[str]]) -> List[List[str]]:
    return [[] if row == [""] else row for row in rows]


def to_rows(ragged: Ragged) -> List[list]:
    return [
        ragged.values[low:high].tolist()
        for low, high in zip(ragged.row_splits[:-1], ragged.row_splits[1:])
    ]


def ids_of(found: Lists) -> np.ndarray:
    return np.array([ITEMS.index(name.decode()) for name in found.names.to_pylist()], np.int64)


@pytest.mark.parametrize("seed", range(10))
def test_sequences_keep_order_and_the_newest(seed: int) -> None:
    rows = random_lists(seed, 40)
    expected = without_single_empties(rows)
    found = as_text(rows, keep_runs=True)
    assert found.lengths.tolist() == [len(row) for row in expected]
    ids = ids_of(found)
    assert to_rows(lists.sequence(found,
                                  ids)) == [[ITEMS.index(item) for item in row] for row in expected]
    for newest in (1, 3, 100):
        got = to_rows(lists.sequence(found.newest(newest), ids))
        assert got == [[ITEMS.index(item) for item in row[-newest:]] for row in expected]


KEYED = [3, KEYS - 1, 2 ** 33, 7, KEYS - 2, 2 ** 33 + 1]


@pytest.mark.parametrize("keys", [range(len(ITEMS)), KEYED], ids=["plain", "keys"])
@pytest.mark.parametrize("seed", range(10))
def test_merged_lists_count_equal_ids(seed: int, keys: Sequence[int]) -> None:
    rows = random_lists(seed, 40)
    for found in (as_text(rows, keep_runs=False), as_text(rows, keep_runs=True)):
        assert found.lengths.tolist() == [len(row) for row in without_single_empties(rows)]
        ids = np.array(keys)[ids_of(found)]
        ids[ids == keys[ITEMS.index("")]] = -1
        merged = lists.merge(found, ids)
        weights = [merged.weights[low:high].tolist()
                   for low, high in zip(merged.row_splits[:-1], merged.row_splits[1:])]
        for row, got, counts in zip(rows, to_rows(merged), weights):
            expected = {
                key: float(row.count(item))
                for key, item in zip(keys, ITEMS)
                if item and item in row
            }
            assert dict(zip(got, counts)) == expected and got == sorted(got)


def test_lists_of_parquet_and_their_nulls() -> None:
    items = pa.array(["x", None, "y", "x"]).cast(pa.binary()).dictionary_encode()
    found = list_items.from_arrow(
        pa.ListArray.from_arrays(pa.array([0, 2, 2, 4], pa.int32()), items))
    assert found.lengths.tolist() == [2, 0, 2]
    names = found.names.to_pylist()
    assert [names[code] for code in found.codes] == [b"x", b"", b"y", b"x"]


@pytest.mark.parametrize("item", ["", None])
def test_a_list_of_one_empty_item_has_no_items(item: object) -> None:
    items = pa.array([item, "x", item, item, "y"], pa.string()).cast(
        pa.binary()).dictionary_encode()
    found = list_items.from_arrow(
        pa.ListArray.from_arrays(pa.array([0, 1, 1, 4, 5], pa.int32()), items))
    assert found.lengths.tolist() == [0, 0, 3, 1]
    names = found.names.to_pylist()
    assert [names[code] for code in found.codes] == [b"x", b"", b"", b"y"]


def test_means_leave_out_what_is_not_there() -> None:
    numbers = pa.ListArray.from_arrays(pa.array([0, 3, 3, 4], pa.int32()),
                                       pa.array([1.0, None, 4.0, None]))
    found = list_items.from_arrow(numbers)
    np.testing.assert_allclose(lists.mean(found, found.names.to_numpy(zero_copy_only=False), 7.0),
                               [2.5, 7.0, 7.0])


def test_no_rows_and_no_items() -> None:
    for rows in ([], [[]], [[], []]):
        found = as_text(rows, keep_runs=True)
        assert found.lengths.tolist() == [0] * len(rows)
        assert to_rows(lists.sequence(found, ids_of(found))) == [[] for _ in rows]
        assert to_rows(lists.merge(found, ids_of(found))) == [[] for _ in rows]

import numpy as np
import pyarrow as pa

from data import ragged

LENGTHS = np.array([2, 0, 3, 1])


def test_starts_owners_and_positions() -> None:
    assert ragged.starts(LENGTHS).tolist() == [0, 2, 2, 5]
    assert ragged.owners(LENGTHS).tolist() == [0, 0, 2, 2, 2, 3]
    assert ragged.positions(LENGTHS).tolist() == [0, 1, 0, 1, 2, 0]


def test_offsets_are_those_of_list_arrays() -> None:
    lists = [["a", "b"], [], ["c", "d", "e"], ["f"]]
    items = pa.array([item for row in lists for item in row])
    assert pa.ListArray.from_arrays(ragged.offsets(LENGTHS), items).to_pylist() == lists


def test_no_rows() -> None:
    nothing = np.zeros(0, np.int64)
    assert ragged.offsets(nothing).to_pylist() == [0]
    for function in (ragged.starts, ragged.owners, ragged.positions):
        assert not len(function(nothing))

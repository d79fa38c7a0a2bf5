from typing import Dict, List, Optional

import pyarrow as pa

from common.formats.list_padding import without_padding

Lists = List[List[Optional[int]]]


def shortened(**lists: Lists) -> Dict[str, Lists]:
    arrays = {name: pa.array(rows, pa.list_(pa.int64())) for name, rows in lists.items()}
    return {name: array.to_pylist() for name, array in without_padding(arrays).items()}


def test_places_at_which_all_lists_hold_nothing_are_left_out() -> None:
    assert shortened(
        a=[[1, 2, None], [None, 3, None], [None, None], []],
        b=[[4, None, None], [None, None, 5], [None, None], []],
    ) == dict(
        a=[[1, 2], [3, None], [], []],
        b=[[4, None], [None, 5], [], []],
    )


def test_rows_of_unequal_lists_stay_as_they_are() -> None:
    lists = dict(a=[[1, None], [None]], b=[[None], [None]])
    assert shortened(**lists) == dict(a=[[1, None], []], b=[[None], []])


def test_a_list_alone() -> None:
    assert shortened(a=[[None, 1], [2], [None]]) == dict(a=[[1], [2], []])
    assert shortened(a=[[1], [2]]) == dict(a=[[1], [2]])

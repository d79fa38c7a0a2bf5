"""Lists that were filled up with nulls to one length: the nulls are no items.

DuckDB's ARRAY, a column of NumPy's two-dimensional arrays or a tensor have one length in all rows.
"""

from typing import Dict

import numpy as np
import pyarrow as pa
from numpy import ndarray

from common.formats.splits import ranges, splits_of


def without_padding(lists: Dict[str, pa.ListArray]) -> Dict[str, pa.ListArray]:
    """Lists of rows [N] without the places at which all of them have a null.

    Such a place holds nothing at all. Where one of the lists has an item there, a null in the
    others is an item that is missing. Rows whose lists differ in length stay as they are.

    Args:
      lists: columns of lists whose offsets begin at 0, in which order counts and which belong
        together, place by place.
    """
    arrays = list(lists.values())
    if not all(array.values.null_count for array in arrays):
        return lists
    all_splits = [array.offsets.to_numpy().astype(np.int64) for array in arrays]
    lengths = [np.diff(splits) for splits in all_splits]
    is_even = np.all([length == lengths[0] for length in lengths], axis=0)
    places = [_places(splits, is_even) for splits in all_splits]
    nulls = [_is_null(array)[chosen] for array, chosen in zip(arrays, places)]
    is_padding = np.all(nulls, axis=0)
    shortened = [
        _without(array, splits, chosen[is_padding])
        for array, splits, chosen in zip(arrays, all_splits, places)
    ]
    return dict(zip(lists, shortened))


def _places(splits: ndarray, is_even: ndarray) -> ndarray:
    """The positions of the items of some rows, one row after another."""
    starts = splits[:-1][is_even]
    lengths = np.diff(splits)[is_even]
    positions, _ = ranges(starts, lengths)
    return positions


def _is_null(array: pa.ListArray) -> ndarray:
    return np.array(array.values.is_null(), bool)


def _without(array: pa.ListArray, splits: ndarray, positions: ndarray) -> pa.ListArray:
    """Lists without the items at some positions."""
    keep = np.ones(len(array.values), bool)
    keep[positions] = False
    new_splits = splits_of(keep)[splits].astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(new_splits), array.values.filter(pa.array(keep)))

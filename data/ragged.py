"""Lists of N rows as one array: the items of all rows, row after row, and how many each row has."""

import numpy as np
import pyarrow as pa


def starts(lengths: np.ndarray) -> np.ndarray:
    """The index of each row's first item, int [N], from the lengths of the rows' lists, int [N]."""
    ends = np.cumsum(lengths)
    return ends - lengths


def offsets(lengths: np.ndarray) -> pa.Array:
    """The index of each row's first item and the end of the last: int32 [N + 1], for pyarrow."""
    size = len(lengths) + 1
    ends = np.cumsum(lengths)
    bounds = np.zeros(size, np.int32)
    bounds[1:] = ends
    return pa.array(bounds)


def owners(lengths: np.ndarray) -> np.ndarray:
    """The row of each item, int [V] with V the sum of the lengths."""
    rows = np.arange(len(lengths))
    return np.repeat(rows, lengths)


def positions(lengths: np.ndarray) -> np.ndarray:
    """The position of each item in its row's list, from 0: int [V]."""
    first_of_row = starts(lengths)
    first = np.repeat(first_of_row, lengths)
    index = np.arange(len(first))
    return index - first

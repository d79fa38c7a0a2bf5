"""Lists that belong together and have as many items as one another, in each row."""

import collections
from typing import Iterator, List, Sequence, Tuple

import numpy as np
from numpy import ndarray

from common.config.column import Column
from common.counts import counted

Unusual = Tuple[int, Column, str]


def unusual(columns: Sequence[Column], lengths: Sequence[ndarray]) -> Iterator[Unusual]:
    """The rows in which lists differ in length: the row, a list not as long as most, what is usual.

    Where the longest list has one item, an empty list in which order does not count holds one
    missing item.

    Args:
      columns: the lists that are aligned.
      lengths: how many items each has, int [N] each.
    """
    if _are_equal(lengths):
        return
    table = np.stack(lengths, 1)  # [N, lists]
    at_most_one = table.max(1) == 1
    is_unordered = [not column.newest for column in columns]
    table[np.ix_(at_most_one, is_unordered)] = 1
    for row in np.flatnonzero(table.min(1) != table.max(1)):
        for place, expected in _unusual_lists(columns, table[row].tolist()):
            yield row, columns[place], expected


def _unusual_lists(columns: Sequence[Column], lengths: List[int]) -> Iterator[Tuple[int, str]]:
    """The lists of a row that are not as long as most, and how long those are."""
    (usual, _), = collections.Counter(lengths).most_common(1)
    example = columns[lengths.index(usual)]
    for place, length in enumerate(lengths):
        if length != usual:
            yield place, "{} as in column {!r}, not {}".format(
                counted(usual, "item"), example.name, length)


def _are_equal(arrays: Sequence[ndarray]) -> bool:
    for first, second in zip(arrays, arrays[1:]):
        if not np.array_equal(first, second):
            return False
    return True

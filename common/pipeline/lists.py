"""Columns of lists that are not decoded yet, and their reduction to ids or means for each row.

A chunk repeats many of its lists, so each distinct list is split and decoded once and rows refer to
it. common.pipeline.list_items makes them of what a file holds.
"""

from typing import NamedTuple, Optional

import numpy as np
import pyarrow as pa
from numpy import ndarray

from common.formats import native_columns as compiled
from common.formats.splits import contiguous, ranges, splits_of
from common.pipeline.features import Ragged


class Lists(NamedTuple):
    """Lists of values that are not decoded yet.

    Attributes:
      names: the distinct items, binary or a number type [D].
      codes: the items' indices into names, int [R]; a run of equal items may stand as one.
      runs: how many equal items each code stands for, int64 [R]; None if each stands for one.
      row_splits: list i holds codes[row_splits[i]:row_splits[i + 1]], int64 [L + 1].
      list_of_row: int [N]; None if row i has list i.
    """

    names: pa.Array
    codes: ndarray
    runs: Optional[ndarray]
    row_splits: ndarray
    list_of_row: Optional[ndarray]

    @property
    def size(self) -> int:
        """The number of lists L."""
        return len(self.row_splits) - 1

    @property
    def owners(self) -> ndarray:
        """The list that each code belongs to, ascending, int64 [R]."""
        num_codes = np.diff(self.row_splits)
        numbers = np.arange(self.size)
        return np.repeat(numbers, num_codes)

    @property
    def lengths(self) -> ndarray:
        """The number of items in each row, empty ones counted, int64 [N]."""
        ends = self.row_splits
        if self.runs is not None:
            items_before = splits_of(self.runs)
            ends = items_before[ends]
        lengths = np.diff(ends)
        return self.by_row(lengths)

    def occurrences(self) -> ndarray:
        """How often each name occurs in all rows together, int64 [D]."""
        counts = np.ones(len(self.codes)) if self.runs is None else self.runs
        if self.list_of_row is not None:
            num_rows = np.bincount(self.list_of_row, minlength=self.size)
            counts = counts * num_rows[self.owners]
        return np.bincount(self.codes, counts, len(self.names)).astype(np.int64)

    def by_row(self, values: ndarray) -> ndarray:
        """One value for each list [L] as one for each row [N]."""
        if self.list_of_row is None:
            return values
        return values[self.list_of_row]

    def newest(self, count: int) -> "Lists":
        """The last `count` items of each list; for lists in which no run was shortened."""
        firsts = self.row_splits[:-1]
        ends = self.row_splits[1:]
        if (ends - firsts <= count).all():
            return self
        starts = np.maximum(firsts, ends - count)
        lengths = ends - starts
        items, row_splits = ranges(starts, lengths)
        return self._replace(
            codes=self.codes[items],
            runs=self.runs_of(items),
            row_splits=row_splits,
        )

    def runs_of(self, chosen: ndarray) -> Optional[ndarray]:
        """The runs of some codes, which are chosen as NumPy indexes arrays."""
        if self.runs is None:
            return None
        return self.runs[chosen]


def merge(lists: Lists, ids: ndarray) -> Ragged:
    """Merges the equal ids of each list, then rows gather their lists.

    Args:
      ids: the id of each name, int32 or int64 [D]; -1 for names that are left out.
    """
    reduce = _merge_natively if _is_for_native(lists) else _merge_by_numpy
    merged = reduce(lists, ids)
    return _to_rows(merged, lists)


def _is_for_native(lists: Lists) -> bool:
    has_library = compiled.library() is not None
    return has_library and lists.runs is None


def _merge_natively(lists: Lists, ids: ndarray) -> Ragged:
    codes = contiguous(lists.codes, np.int32)
    splits = contiguous(lists.row_splits, np.int64)
    plain_ids = contiguous(ids)
    fields = compiled.merge(codes, splits, plain_ids)
    values, row_splits, weights = fields
    return Ragged(values, row_splits, weights)


def _merge_by_numpy(lists: Lists, ids: ndarray) -> Ragged:
    # A list and an id are sorted as one number, in which the id's place among the distinct ones
    # stands for it: keys of 63 bits would leave no room for the list.
    distinct, places = np.unique(ids, return_inverse=True)
    size = max(len(distinct), 1)
    keep = ids[lists.codes] >= 0
    codes = lists.codes[keep]
    owners = lists.owners[keep]
    pairs = owners * size + places[codes]
    unique, inverse = np.unique(pairs, return_inverse=True)
    runs = lists.runs_of(keep)
    counts = np.bincount(inverse, runs, len(unique))
    numbers = np.arange(lists.size + 1)
    first_pairs = numbers * size
    row_splits = np.searchsorted(unique, first_pairs)
    values = unique % size
    return Ragged(
        values=distinct[values],
        row_splits=row_splits.astype(np.int64),
        weights=counts.astype(np.float32),
    )


def _to_rows(ragged: Ragged, lists: Lists) -> Ragged:
    if lists.list_of_row is None:
        return ragged
    return ragged.take(lists.list_of_row)


def sequence(lists: Lists, ids: ndarray) -> Ragged:
    """The ids of each list in their order, then rows gather their lists.

    Args:
      ids: the id of each name [D].
    """
    values = ids[lists.codes]
    weights = np.ones(len(values), np.float32)
    ragged = Ragged(values, lists.row_splits, weights)
    return _to_rows(ragged, lists)


def mean(lists: Lists, numbers: ndarray, default: float) -> ndarray:
    """The mean of each row's numbers, NaN left out, float64 [N]; default for a row without one.

    Args:
      numbers: the number of each name, float64 [D].
    """
    reduce = _means_natively if _is_for_native(lists) else _means_by_numpy
    means = reduce(lists, numbers, default)
    return lists.by_row(means)


def _means_natively(lists: Lists, numbers: ndarray, default: float) -> ndarray:
    codes = contiguous(lists.codes, np.int32)
    splits = contiguous(lists.row_splits, np.int64)
    plain_numbers = contiguous(numbers, np.float64)
    return compiled.means(codes, splits, plain_numbers, default)


def _means_by_numpy(lists: Lists, numbers: ndarray, default: float) -> ndarray:
    values = numbers[lists.codes]
    keep = ~np.isnan(values)
    owners = lists.owners[keep]
    totals = values[keep]
    runs = lists.runs_of(keep)
    if runs is not None:
        totals = totals * runs
    counts = np.bincount(owners, runs, lists.size)
    sums = np.bincount(owners, totals, lists.size)
    means = sums / np.maximum(counts, 1)
    return np.where(counts > 0, means, default)

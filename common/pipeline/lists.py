"""Columns of lists: text that is split at a separator, or lists as Parquet holds them, to one form.

A chunk repeats many of its lists, so each distinct list is split and decoded once and rows refer to it.
"""

from typing import NamedTuple, Optional, Tuple

import numpy as np
import pyarrow as pa
import pyarrow.compute

from common.pipeline import native_columns as compiled
from common.pipeline.string_views import split_at, without_last

_LOW_BYTES = np.array([(1 << 8 * size) - 1 for size in range(9)], np.uint64)


class Ragged(NamedTuple):
    """Lists of ids, one a row.

    Attributes:
      values: ids, int32 [V]; of a keyed column, int64.
      row_splits: row i holds values[row_splits[i]:row_splits[i + 1]], int64 [N + 1].
      weights: how often each id stood in its row, float32 [V]; lists in which order does not count hold an id once.
    """

    values: np.ndarray
    row_splits: np.ndarray
    weights: np.ndarray

    def take(self, rows: np.ndarray) -> "Ragged":
        """The lists of the given rows, in their order."""
        if compiled.library() is not None:
            row_splits, values, weights = compiled.gather(
                _plain(self.row_splits, np.int64), _plain(rows, np.int64), _plain(self.values), _plain(self.weights))
            return Ragged(values, row_splits, weights)
        index, row_splits = _gather(self.row_splits, rows)
        return Ragged(self.values[index], row_splits, self.weights[index])


class Lists(NamedTuple):
    """Lists of values that are not decoded yet.

    Attributes:
      names: the distinct items, binary or a number type [D].
      codes: the items' indices into names, int [R]; a run of equal items may stand as one.
      runs: how many equal items each stands for, int64 [R]; None if each stands for one.
      row_splits: list i holds codes[row_splits[i]:row_splits[i + 1]], int64 [L + 1].
      index: the list of each row, int [N]; None if row i has list i.
    """

    names: pa.Array
    codes: np.ndarray
    runs: Optional[np.ndarray]
    row_splits: np.ndarray
    index: np.ndarray

    @property
    def owners(self) -> np.ndarray:
        """The list that each item stands in, ascending, int64 [R]."""
        return np.repeat(np.arange(len(self.row_splits) - 1), np.diff(self.row_splits))

    @property
    def lengths(self) -> np.ndarray:
        """The number of items in each row, empty ones counted, int64 [N]."""
        ends = self.row_splits
        if self.runs is not None:
            ends = np.concatenate([[0], np.cumsum(self.runs)])[self.row_splits]
        return self.by_row(np.diff(ends))

    def by_row(self, values: np.ndarray) -> np.ndarray:
        """The values [L] that belong to the lists, of each row's list [N]."""
        return values if self.index is None else values[self.index]

    def newest(self, count: int) -> "Lists":
        """The last `count` items of each list; for lists whose runs were not shortened."""
        starts = np.maximum(self.row_splits[:-1], self.row_splits[1:] - count)
        index, row_splits = _ranges(starts, self.row_splits[1:] - starts)
        runs = None if self.runs is None else self.runs[index]
        return self._replace(codes=self.codes[index], runs=runs, row_splits=row_splits)


def _plain(array: np.ndarray, dtype: Optional[type] = None) -> np.ndarray:
    """The array as C++ takes it: contiguous, and of a type."""
    return np.ascontiguousarray(array, dtype)


def _ranges(starts: np.ndarray, lengths: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """The numbers starts[i], starts[i] + 1, ... of all ranges one after another, and where each range begins."""
    row_splits = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return np.arange(row_splits[-1]) + np.repeat(starts - row_splits[:-1], lengths), row_splits


def _gather(row_splits: np.ndarray, rows: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """The positions of the items of some rows, and their own row splits."""
    return _ranges(row_splits[:-1][rows], np.diff(row_splits)[rows])


def of_text(values: pa.BinaryArray, index: np.ndarray, separator: bytes, keep_runs: bool) -> Lists:
    """Splits distinct texts [L] at the separator, of one byte; an empty text is a list without items.

    Args:
      index: the text of each row, int [N].
      keep_runs: keep each item of a run of equal ones, for lists in which order counts.
    """
    joined = pa.compute.binary_join(pa.ListArray.from_arrays(pa.array([0, len(values)], pa.int32()), values), separator)
    data = (joined[0].as_py() if len(values) else b"") + separator
    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == separator[0])
    starts = np.concatenate([[0], ends[:-1] + 1])
    sizes = pa.compute.binary_length(values).to_numpy().astype(np.int64)
    last = np.searchsorted(ends, np.cumsum(sizes + 1) - 1)  # index of each text's last item
    first = np.concatenate([[0], last[:-1] + 1]).astype(np.int64)[:len(last)]
    is_head = np.ones(len(ends), bool) if keep_runs else _differs_from_previous(data, starts, ends - starts)
    is_head[first] = True
    runs = np.diff(np.append(np.flatnonzero(is_head), len(ends)))
    is_item = np.full(len(ends), len(values) > 0)
    is_item[first[sizes == 0]] = False
    kept = np.flatnonzero(is_head & is_item)
    items = split_at(data, ends).take(pa.array(kept)).dictionary_encode()
    return Lists(without_last(items.dictionary), items.indices.to_numpy(), runs[is_item[is_head]],
                 np.concatenate([[0], np.searchsorted(kept, last, side="right")]).astype(np.int64), index)


def of_list_array(array: pa.ListArray) -> Lists:
    """Lists as common.pipeline.parquet_file reads them; null strings become empty ones.

    A list of one empty or null item has no items, as in text, where it cannot be told from an empty one.
    """
    row_splits, items = array.offsets.to_numpy().astype(np.int64), array.values
    if pa.types.is_dictionary(items.type):
        codes = (items.indices.fill_null(len(items.dictionary)) if items.indices.null_count else
                 items.indices).to_numpy()
        names = pa.concat_arrays([items.dictionary, pa.array([b""], pa.binary())])
        empty = np.array(pa.compute.equal(pa.compute.binary_length(names), 0), bool)
    else:
        codes, names = np.arange(len(items), dtype=np.int32), items.cast(pa.float64(), safe=False)
        empty = np.array(names.is_null(), bool)
    alone = row_splits[:-1][np.diff(row_splits) == 1]
    if empty[codes[alone]].any():
        kept = np.ones(len(codes), bool)
        kept[alone] = ~empty[codes[alone]]
        codes, row_splits = codes[kept], np.concatenate([[0], np.cumsum(kept)])[row_splits]
    return Lists(names, codes, None, row_splits, None)


def _differs_from_previous(data: bytes, starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Whether each item differs from the one before it, bool [V]; items of over 8 bytes are taken to differ."""
    words = np.ndarray([len(data)], "<u8", data + b"\0" * 8, strides=(1,))[starts]
    words &= _LOW_BYTES[np.minimum(lengths, 8)]
    same = (words[1:] == words[:-1]) & (lengths[1:] == lengths[:-1]) & (lengths[1:] <= 8)
    return np.concatenate([[True], ~same])


def merge(lists: Lists, ids: np.ndarray) -> Ragged:
    """Merges the equal ids of each list, then rows gather their lists.

    Args:
      ids: the id of each name, int32 or int64 [D]; -1 for names that are left out.
    """
    if compiled.library() is not None and lists.runs is None:
        values, row_splits, weights = compiled.merge(
            _plain(lists.codes, np.int32), _plain(lists.row_splits, np.int64), _plain(ids))
        return _of_rows(Ragged(values, row_splits, weights), lists)
    distinct, places = np.unique(ids, return_inverse=True)
    kept, size = ids[lists.codes] >= 0, max(len(distinct), 1)
    # Places among the ids, in whose stead keys of 63 bits would leave no room for the list's number.
    unique, inverse = np.unique(lists.owners[kept] * size + places[lists.codes[kept]], return_inverse=True)
    runs = None if lists.runs is None else lists.runs[kept]
    weights = np.bincount(inverse, weights=runs, minlength=len(unique)).astype(np.float32)
    row_splits = np.searchsorted(unique, np.arange(len(lists.row_splits)) * size)
    return _of_rows(Ragged(distinct[unique % size], row_splits.astype(np.int64), weights), lists)


def _of_rows(ragged: Ragged, lists: Lists) -> Ragged:
    return ragged if lists.index is None else ragged.take(lists.index)


def sequence(lists: Lists, ids: np.ndarray) -> Ragged:
    """The ids of each list in their order, then rows gather their lists; ids [D] is the id of each name."""
    values = ids[lists.codes]
    return _of_rows(Ragged(values, lists.row_splits, np.ones(len(values), np.float32)), lists)


def mean(lists: Lists, numbers: np.ndarray, default: float) -> np.ndarray:
    """The mean of each row's numbers, NaN left out, float64 [N]; default for a row without one.

    Args:
      numbers: the number of each name, float64 [D].
    """
    if compiled.library() is not None and lists.runs is None:
        return lists.by_row(compiled.means(_plain(lists.codes, np.int32), _plain(lists.row_splits, np.int64),
                                           _plain(numbers, np.float64), default))
    values = numbers[lists.codes]
    kept = ~np.isnan(values)
    owners, size = lists.owners[kept], len(lists.row_splits) - 1
    runs = np.ones(len(owners)) if lists.runs is None else lists.runs[kept]
    counts = np.bincount(owners, weights=runs, minlength=size)
    sums = np.bincount(owners, weights=values[kept] * runs, minlength=size)
    return lists.by_row(np.where(counts > 0, sums / np.maximum(counts, 1), default))

"""What rows decode into: blocks of ids, numbers and labels, and the names of a list's features."""

from typing import Iterator, List, NamedTuple, Sequence, Tuple

import numpy as np
from numpy import ndarray

from common.formats import native_columns as compiled
from common.formats.splits import contiguous, ranges


class Ragged(NamedTuple):
    """Lists of ids, one a row.

    Attributes:
      values: ids, int32 [V]; of a keyed column, int64.
      row_splits: row i holds values[row_splits[i]:row_splits[i + 1]], int64 [N + 1].
      weights: how often each id occurs in its row, float32 [V]; lists in which order does not count
        hold an id once.
    """

    values: ndarray
    row_splits: ndarray
    weights: ndarray

    def take(self, rows: ndarray) -> "Ragged":
        """The lists of some rows (indices, int [M]), in their order."""
        if compiled.library() is None:
            return self._take_by_numpy(rows)
        splits = contiguous(self.row_splits, np.int64)
        chosen = contiguous(rows, np.int64)
        values = contiguous(self.values)
        weights = contiguous(self.weights)
        fields = compiled.gather(splits, chosen, values, weights)
        row_splits, values, weights = fields
        return Ragged(values, row_splits, weights)

    def _take_by_numpy(self, rows: ndarray) -> "Ragged":
        all_starts = self.row_splits[:-1]
        all_lengths = np.diff(self.row_splits)
        starts = all_starts[rows]
        lengths = all_lengths[rows]
        items, row_splits = ranges(starts, lengths)
        values = self.values[items]
        weights = self.weights[items]
        return Ragged(values, row_splits, weights)


class Block(NamedTuple):
    """Decoded rows.

    Attributes:
      rows: the rows' numbers in their file from 0, int64 [N].
      labels: float32 [N, K], in the order of Schema.targets, weights among them.
      users: the fingerprint of each row's user, int64 [N]; zeros where rows are of no user.
      ids: Schema.id_type (int32, with keys int64) [N, C], in the order of Schema.scalars.
      numbers: float32 [N, M], in the order of Schema.numbers.
      lists: one Ragged of N rows for each of Schema.lists.

    The arrays of several columns lie in memory column by column.
    """

    rows: ndarray
    labels: ndarray
    users: ndarray
    ids: ndarray
    numbers: ndarray
    lists: Tuple[Ragged, ...]

    @property
    def dense(self) -> Tuple[ndarray, ...]:
        """All fields but the lists."""
        return self[:5]

    @property
    def num_bytes(self) -> int:
        """The memory that its arrays take."""
        arrays = [*self.dense, *(array for ragged in self.lists for array in ragged)]
        return sum(array.nbytes for array in arrays)

    def take(self, rows: ndarray) -> "Block":
        """Some rows (indices into this block, int [M]), in their order."""
        dense = [_take(array, rows) for array in self.dense]
        lists = [ragged.take(rows) for ragged in self.lists]
        return make_block(dense, lists)


def make_block(dense: Sequence[ndarray], lists: Sequence[Ragged]) -> Block:
    """A block of the fields before its lists, and of its lists; tensors or arrays."""
    rows, labels, users, ids, numbers = dense
    return Block(
        rows=rows,
        labels=labels,
        users=users,
        ids=ids,
        numbers=numbers,
        lists=tuple(lists),
    )


def feature_names(column: str) -> Ragged:
    """The names that a list column's three tensors have among a model's features."""
    names = [column + "." + field for field in Ragged._fields]
    return Ragged(*names)


def lengths_name(column: str) -> str:
    """The name that the lengths of a padded list have among a model's features."""
    return column + ".lengths"


def concat(blocks: List[Block]) -> Block:
    """The rows of several blocks, one after another; the list is empty then.

    A column's parts are let go once they are joined, as windows of wide rows fill much memory.
    """
    if len(blocks) == 1:
        return blocks.pop()
    dense = [list(parts) for parts in zip(*[block.dense for block in blocks])]
    lists = [list(parts) for parts in zip(*[block.lists for block in blocks])]
    blocks.clear()
    joined_fields = [_concat_dense(dense.pop(0)) for _ in range(len(dense))]
    joined_lists = [_concat_lists(lists.pop(0)) for _ in range(len(lists))]
    return make_block(joined_fields, joined_lists)


def slices(block: Block, order: ndarray, step: int) -> Iterator[Block]:
    """Some rows of a block (indices, int [M]) in their order, `step` at a time."""
    dense = [_take(array, order) for array in block.dense]
    for low in range(0, len(order), step):
        high = low + step
        rows = order[low:high]
        fields = [array[low:high] for array in dense]
        lists = [ragged.take(rows) for ragged in block.lists]
        yield make_block(fields, lists)


def _take(array: ndarray, rows: ndarray) -> ndarray:
    """Some rows of an array [N] or [N, C]."""
    if array.ndim == 1:
        return array.take(rows)
    num_columns = array.shape[1]
    shape = [num_columns, len(rows)]
    out = np.empty(shape, array.dtype)
    for column, values in zip(out, array.T):
        np.take(values, rows, out=column, mode="clip")  # the other modes copy once more
    return out.T


def _concat_dense(parts: Sequence[ndarray]) -> ndarray:
    """Arrays [N] or [N, C], one after another, with each column in one piece of memory."""
    columns = [part.T for part in parts]
    joined = np.concatenate(columns, -1)
    return joined.T


def _concat_lists(parts: Sequence[Ragged]) -> Ragged:
    first = np.zeros(1, np.int64)
    splits = [first]
    num_values = 0
    for part in parts:
        ends = part.row_splits[1:]
        splits.append(ends + num_values)
        num_values += part.row_splits[-1]
    values = [part.values for part in parts]
    weights = [part.weights for part in parts]
    row_splits = np.concatenate(splits)
    return Ragged(
        values=np.concatenate(values),
        row_splits=row_splits.astype(np.int64),
        weights=np.concatenate(weights),
    )

"""Columns of strings to embedding ids: each dictionary is checked and hashed once, rows gather from it.

The hash is TensorFlow's own Fingerprint64, the one behind tf.strings.to_hash_bucket_fast, so that ids are the same
whichever path reads a file.
"""

import re
from typing import Callable, List, NamedTuple, Optional, Sequence, Set, Tuple

import numpy as np
import pyarrow as pa
import pyarrow.compute
import tensorflow.compat.v1 as tf

from common.reader import BadInput, Columns, Reject, split_at, without_last
from common.schema import Column, Schema

_SEPARATOR = b"\x00"
_LOW_BYTES = np.array([(1 << 8 * size) - 1 for size in range(9)], np.uint64)
_INTEGER = re.compile(rb"\s*-?[0-9]{1,18}\s*")


class Ragged(NamedTuple):
    """Lists of ids, one a row, equal ids of a row merged.

    Attributes:
      values: ids, int32 [V].
      row_splits: row i holds values[row_splits[i]:row_splits[i + 1]], int64 [N + 1].
      weights: how often each id stood in its row, float32 [V].
    """

    values: np.ndarray
    row_splits: np.ndarray
    weights: np.ndarray

    def take(self, rows: np.ndarray) -> "Ragged":
        """The lists of the given rows, in their order."""
        lengths = np.diff(self.row_splits)[rows]
        row_splits = np.concatenate([[0], np.cumsum(lengths)])
        shift = np.repeat(self.row_splits[:-1][rows] - row_splits[:-1], lengths)
        index = np.arange(row_splits[-1]) + shift
        return Ragged(self.values[index], row_splits, self.weights[index])


def feature_names(column: str) -> Ragged:
    """The names under which a list column's three tensors stand among a model's features."""
    return Ragged(*["{}.{}".format(column, field) for field in Ragged._fields])


class Block(NamedTuple):
    """Decoded rows.

    Attributes:
      rows: the rows' numbers in their file from 0, int64 [N].
      labels: float32 [N, K], in the order of Schema.labels.
      users: the fingerprint of each row's user, int64 [N].
      ids: int32 [N, C], in the order of Schema.scalars.
      lists: one Ragged of N rows for each of Schema.lists.
    """

    rows: np.ndarray
    labels: np.ndarray
    users: np.ndarray
    ids: np.ndarray
    lists: Tuple[Ragged, ...]

    def take(self, rows: np.ndarray) -> "Block":
        """The given rows (indices into this block, int [M]), in their order."""
        return Block(self.rows[rows], self.labels[rows], self.users[rows], self.ids[rows],
                     tuple(ragged.take(rows) for ragged in self.lists))


def concat(blocks: Sequence[Block]) -> Block:
    """The rows of several blocks, one after another."""
    if len(blocks) == 1:
        return blocks[0]
    lists = []
    for parts in zip(*[block.lists for block in blocks]):
        starts = np.cumsum([0] + [part.row_splits[-1] for part in parts])
        splits = [[0]] + [part.row_splits[1:] + start for part, start in zip(parts, starts)]
        lists.append(Ragged(np.concatenate([part.values for part in parts]), np.concatenate(splits).astype(np.int64),
                            np.concatenate([part.weights for part in parts])))
    dense = [np.concatenate(parts) for parts in zip(*[block[:4] for block in blocks])]
    return Block(*dense, lists=tuple(lists))  # type: ignore[misc]


class BadRows:
    """Counts the rows that cannot be read, up to a limit.

    A row counts once, however often it is read.

    Attributes:
      limit: how many rows may be skipped.
      error: the BadInput that ended reading, if one did; input pipelines lose the exception's type on the way.
    """

    def __init__(self, limit: int) -> None:
        if limit < 0:
            raise ValueError("max_bad_rows must be >= 0. Got: {}.".format(limit))
        self.limit = limit
        self.error: Optional[BadInput] = None
        self._seen: Set[Tuple[str, int]] = set()

    @property
    def count(self) -> int:
        """How many rows were skipped so far."""
        return len(self._seen)

    def rows(self, path: str) -> Set[int]:
        """The numbers (from 0) of a file's rows that were skipped so far."""
        return {row for seen, row in self._seen if seen == path}

    def add(self, path: str, rejects: Sequence[Reject]) -> None:
        """Skips rows of a file.

        Raises:
          BadInput: there are more of them than the limit allows.
        """
        for reject in sorted(rejects):
            self._seen.add((path, reject.row))
            if self.count > self.limit:
                raise BadInput("{}, row {}{}: {!r} is given, expected {}. Mend or remove the row{}.".format(
                    path, reject.row + 1, reject.column and ", column {!r}".format(reject.column), reject.value,
                    reject.expected, ", or skip up to N such rows with --max_bad_rows N" if not self.limit else
                    "; more than --max_bad_rows {} rows cannot be read".format(self.limit)))


def make_fingerprint() -> Callable[[pa.Array], np.ndarray]:
    """Returns a function: binary strings [N] -> TensorFlow's Fingerprint64 of each, uint64 [N].

    The strings cross into TensorFlow as one, which is cheaper than a Python object for each.
    """
    with tf.Graph().as_default() as graph:
        blob = tf.placeholder(tf.string, [])
        strings = tf.strings.split([blob], sep=tf.constant(_SEPARATOR)).values
        fingerprints = tf.bitcast(tf.fingerprint(strings, "farmhash64"), tf.uint64)
        session = tf.Session(graph=graph, config=tf.ConfigProto(
            intra_op_parallelism_threads=1, inter_op_parallelism_threads=1))

    def fingerprint(values: pa.Array) -> np.ndarray:
        if not len(values):
            return np.zeros([0], np.uint64)
        ends = pa.array([0, len(values)], pa.int32())
        joined = pa.compute.binary_join(pa.ListArray.from_arrays(ends, values), _SEPARATOR)[0].as_py()
        result = session.run(fingerprints, {blob: joined})
        if len(result) != len(values):  # a value holds the separator
            result = session.run(fingerprints, {strings: values.to_pylist()})
        return result

    return fingerprint


def encode(path: str, columns: Columns, schema: Schema, fingerprint: Callable[[pa.Array], np.ndarray],
           bad_rows: BadRows) -> Block:
    """Checks and decodes one chunk; rows that cannot be used go to bad_rows and are left out.

    Raises:
      BadInput: more rows than bad_rows allows cannot be used.
    """
    rejects = list(columns.rejects)
    arrays = columns.arrays
    labels = [_integers(arrays[c.name], c, columns.rows, rejects) for c in schema.labels]
    ids, users = [], None
    for column in schema.scalars:
        if column.kind == "identity":
            ids.append(_integers(arrays[column.name], column, columns.rows, rejects))
            continue
        values, index = _dictionary(arrays[column.name], column, columns.rows, rejects)
        hashes = fingerprint(values)
        ids.append((hashes % np.uint64(column.buckets)).astype(np.int32)[index])
        if column.name == schema.user_column:
            users = hashes.view(np.int64)[index]
    lists = tuple(_ragged(arrays[c.name], c, columns.rows, rejects, fingerprint) for c in schema.lists)
    block = Block(columns.rows, np.stack(labels, 1).astype(np.float32), users,
                  np.stack(ids, 1).astype(np.int32), lists)
    if not rejects:
        return block
    bad_rows.add(path, rejects)
    return block.take(np.flatnonzero(~np.isin(block.rows, [reject.row for reject in rejects])))


def read_labels(path: str, columns: Columns, schema: Schema, bad_rows: BadRows) -> np.ndarray:
    """Decodes the labels of one chunk alone, float32 [N, K], checked as encode checks them."""
    rejects = list(columns.rejects)
    labels = [_integers(columns.arrays[c.name], c, columns.rows, rejects) for c in schema.labels]
    bad_rows.add(path, rejects)
    good = ~np.isin(columns.rows, [reject.row for reject in rejects])
    return np.stack(labels, 1)[good].astype(np.float32)


def _integers(array: pa.Array, column: Column, rows: np.ndarray, rejects: List[Reject]) -> np.ndarray:
    """A label or identity column as int32 [N]; values out of range become rejects and 0."""
    limit, expected = column.buckets, "a whole number from 0 to {}".format(column.buckets - 1)
    if column.kind == "label":
        limit, expected = 2, "0 or 1"
    if pa.types.is_dictionary(array.type):
        values, index = _with_missing(array, b"" if column.kind == "label" else column.default.encode())
        texts = [text or (b"" if column.kind == "label" else column.default.encode()) for text in values.to_pylist()]
        numbers = np.array([int(text) if _INTEGER.fullmatch(text) else -1 for text in texts] or [-1], np.int64)[index]
    else:
        numbers = array.fill_null(-1 if column.kind == "label" else int(column.default)).cast(pa.int64()).to_numpy()
    bad = (numbers < 0) | (numbers >= limit)
    for at in np.flatnonzero(bad):
        value = array[int(at)].as_py()
        if isinstance(value, bytes):
            value = value.decode("utf-8", "backslashreplace")
        rejects.append(Reject(int(rows[at]), column.name, "" if value is None else str(value), expected))
    return np.where(bad, 0, numbers).astype(np.int32)


def _with_missing(array: pa.DictionaryArray, missing: bytes) -> Tuple[pa.Array, np.ndarray]:
    """The dictionary's values and each row's index into them; nulls index an added last value."""
    values, indices = array.dictionary, array.indices
    if indices.null_count:
        indices = indices.fill_null(len(values))
        values = pa.concat_arrays([values, pa.array([missing], pa.binary())])
    return values, indices.to_numpy()


def _dictionary(array: pa.DictionaryArray, column: Column, rows: np.ndarray,
                rejects: List[Reject]) -> Tuple[pa.Array, np.ndarray]:
    """A string column's distinct values, missing ones replaced, and each row's index into them."""
    missing = column.default.encode()
    values, index = _with_missing(array, missing)
    empty = pa.compute.equal(pa.compute.binary_length(values), 0)
    values = pa.compute.if_else(empty, pa.scalar(missing, pa.binary()), values)
    try:
        values.cast(pa.string())
    except pa.ArrowInvalid:
        bad = np.array([not _is_utf8(value) for value in values.to_pylist()])
        for at in np.flatnonzero(bad[index]):
            rejects.append(Reject(int(rows[at]), column.name, repr(values[int(index[at])].as_py())[2:-1], "UTF-8 text"))
    return values, index


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _ragged(array: pa.DictionaryArray, column: Column, rows: np.ndarray, rejects: List[Reject],
            fingerprint: Callable[[pa.Array], np.ndarray]) -> Ragged:
    """A column of lists in strings: each distinct list is split, hashed and merged once, then rows gather it."""
    values, index = _dictionary(array, column, rows, rejects)
    owners, items, runs = _split(values, column.separator.encode())
    items = items.dictionary_encode()
    names = without_last(items.dictionary)
    filled = np.array(pa.compute.greater(pa.compute.binary_length(names), 0), bool)[items.indices.to_numpy()]
    ids = (fingerprint(names) % np.uint64(column.buckets)).astype(np.int64)[items.indices.to_numpy()]
    return _merge(owners[filled], ids[filled], runs[filled], len(values), column.buckets).take(index)


def _split(values: pa.BinaryArray, separator: bytes) -> Tuple[np.ndarray, pa.BinaryArray, np.ndarray]:
    """Splits each value at the separator and shortens runs of the same item to one.

    Returns:
      the index of the value that each run stands in, ascending, int64 [R]; the runs' items, each with the separator
      that follows it; the runs' lengths, int64 [R].
    """
    joined = pa.compute.binary_join(pa.ListArray.from_arrays(pa.array([0, len(values)], pa.int32()), values), separator)
    data = joined[0].as_py() + separator
    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == separator[0])
    starts = np.concatenate([[0], ends[:-1] + 1])
    value_ends = np.cumsum(pa.compute.binary_length(values).to_numpy().astype(np.int64) + 1) - 1
    last = np.searchsorted(ends, value_ends)  # index of each value's last item
    is_head = _differs_from_previous(data, starts, ends - starts)
    is_head[np.concatenate([[0], last[:-1] + 1])] = True
    heads = np.flatnonzero(is_head)
    items = split_at(data, ends).take(pa.array(heads))
    return np.searchsorted(last, heads), items, np.diff(np.append(heads, len(ends)))


def _differs_from_previous(data: bytes, starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Whether each item differs from the one before it, bool [V]; items of over 8 bytes are taken to differ."""
    words = np.ndarray([len(data)], "<u8", data + b"\0" * 8, strides=(1,))[starts]
    words &= _LOW_BYTES[np.minimum(lengths, 8)]
    same = (words[1:] == words[:-1]) & (lengths[1:] == lengths[:-1]) & (lengths[1:] <= 8)
    return np.concatenate([[True], ~same])


def _merge(owners: np.ndarray, ids: np.ndarray, runs: np.ndarray, num_lists: int, buckets: int) -> Ragged:
    """Merges the equal ids of each list; owners [R] ascend, runs [R] count how often each id stands in a row."""
    unique, inverse = np.unique(owners * buckets + ids, return_inverse=True)
    weights = np.bincount(inverse, weights=runs, minlength=len(unique)).astype(np.float32)
    row_splits = np.searchsorted(unique, np.arange(num_lists + 1) * buckets)
    return Ragged((unique % buckets).astype(np.int32), row_splits.astype(np.int64), weights)

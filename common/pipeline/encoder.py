"""Columns of a chunk to embedding ids and numbers: each distinct value is checked and decoded once, rows gather it.

Strings are hashed as tf.strings.to_hash_bucket_fast hashes them, so that ids are the same whichever path reads a file.
"""

from typing import Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
import pyarrow as pa
import pyarrow.compute

from common.config.schema import Column, Schema
from common.pipeline import hashing, lists
from common.pipeline import native_columns as compiled
from common.pipeline import string_views
from common.pipeline.checks import BadRows
from common.pipeline.chunks import RawColumns, Reject
from common.pipeline.column_decoder import ColumnDecoder, Found
from common.pipeline.lists import Ragged
from common.pipeline.string_views import StringViews


def feature_names(column: str) -> Ragged:
    """The names under which a list column's three tensors stand among a model's features."""
    return Ragged(*["{}.{}".format(column, field) for field in Ragged._fields])


class Block(NamedTuple):
    """Decoded rows.

    Attributes:
      rows: the rows' numbers in their file from 0, int64 [N].
      labels: float32 [N, K], in the order of Schema.labels.
      users: the fingerprint of each row's user, int64 [N].
      ids: Schema.id_type (int32, with keys int64) [N, C], in the order of Schema.scalars.
      numbers: float32 [N, M], in the order of Schema.numbers.
      lists: one Ragged of N rows for each of Schema.lists.

    The arrays of several columns lie in memory column by column.
    """

    rows: np.ndarray
    labels: np.ndarray
    users: np.ndarray
    ids: np.ndarray
    numbers: np.ndarray
    lists: Tuple[Ragged, ...]

    def take(self, rows: np.ndarray) -> "Block":
        """The given rows (indices into this block, int [M]), in their order."""
        dense = [_take(array, rows) for array in self[:5]]
        return Block(*dense, lists=tuple(ragged.take(rows) for ragged in self.lists))  # type: ignore[misc]


def _take(array: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The given rows of an array [N] or [N, C]."""
    if array.ndim == 1:
        return array.take(rows)
    out = np.empty([array.shape[1], len(rows)], array.dtype)
    for column, values in zip(out, array.T):
        np.take(values, rows, out=column, mode="clip")  # the other modes copy once more
    return out.T


def concat(blocks: Sequence[Block]) -> Block:
    """The rows of several blocks, one after another."""
    if len(blocks) == 1:
        return blocks[0]
    joined = []
    for parts in zip(*[block.lists for block in blocks]):
        starts = np.cumsum([0] + [part.row_splits[-1] for part in parts])
        splits = [[0]] + [part.row_splits[1:] + start for part, start in zip(parts, starts)]
        joined.append(Ragged(np.concatenate([part.values for part in parts]), np.concatenate(splits).astype(np.int64),
                             np.concatenate([part.weights for part in parts])))
    dense = [np.concatenate([part.T for part in parts], -1).T for parts in zip(*[block[:5] for block in blocks])]
    return Block(*dense, lists=tuple(joined))  # type: ignore[misc]


def slices(block: Block, order: np.ndarray, step: int) -> Iterator[Block]:
    """The given rows of a block (indices, int [M]) in their order, `step` at a time."""
    dense = [_take(array, order) for array in block[:5]]
    for low in range(0, len(order), step):
        rows = slice(low, low + step)
        yield Block(*[array[rows] for array in dense],  # type: ignore[misc]
                    lists=tuple(ragged.take(order[rows]) for ragged in block.lists))


class Encoder:
    """Checks and decodes the chunks of one file.

    Args:
      path: the file's, for messages.
      schema: its columns.
      vocabularies: name -> (word -> id); id 0 stands for the words that are not in it.
      bad_rows: counts the rows that cannot be used and the words that are in no vocabulary.
    """

    def __init__(self, path: str, schema: Schema, vocabularies: Dict[str, Dict[bytes, int]],
                 bad_rows: BadRows) -> None:
        self._path, self._schema, self._bad_rows = path, schema, bad_rows
        self._words = dict(vocabularies)
        for column in schema.features:
            if column.words:
                self._words[column.name] = {word.encode(): i for i, word in enumerate(column.words)}
        self._fingerprint = hashing.make_fingerprint()
        self._tables: Dict[str, compiled.Words] = {}
        if compiled.library() is not None:
            self._tables = {name: compiled.make_words(words) for name, words in self._words.items()}

    def encode(self, columns: RawColumns) -> Block:
        """Decodes one chunk; rows that cannot be used go to bad_rows and are left out.

        Raises:
          BadInput: more rows than bad_rows allows cannot be used.
        """
        schema, chunk = self._schema, ColumnDecoder(columns)
        labels = _stack([chunk.integers(c) for c in schema.labels], chunk.size, np.float32)
        ids = np.empty([len(schema.scalars), chunk.size], schema.id_type)
        for column, out in zip(schema.scalars, ids):
            out[:] = chunk.integers(column) if column.kind == "identity" else self._scalar(chunk, column)
        numbers = [chunk.list_means(c) if c.is_list else chunk.numbers(c) for c in schema.numbers]
        ragged = tuple(self._list(chunk, c) for c in schema.lists)
        chunk.check_aligned(schema)
        block = Block(columns.rows, labels, self._users(chunk), ids.T, _stack(numbers, chunk.size, np.float32), ragged)
        return self._without_rejects(block, chunk.rejects)

    def read_labels(self, columns: RawColumns) -> np.ndarray:
        """Decodes the labels of one chunk alone, float32 [N, K], checked as encode checks them."""
        chunk = ColumnDecoder(columns)
        labels = [chunk.integers(c) for c in self._schema.labels]
        self._bad_rows.add(self._path, chunk.rejects)
        good = ~np.isin(columns.rows, [reject.row for reject in chunk.rejects])
        return np.stack(labels, 1)[good].astype(np.float32)

    def _without_rejects(self, block: Block, rejects: List[Reject]) -> Block:
        if not rejects:
            return block
        self._bad_rows.add(self._path, rejects)
        return block.take(np.flatnonzero(~np.isin(block.rows, [reject.row for reject in rejects])))

    def _users(self, chunk: ColumnDecoder) -> np.ndarray:
        """The fingerprint of each row's user, int64 [N]."""
        column = self._schema.named([self._schema.user_column])[0]
        found = chunk.found(column)
        if found is not None:
            return found.by_row(compiled.fingerprints(found.texts, column.default.encode())).view(np.int64)
        users, index = chunk.strings(column)
        return self._fingerprint(users).view(np.int64)[index]

    def _scalar(self, chunk: ColumnDecoder, column: Column) -> np.ndarray:
        """The ids of a column of strings, int [N]."""
        found = chunk.found(column)
        if found is not None:
            ids = found.by_row(self._native_ids(found.texts, column, column.default.encode()))
            if column.kind == "hash":
                return ids
            if column.kind == "vocabulary" or (ids >= 0).all():
                return self._known(chunk, ids, column)
        values, index = chunk.strings(column)
        ids = self._ids(values, column)[index]
        if column.kind == "words":
            chunk.reject(ids < 0, column, "one of " + ", ".join(column.words))
        return self._known(chunk, ids, column)

    def _list(self, chunk: ColumnDecoder, column: Column) -> Ragged:
        """The ids of a column of lists of strings."""
        found = chunk.found(column)
        ragged = None if found is None else self._native_list(chunk, found, column)
        if ragged is not None:
            return ragged
        items = chunk.lists(column)
        ids = self._ids(items.names, column)
        if column.newest:
            ragged = lists.sequence(items.newest(column.newest), ids)
            return ragged._replace(values=self._known(chunk, ragged.values, column))
        empty = np.array(pa.compute.equal(pa.compute.binary_length(items.names), 0), bool)
        ids[empty] = -1
        chunk.reject_items(items, (ids < 0) & ~empty, column, "items out of " + ", ".join(column.words))
        return lists.merge(items, ids)

    def _native_list(self, chunk: ColumnDecoder, found: Found, column: Column) -> Optional[Ragged]:
        """The ids of a column of joined lists; None where an item is not one of the column's fixed words."""
        separator, words, missing = column.separator.encode(), self._table(column), column.default.encode()
        if column.newest:
            values, row_splits, lengths = compiled.sequences(found.texts, separator, words, column.buckets,
                                                             column.newest, missing, column.id_type)
            ragged = Ragged(values, row_splits, np.ones(len(values), np.float32))
        else:
            merged = compiled.merged_lists(found.texts, separator, words, column.buckets, missing, column.id_type)
            if merged is None:
                return None
            ragged, lengths = Ragged(*merged[:3]), merged[3]
        chunk.set_lengths(column, found.by_row(lengths))
        if found.index is not None:
            ragged = ragged.take(found.index)
        return ragged._replace(values=self._known(chunk, ragged.values, column)) if column.newest else ragged

    def _table(self, column: Column) -> Optional[compiled.Words]:
        return None if column.kind == "hash" else self._tables[column.vocabulary or column.name]

    def _native_ids(self, texts: StringViews, column: Column, missing: bytes) -> np.ndarray:
        """The ids of texts, column.id_type [N], an empty one as the missing one; -1 for what is in no vocabulary."""
        ids = np.empty(len(texts.starts), column.id_type)
        compiled.ids(texts, self._table(column), column.buckets, missing, ids)
        return ids

    def _ids(self, values: pa.Array, column: Column) -> np.ndarray:
        """The ids of distinct binary strings, column.id_type [D]; -1 for what is in no vocabulary."""
        if compiled.library() is not None:
            return self._native_ids(string_views.from_arrow(values), column, b"")
        if column.kind == "hash":
            return (self._fingerprint(values) % np.uint64(column.buckets)).astype(column.id_type)
        words = self._words[column.vocabulary or column.name]
        return np.array([words.get(value, -1) for value in values.to_pylist()], column.id_type)

    def _known(self, chunk: ColumnDecoder, ids: np.ndarray, column: Column) -> np.ndarray:
        """The ids with 0 for -1, which is counted if the column has a vocabulary."""
        unknown = ids < 0
        if not unknown.any():
            return ids
        if column.vocabulary:
            self._bad_rows.add_unknown(self._path, column.name, chunk.first_row, int(np.count_nonzero(unknown)))
        return np.where(unknown, 0, ids)


def _stack(columns: List[np.ndarray], size: int, dtype: type) -> np.ndarray:
    """Columns [N] as one array [N, C]."""
    out = np.empty([len(columns), size], dtype)
    for row, column in zip(out, columns):
        row[:] = column
    return out.T

"""The columns of a chunk to ids and numbers: each distinct value is decoded once, rows gather it.

Strings are hashed as tf.strings.to_hash_bucket_fast hashes them, so that ids are the same whichever
path reads a file.
"""

from typing import Dict, List, Optional, Sequence

import numpy as np
import pyarrow as pa
from numpy import ndarray

from common.config.schema import NO_USER, Column, Schema
from common.formats import native_columns as compiled
from common.formats.chunks import RawColumns, Reject
from common.formats.string_views import StringColumn
from common.pipeline import labels as labels_of
from common.pipeline import list_ids
from common.pipeline.checks import BadRows
from common.pipeline.column_decoder import ColumnDecoder
from common.pipeline.features import Block, Ragged
from common.pipeline.missing_texts import MissingTexts
from common.pipeline.string_ids import StringIds, WordIds


class Encoder:
    """Checks and decodes chunks.

    Args:
      paths: of the files that the chunks are of, by their numbers.
      schema: its columns.
      vocabularies: name -> (word -> id); words that are not in one get id 0.
      bad_rows: counts the rows that cannot be used and the words that are in no vocabulary.
    """

    def __init__(
        self,
        paths: Sequence[str],
        schema: Schema,
        vocabularies: Dict[str, WordIds],
        bad_rows: BadRows,
    ) -> None:
        self._paths = paths
        self._schema = schema
        self._bad_rows = bad_rows
        self._missing = MissingTexts(schema.missing)
        self._fingerprint_of_nobody: Optional[ndarray] = None
        self._string_ids = StringIds(schema, vocabularies)

    def encode(self, columns: RawColumns) -> Block:
        """Decodes one chunk; rows that cannot be used go to bad_rows and are left out.

        Raises:
          BadInput: more rows than bad_rows allows cannot be used.
        """
        schema = self._schema
        decoder = ColumnDecoder(columns, self._missing)
        labels = labels_of.decode(decoder, schema)
        ids = np.empty([len(schema.scalars), decoder.size], schema.id_type)
        self._encode_scalars(decoder, list(ids))
        numbers = [_decode_numbers(decoder, column) for column in schema.numbers]
        ragged = [self._encode_list(decoder, column) for column in schema.lists]
        decoder.check_aligned(schema)
        block = Block(
            rows=columns.rows,
            labels=_stack(labels, decoder.size),
            users=self._fingerprint_users(decoder),
            ids=ids.T,
            numbers=_stack(numbers, decoder.size),
            lists=tuple(ragged),
        )
        return self._without_rejects(block, decoder.rejects)

    def read_targets(self, columns: RawColumns) -> ndarray:
        """Decodes the targets of one chunk alone, float32 [N, K], checked as encode checks them.

        Purchases without a click are among them.
        """
        decoder = ColumnDecoder(columns, self._missing)
        labels = labels_of.read(decoder, self._schema)
        self._bad_rows.add(self._paths, decoder.rejects)
        is_good = _is_good(columns.rows, decoder.rejects)
        return np.stack(labels, 1)[is_good].astype(np.float32)

    def read_numbers(self, columns: RawColumns) -> ndarray:
        """Decodes the numbers of one chunk alone, float32 [N, M], checked as encode checks them."""
        decoder = ColumnDecoder(columns, self._missing)
        numbers = [_decode_numbers(decoder, column) for column in self._schema.numbers]
        self._bad_rows.add(self._paths, decoder.rejects)
        is_good = _is_good(columns.rows, decoder.rejects)
        return np.stack(numbers, 1)[is_good].astype(np.float32)

    def rejects(self, columns: RawColumns, column: Column) -> List[Reject]:
        """The rows of a chunk whose value of one column cannot be used."""
        decoder = ColumnDecoder(columns, self._missing)
        if column.kind in ("label", "weight"):
            labels_of.of_column(decoder, column)
        elif column.kind == "number":
            _decode_numbers(decoder, column)
        elif column in self._schema.lists:
            self._encode_list(decoder, column)
        elif column in self._schema.scalars:
            self._encode_scalar(decoder, column, None)
        return decoder.rejects

    def _without_rejects(self, block: Block, rejects: List[Reject]) -> Block:
        if not rejects:
            return block
        self._bad_rows.add(self._paths, rejects)
        is_good = _is_good(block.rows, rejects)
        return block.take(np.flatnonzero(is_good))

    def _fingerprint_users(self, decoder: ColumnDecoder) -> ndarray:
        """The fingerprint of each row's user, int64 [N]; zeros where rows are of no user.

        A row whose user is missing, or is the text that stands for a missing one, has NO_USER.
        """
        if not self._schema.user_column:
            return np.zeros(decoder.size, np.int64)
        column, = self._schema.named([self._schema.user_column])
        default = column.default.encode()
        strings = decoder.native_strings(column, default)
        if strings is not None:
            fingerprints = compiled.fingerprints(strings.values)
            users = strings.by_row(fingerprints).view(np.int64)
        else:
            values, index = decoder.strings(column)
            users = self._string_ids.fingerprint(values).view(np.int64)[index]
        return np.where(users == self._nobody(default), NO_USER, users)

    def _nobody(self, default: bytes) -> ndarray:
        """The fingerprint of the text that stands for a missing user, int64 [1]."""
        if self._fingerprint_of_nobody is None:
            fingerprint = self._string_ids.fingerprint(pa.array([default], pa.binary()))
            self._fingerprint_of_nobody = fingerprint.view(np.int64)
        return self._fingerprint_of_nobody

    def _encode_scalars(self, decoder: ColumnDecoder, outs: Sequence[ndarray]) -> None:
        """Writes the ids of all columns of one value a row, int [N] each."""
        native = self._native_ids(decoder, outs)
        for column, out in zip(self._schema.scalars, outs):
            ids = self._encode_scalar(decoder, column, native.get(column.name))
            if ids is not out:
                out[:] = ids

    def _native_ids(self, decoder: ColumnDecoder, outs: Sequence[ndarray]) -> Dict[str, ndarray]:
        """Decodes columns of strings in C++, as many as it can; by name, int [N] each.

        Args:
          outs: where the ids of each column go if it has a string for each row.
        """
        id_columns = []
        strings_of = {}
        for column, out in zip(self._schema.scalars, outs):
            strings = self._native_strings(decoder, column)
            if strings is None:
                continue
            ids_of_rows = out if strings.value_of_row is None else None
            id_columns.append(self._string_ids.id_column(strings.values, column, ids_of_rows))
            strings_of[column.name] = strings
        compiled.write_ids(id_columns)
        found = [id_column.out for id_column in id_columns]
        return {name: strings_of[name].by_row(ids) for name, ids in zip(strings_of, found)}

    @staticmethod
    def _native_strings(decoder: ColumnDecoder, column: Column) -> Optional[StringColumn]:
        if column.kind == "identity":
            return None
        return decoder.native_strings(column, column.default.encode())

    def _encode_scalar(
        self,
        decoder: ColumnDecoder,
        column: Column,
        ids: Optional[ndarray],
    ) -> ndarray:
        """The ids of a column of one value a row, int [N].

        Args:
          ids: those that C++ found; None where NumPy has to decode the column.
        """
        if column.kind == "identity":
            return decoder.integers(column)
        if ids is None:
            values, index = decoder.strings(column)
            ids = self._string_ids.encode(values, column)[index]
        if column.kind == "hash":
            return ids  # none is -1
        if column.kind == "words":
            decoder.reject(ids < 0, column, _words_of(column))
        return self._with_unknown(decoder, ids, column)

    def _encode_list(self, decoder: ColumnDecoder, column: Column) -> Ragged:
        """The ids of a column of lists of strings."""
        ragged = list_ids.decode(decoder, column, self._string_ids)
        if not column.newest:
            return ragged
        values = self._with_unknown(decoder, ragged.values, column, ragged.row_splits)
        return ragged._replace(values=values)

    def _with_unknown(
        self,
        decoder: ColumnDecoder,
        ids: ndarray,
        column: Column,
        splits: Optional[ndarray] = None,
    ) -> ndarray:
        """The ids with 0 for -1, which is counted if the column has a vocabulary.

        Args:
          splits: of the rows, for a column of lists.
        """
        is_unknown = ids < 0
        if not is_unknown.any():
            return ids
        if column.vocabulary:
            counts = decoder.count_by_chunk(is_unknown, splits)
            for first_row, count in counts.items():
                self._bad_rows.add_unknown(self._paths, column.name, first_row, count)
        return np.where(is_unknown, 0, ids)


def _decode_numbers(decoder: ColumnDecoder, column: Column) -> ndarray:
    if column.is_list:
        return decoder.list_means(column)
    return decoder.numbers(column)


def _is_good(rows: ndarray, rejects: Sequence[Reject]) -> ndarray:
    """Which rows are not among the rejects, bool [N]."""
    bad = [reject.row for reject in rejects]
    return ~np.isin(rows, bad)


def _stack(columns: List[ndarray], size: int) -> ndarray:
    """Columns [N] as one float32 array [N, C]."""
    out = np.empty([len(columns), size], np.float32)
    for row, column in zip(out, columns):
        row[:] = column
    return out.T


def _words_of(column: Column) -> str:
    """What a value of a column of words may be, for messages."""
    words = "one of " + ", ".join(column.words)
    if column.default in column.words:
        return words
    return words + " (the schema has no default for an empty field)"

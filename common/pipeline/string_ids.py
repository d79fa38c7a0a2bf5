"""Distinct strings to ids: their position in a vocabulary, or TensorFlow's hash of them."""

from typing import Callable, Dict, Optional, Sequence

import numpy as np
import pyarrow as pa
from numpy import ndarray

from common.config.schema import Column, Schema
from common.formats import native_columns as compiled
from common.formats import string_views
from common.formats.string_views import Strings
from common.pipeline import hashing

WordIds = Dict[bytes, int]


class StringIds:
    """The ids of the strings of a schema's columns.

    Args:
      schema: the columns.
      vocabularies: name -> (word -> id).
    """

    def __init__(self, schema: Schema, vocabularies: Dict[str, WordIds]) -> None:
        self._words = dict(vocabularies)
        for column in schema.features:
            if column.words:
                self._words[column.name] = _number_words(column.words)
        self._fingerprint: Optional[Callable[[pa.Array], ndarray]] = None
        self._tables: Dict[str, compiled.Words] = {}
        if compiled.library() is not None:
            for name, words in self._words.items():
                self._tables[name] = compiled.make_words(words)

    def table(self, column: Column) -> Optional[compiled.Words]:
        """The words of a column for C++; None for a column of hashes."""
        if column.kind == "hash":
            return None
        return self._tables[_words_name(column)]

    def id_column(
        self,
        values: Strings,
        column: Column,
        out: Optional[ndarray] = None,
    ) -> compiled.IdColumn:
        """A column's strings for compiled.write_ids; -1 is the id of what is in no vocabulary.

        Args:
          out: where the ids go; a new array, column.id_type [D], if None.
        """
        if out is None:
            out = np.empty(values.size, column.id_type)
        return compiled.IdColumn(values, self.table(column), column.buckets, out)

    def encode(self, values: pa.BinaryArray, column: Column) -> ndarray:
        """The ids of strings, column.id_type [D]; -1 for what is in no vocabulary."""
        if compiled.library() is not None:
            views = string_views.from_arrow(values)
            id_column = self.id_column(Strings(views), column)
            compiled.write_ids([id_column])
            return id_column.out
        if column.kind == "hash":
            buckets = np.uint64(column.buckets)
            hashes = self.fingerprint(values) % buckets
            return hashes.astype(column.id_type)
        words = self._words[_words_name(column)]
        texts = values.to_pylist()
        ids = [words.get(text, -1) for text in texts]
        return np.array(ids, column.id_type)

    def fingerprint(self, values: pa.BinaryArray) -> ndarray:
        """TensorFlow's Fingerprint64 of strings, uint64 [D]."""
        if compiled.library() is not None:
            return compiled.fingerprints(Strings(string_views.from_arrow(values)))
        if self._fingerprint is None:
            self._fingerprint = hashing.make_fingerprint()
        return self._fingerprint(values)


def _number_words(words: Sequence[str]) -> WordIds:
    """The id of each word: its position."""
    numbered = enumerate(words)
    return {word.encode(): position for position, word in numbered}


def _words_name(column: Column) -> str:
    return column.vocabulary or column.name

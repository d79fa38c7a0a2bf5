"""Distinct strings to ids: their position in a vocabulary, or TensorFlow's hash of them."""

from typing import Dict, Optional, Sequence

import numpy as np
import pyarrow as pa
from numpy import ndarray

from common.config.schema import Column, Schema
from common.formats import native_columns as compiled
from common.formats import string_views
from common.formats.string_views import StringViews
from common.pipeline import hashing

WordIds = Dict[bytes, int]
_NOTHING = b""


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
        self._fingerprint = hashing.make_fingerprint()
        self._tables: Dict[str, compiled.Words] = {}
        if compiled.library() is not None:
            for name, words in self._words.items():
                self._tables[name] = compiled.make_words(words)

    def table(self, column: Column) -> Optional[compiled.Words]:
        """The words of a column for C++; None for a column of hashes."""
        if column.kind == "hash":
            return None
        return self._tables[_words_name(column)]

    def encode_views(
        self,
        values: StringViews,
        column: Column,
        missing: bytes,
    ) -> ndarray:
        """The ids of strings by C++, column.id_type [D]; -1 for what is in no vocabulary.

        Args:
          missing: what an empty string stands for.
        """
        size = len(values.starts)
        ids = np.empty(size, column.id_type)
        table = self.table(column)
        compiled.ids(values, table, column.buckets, missing, ids)
        return ids

    def encode(self, values: pa.BinaryArray, column: Column) -> ndarray:
        """The ids of strings, column.id_type [D]; -1 for what is in no vocabulary."""
        if compiled.library() is not None:
            views = string_views.from_arrow(values)
            return self.encode_views(views, column, _NOTHING)
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
        return self._fingerprint(values)


def _number_words(words: Sequence[str]) -> WordIds:
    """The id of each word: its position."""
    numbered = enumerate(words)
    return {word.encode(): position for position, word in numbered}


def _words_name(column: Column) -> str:
    return column.vocabulary or column.name

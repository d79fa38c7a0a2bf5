"""Raw columns to a model's features inside a graph: for --tf and for exported models."""

from typing import Dict, Mapping, Sequence

import tensorflow.compat.v1 as tf

from common.config.schema import Column, Schema
from common.pipeline.features import Ragged, feature_names, lengths_name
from common.pipeline.missing_texts import MissingTexts, item_pattern

Features = Dict[str, tf.Tensor]
Vocabularies = Mapping[str, Mapping[bytes, int]]
Tables = Dict[str, tf.lookup.StaticHashTable]


def make_tables(schema: Schema, vocabularies: Vocabularies) -> Tables:
    """What looks up words in the current graph, by the name of a vocabulary or of a column.

    Args:
      vocabularies: name -> word -> id, in the order of the ids. A word that is in none is id 0; a
        word that is not one of a column's fixed ones, id -1.
    """
    tables = {}
    for name in schema.vocabularies:
        words = list(vocabularies[name])
        tables[name] = _table(words, missing=0)
    for column in schema.features:
        if column.words:
            tables[column.name] = _table(column.words, missing=-1)
    return tables


def _table(words: Sequence[object], missing: int) -> tf.lookup.StaticHashTable:
    keys = tf.constant(words, tf.string)
    size = len(words)
    ids = tf.range(size, dtype=tf.int64)
    initializer = tf.lookup.KeyValueTensorInitializer(keys, ids)
    return tf.lookup.StaticHashTable(initializer, missing)


def decode(
    raw: Features,
    schema: Schema,
    tables: Tables,
    as_columns: bool,
) -> Features:
    """Raw columns to features.

    Args:
      raw: each feature and number column by name, [B]: strings, integers, float32; lists are joined
        strings. Integers and numbers may be strings, too.
      tables: those that make_tables makes, outside of any function of tf.data.
      as_columns: give what tf.feature_column takes (strings, SparseTensors of strings), and lists
        that keep their order as ids padded with 0, int64 [B, T], with their lengths; else what
        common.pipeline.dataset.columnar_input gives.
    """
    features: Features = {}
    missing = MissingTexts(schema.missing)
    for column in schema.numbers:
        values = _blanked(raw[column.name], column, schema.missing)
        if column.is_list:
            values = _list_means(values, column, missing)
        else:
            values = _number(values, column, missing)
        features[column.name] = values
    for column in schema.features:
        values = _blanked(raw[column.name], column, schema.missing)
        if column.kind == "identity":
            values = _number(values, column, missing)
        if column.vocabulary or column.newest:
            decoded = _look_up(values, column, tables, as_columns)
        else:
            decoded = _decode(values, column, tables, as_columns)
        features.update(decoded)
    return features


def _blanked(values: tf.Tensor, column: Column, missing: Sequence[str]) -> tf.Tensor:
    """Strings [B] with empty ones for missing texts, or with empty items in place of such items."""
    if not missing or values.dtype != tf.string:
        return values
    if not column.is_list:
        return tf.where(is_any(values, missing), tf.fill(tf.shape(values), ""), values)
    pattern = item_pattern(missing, column.separator)
    for _ in range(2):  # the separator between two of them belongs to the first one's match
        values = tf.strings.regex_replace(values, pattern, r"\1\2")
    return values


def text(values: tf.Tensor, column: Column, schema: Schema) -> tf.Tensor:
    """A column's strings [B] with its default for those that are missing."""
    return _with_default(_blanked(values, column, schema.missing), column.default)


def is_any(values: tf.Tensor, texts: Sequence[str]) -> tf.Tensor:
    """Which strings are one of some texts, bool [B]."""
    return tf.reduce_any([tf.equal(values, text) for text in texts], axis=0)


def _number(values: tf.Tensor, column: Column, missing: MissingTexts) -> tf.Tensor:
    """Numbers [B], of strings or numbers, with the column's default for those that are missing."""
    if values.dtype == tf.string:
        filled = _with_default(values, column.default)
        is_integer = column.kind == "identity"
        values = tf.strings.to_number(filled, tf.int32 if is_integer else tf.float32)
    if not len(missing.numbers):
        return values
    default = tf.cast(float(column.default), values.dtype)
    return tf.where(_is_missing(values, missing), tf.fill(tf.shape(values), default), values)


def is_missing(numbers: tf.Tensor, schema: Schema) -> tf.Tensor:
    """Which numbers stand for no value, bool [B]."""
    return _is_missing(numbers, MissingTexts(schema.missing))


def _is_missing(numbers: tf.Tensor, missing: MissingTexts) -> tf.Tensor:
    found = tf.zeros_like(numbers, tf.bool)
    for number in missing.numbers:
        found |= tf.equal(numbers, tf.cast(float(number), numbers.dtype))
    return found


def _decode(
    values: tf.Tensor,
    column: Column,
    tables: Tables,
    as_columns: bool,
) -> Features:
    """The features of a column without a vocabulary file, whose order does not count in a list."""
    if column.dtype == "string":
        values = _with_default(values, column.default)
    if column.is_list:
        values = tf.string_split(values, column.separator)
    if as_columns or column.kind == "identity":
        return {column.name: values}
    if column.is_list:
        ragged = _ragged(values, column, tables)
        return _named(column, ragged)
    ids = _ids(values, column, tables)
    known_ids = tf.maximum(ids, 0)
    return {column.name: known_ids}


def _with_default(values: tf.Tensor, default: str) -> tf.Tensor:
    """Strings with the default for empty ones."""
    is_empty = tf.equal(values, "")
    shape = tf.shape(values)
    defaults = tf.fill(shape, default)
    return tf.where(is_empty, defaults, values)


def _named(column: Column, ragged: Ragged) -> Features:
    names = feature_names(column.name)
    return dict(zip(names, ragged))


def _ids(words: tf.Tensor, column: Column, tables: Tables) -> tf.Tensor:
    """The ids of strings, int64; -1 for those that are not among a column's fixed words."""
    if column.kind == "hash":
        return tf.strings.to_hash_bucket_fast(words, column.buckets)
    return tables[column.vocabulary or column.name].lookup(words)


def _ragged(items: tf.SparseTensor, column: Column, tables: Tables) -> Ragged:
    """The ids of lists of strings; equal ones of a row are not merged, which changes no mean."""
    ids = _ids(items.values, column, tables)
    is_known = ids >= 0
    known_ids = tf.boolean_mask(ids, is_known)
    all_rows = items.indices[:, 0]
    rows = tf.boolean_mask(all_rows, is_known)
    num_rows = items.dense_shape[0]
    numbers = tf.range(num_rows + 1)
    row_splits = tf.searchsorted(rows, numbers, out_type=tf.int64)
    return _unweighted(known_ids, row_splits)


def _unweighted(ids: tf.Tensor, row_splits: tf.Tensor) -> Ragged:
    weights = tf.ones_like(ids, tf.float32)
    return Ragged(ids, row_splits, weights)


def _look_up(
    values: tf.Tensor,
    column: Column,
    tables: Tables,
    as_columns: bool,
) -> Features:
    """The features of a column with a vocabulary file, or of a list that keeps its order."""
    values = _with_default(values, column.default)
    if not column.is_list:
        return {column.name: _ids(values, column, tables)}
    newest = _newest_items(values, column)
    ids = _ids(newest.values, column, tables)
    if not as_columns:
        ragged = _unweighted(ids, newest.row_splits)
        return _named(column, ragged)
    lists = newest.with_values(ids)
    return {
        column.name: lists.to_tensor(),
        lengths_name(column.name): lists.row_lengths(),
    }


def _newest_items(values: tf.Tensor, column: Column) -> tf.RaggedTensor:
    """The last items of joined lists [B], strings [B, (T)]."""
    items = tf.string_split(values, column.separator, skip_empty=False)
    split = tf.RaggedTensor.from_sparse(items)
    is_filled = tf.not_equal(values, "")  # an empty text is a list without items
    row_lengths = split.row_lengths()
    no_items = tf.zeros_like(row_lengths)
    lengths = tf.where(is_filled, row_lengths, no_items)
    rows = split.value_rowids()
    is_item = tf.gather(is_filled, rows)
    filled = tf.boolean_mask(split.values, is_item)
    lists = tf.RaggedTensor.from_row_lengths(filled, lengths)
    return lists[:, -column.newest:]


def _list_means(values: tf.Tensor, column: Column, missing: MissingTexts) -> tf.Tensor:
    """The means of lists of numbers, float32 [B]; an empty list gives the column's default."""
    items = tf.string_split(values, column.separator)
    numbers = tf.strings.to_number(items.values)
    rows = items.indices[:, 0]
    if len(missing.numbers):
        is_number = ~_is_missing(numbers, missing)
        numbers = tf.boolean_mask(numbers, is_number)
        rows = tf.boolean_mask(rows, is_number)
    size = tf.size(values, out_type=tf.int64)
    sums = tf.math.unsorted_segment_sum(numbers, rows, size)
    ones = tf.ones_like(numbers)
    counts = tf.math.unsorted_segment_sum(ones, rows, size)
    at_least_one = tf.maximum(counts, 1.0)
    means = sums / at_least_one
    default = float(column.default)
    defaults = tf.fill([size], default)
    return tf.where(counts > 0, means, defaults)

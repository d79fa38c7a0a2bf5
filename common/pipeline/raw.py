"""Raw columns to a model's features inside a graph: for the path of a TF 1.15.5 user (--tf) and for exported models."""

from typing import Dict, List, Mapping

import tensorflow.compat.v1 as tf

from common.config.schema import Column, Schema
from common.pipeline.encoder import feature_names
from common.pipeline.lists import Ragged

Features = Dict[str, tf.Tensor]
Vocabularies = Mapping[str, Mapping[bytes, int]]
Tables = Dict[str, tf.lookup.StaticHashTable]


def lengths_name(column: str) -> str:
    """The name under which the lengths of a padded list stand among a model's features."""
    return column + ".lengths"


def make_tables(schema: Schema, vocabularies: Vocabularies) -> Tables:
    """What looks up words in the current graph, by the name of a vocabulary or of a column of fixed words.

    Args:
      vocabularies: name -> word -> id, in the order of the ids. A word that is in none is id 0; a fixed word, id -1.
    """
    tables = {name: _table(list(vocabularies[name]), missing=0) for name in schema.vocabularies}
    tables.update((column.name, _table(list(column.words), missing=-1)) for column in schema.features if column.words)
    return tables


def _table(words: List[object], missing: int) -> tf.lookup.StaticHashTable:
    return tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(
        tf.constant(words, tf.string), tf.range(len(words), dtype=tf.int64)), missing)


def decode(raw: Features, schema: Schema, tables: Tables, as_columns: bool) -> Features:
    """Raw columns to features.

    Args:
      raw: each feature and number column by name, [B]: strings, integers, float32; lists are joined strings.
      tables: those that make_tables makes, outside of any function of tf.data.
      as_columns: give what tf.feature_column takes (strings, SparseTensors of strings), and lists of a vocabulary as
        ids padded with 0, int64 [B, T], with their lengths; else what common.pipeline.dataset.columnar_input gives.
    """
    features: Features = {}
    for column in schema.numbers:
        values = raw[column.name]
        features[column.name] = _list_means(values, column) if column.is_list else values
    for column in schema.features:
        if column.vocabulary:
            features.update(_looked_up(raw[column.name], column, tables[column.vocabulary], as_columns))
        else:
            features.update(_decode(raw[column.name], column, tables, as_columns))
    return features


def _decode(values: tf.Tensor, column: Column, tables: Tables, as_columns: bool) -> Features:
    """The features of a column that needs no vocabulary file."""
    if column.dtype == "string":
        values = tf.where(tf.equal(values, ""), tf.fill(tf.shape(values), column.default), values)
    if column.is_list:
        values = tf.string_split(values, column.separator)
    if as_columns or column.kind == "identity":
        return {column.name: values}
    if column.is_list:
        return dict(zip(feature_names(column.name), _ragged(values, column, tables)))
    return {column.name: tf.maximum(_ids(values, column, tables), 0)}


def _ids(words: tf.Tensor, column: Column, tables: Tables) -> tf.Tensor:
    """The ids of strings, int64; -1 for those that are not among a column's fixed words."""
    if column.kind == "hash":
        return tf.strings.to_hash_bucket_fast(words, column.buckets)
    return tables[column.name].lookup(words)


def _ragged(items: tf.SparseTensor, column: Column, tables: Tables) -> Ragged:
    """The ids of lists of strings; equal ones of a row are not merged, which changes no mean."""
    ids = _ids(items.values, column, tables)
    kept = ids >= 0
    ids, rows = tf.boolean_mask(ids, kept), tf.boolean_mask(items.indices[:, 0], kept)
    row_splits = tf.searchsorted(rows, tf.range(items.dense_shape[0] + 1), out_type=tf.int64)
    return Ragged(ids, row_splits, tf.ones_like(ids, tf.float32))


def _looked_up(values: tf.Tensor, column: Column, table: tf.lookup.StaticHashTable, as_columns: bool) -> Features:
    """The features of a column with a vocabulary file."""
    if not column.is_list:
        return {column.name: table.lookup(values)}
    split = tf.RaggedTensor.from_sparse(tf.string_split(values, column.separator, skip_empty=False))
    filled = tf.not_equal(values, "")  # an empty text is a list without items
    lengths = tf.where(filled, split.row_lengths(), tf.zeros_like(split.row_lengths()))
    kept = tf.boolean_mask(split.values, tf.gather(filled, split.value_rowids()))
    newest = tf.RaggedTensor.from_row_lengths(kept, lengths)[:, -column.newest:]
    ids = newest.with_values(table.lookup(newest.values))
    if as_columns:
        return {column.name: ids.to_tensor(), lengths_name(column.name): ids.row_lengths()}
    ragged = Ragged(ids.values, ids.row_splits, tf.ones_like(ids.values, tf.float32))
    return dict(zip(feature_names(column.name), ragged))


def _list_means(values: tf.Tensor, column: Column) -> tf.Tensor:
    """The means of lists of numbers, float32 [B]; an empty list gives the column's default."""
    items = tf.string_split(values, column.separator)
    numbers, rows = tf.strings.to_number(items.values), items.indices[:, 0]
    size = tf.size(values, out_type=tf.int64)
    sums = tf.math.unsorted_segment_sum(numbers, rows, size)
    counts = tf.math.unsorted_segment_sum(tf.ones_like(numbers), rows, size)
    return tf.where(counts > 0, sums / tf.maximum(counts, 1.0), tf.fill([size], float(column.default)))

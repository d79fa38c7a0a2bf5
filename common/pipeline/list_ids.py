"""Columns of lists of strings to lists of ids: by C++ where that can be, else by NumPy."""

from typing import Optional

import numpy as np

from common.config.schema import Column
from common.formats import native_columns as compiled
from common.formats.string_views import StringColumn, is_empty_string
from common.pipeline import lists
from common.pipeline.column_decoder import ColumnDecoder
from common.pipeline.features import Ragged
from common.pipeline.string_ids import StringIds


def decode(decoder: ColumnDecoder, column: Column, string_ids: StringIds) -> Ragged:
    """The ids of a column's lists; -1 in sequences for what is in no vocabulary.

    Rows with a word that is none of a column's fixed ones become rejects of the decoder.
    """
    strings = decoder.native_strings(column, column.default.encode())
    decode_natively = _native_sequence if column.newest else _native_merged
    ragged = None
    if strings is not None:
        ragged = decode_natively(decoder, strings, column, string_ids)
    if ragged is None:
        decode_by_numpy = _sequence if column.newest else _merged
        ragged = decode_by_numpy(decoder, column, string_ids)
    return ragged


def _sequence(decoder: ColumnDecoder, column: Column, string_ids: StringIds) -> Ragged:
    """The newest items of each list in their order."""
    items = decoder.lists(column)
    ids = string_ids.encode(items.names, column)
    newest = items.newest(column.newest)
    return lists.sequence(newest, ids)


def _merged(decoder: ColumnDecoder, column: Column, string_ids: StringIds) -> Ragged:
    """Lists in which order does not count."""
    items = decoder.lists(column)
    ids = string_ids.encode(items.names, column)
    is_empty = is_empty_string(items.names)
    ids[is_empty] = -1
    is_unknown = (ids < 0) & ~is_empty
    words = ", ".join(column.words)
    decoder.reject_items(items, is_unknown, column, "items out of " + words)
    return lists.merge(items, ids)


def _native_sequence(
    decoder: ColumnDecoder,
    strings: StringColumn,
    column: Column,
    string_ids: StringIds,
) -> Ragged:
    values, row_splits, lengths = compiled.sequences(
        strings.values,
        separator=column.separator.encode(),
        words=string_ids.table(column),
        buckets=column.buckets,
        newest=column.newest,
        dtype=column.id_type,
    )
    weights = np.ones(len(values), np.float32)
    decoder.set_lengths(column, strings.by_row(lengths))
    return _to_rows(Ragged(values, row_splits, weights), strings)


def _native_merged(
    decoder: ColumnDecoder,
    strings: StringColumn,
    column: Column,
    string_ids: StringIds,
) -> Optional[Ragged]:
    """Lists in which order does not count; None where an item is none of the fixed words."""
    merged = compiled.merged_lists(
        strings.values,
        separator=column.separator.encode(),
        words=string_ids.table(column),
        buckets=column.buckets,
        dtype=column.id_type,
    )
    if merged is None:
        return None
    values, row_splits, weights, lengths = merged
    decoder.set_lengths(column, strings.by_row(lengths))
    return _to_rows(Ragged(values, row_splits, weights), strings)


def _to_rows(ragged: Ragged, strings: StringColumn) -> Ragged:
    """One list for each string as one for each row."""
    if strings.value_of_row is None:
        return ragged
    return ragged.take(strings.value_of_row)

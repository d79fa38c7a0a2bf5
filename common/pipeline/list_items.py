"""Lists in one form, whether a file holds text with separators or Parquet's own lists."""

from typing import NamedTuple, Tuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy import ndarray

from common.pipeline.lists import Lists
from common.pipeline.splits import splits_of, starts_after
from common.pipeline.string_views import is_empty_string, split_at, without_last

_WORD_BYTES = 8
_SIZES = range(_WORD_BYTES + 1)
_LOW_BYTES = np.array([(1 << 8 * size) - 1 for size in _SIZES], np.uint64)


def from_text(values: pa.BinaryArray, index: ndarray, separator: bytes, keep_runs: bool) -> Lists:
    """Splits distinct strings [L] at the separator, of one byte; an empty one is an empty list.

    Args:
      index: the string of each row, int [N].
      keep_runs: keep each item of a run of equal ones, for lists in which order counts.
    """
    data = _join(values, separator)
    is_end = np.frombuffer(data, np.uint8) == separator[0]
    ends = np.flatnonzero(is_end)
    num_items = len(ends)
    sizes = pc.binary_length(values).to_numpy()
    first, last = _first_and_last(ends, sizes)
    is_head = np.ones(num_items, bool) if keep_runs else _differs_from_previous(data, ends)
    is_head[first] = True
    is_item = np.full(num_items, len(values) > 0)
    is_item[first[sizes == 0]] = False
    run_starts = np.flatnonzero(is_head)
    runs = np.diff(np.append(run_starts, num_items))
    heads = np.flatnonzero(is_head & is_item)
    items = split_at(data, ends).take(pa.array(heads))
    encoded = items.dictionary_encode()
    names = without_last(encoded.dictionary)
    codes = encoded.indices.to_numpy()
    heads_until = np.searchsorted(heads, last, side="right")
    row_splits = np.zeros(len(values) + 1, np.int64)
    row_splits[1:] = heads_until
    return Lists(names, codes, runs[is_item[is_head]], row_splits, index)


def _first_and_last(ends: ndarray, sizes: ndarray) -> Tuple[ndarray, ndarray]:
    """The indices of each string's first and last item, int64 [L]."""
    bytes_with_separator = sizes.astype(np.int64) + 1
    text_ends = np.cumsum(bytes_with_separator) - 1
    last = np.searchsorted(ends, text_ends)
    first = starts_after(last)[:len(last)]
    return first.astype(np.int64), last


def _join(values: pa.BinaryArray, separator: bytes) -> bytes:
    """All strings, each with a separator behind it; of no strings, the separator."""
    if not len(values):
        return separator
    bounds = pa.array([0, len(values)], pa.int32())
    as_list = pa.ListArray.from_arrays(bounds, values)
    joined = pc.binary_join(as_list, separator)
    return joined[0].as_py() + separator


def _differs_from_previous(data: bytes, ends: ndarray) -> ndarray:
    """Whether each item differs from the one before it, bool [V].

    Items are compared as words of 8 bytes; longer ones count as different.
    """
    starts = starts_after(ends)
    lengths = ends - starts
    padded = data + bytes(_WORD_BYTES)
    words_at = np.ndarray([len(data)], "<u8", padded, strides=(1,))
    words = words_at[starts]
    words &= _LOW_BYTES[np.minimum(lengths, _WORD_BYTES)]
    is_short = lengths[1:] <= _WORD_BYTES
    same_length = lengths[1:] == lengths[:-1]
    same_word = words[1:] == words[:-1]
    is_head = np.ones(len(ends), bool)
    is_head[1:] = ~(same_word & same_length & is_short)
    return is_head


class _Items(NamedTuple):
    """The items of all lists: distinct ones [D], each item's index, which of [D] are missing."""

    names: pa.Array
    codes: ndarray
    is_missing: ndarray


def from_arrow(array: pa.ListArray) -> Lists:
    """Lists as common.pipeline.parquet_types gives them; null strings become empty ones.

    A list of one empty or null item has no items: text cannot tell it from an empty list.
    """
    row_splits = array.offsets.to_numpy().astype(np.int64)
    is_text = pa.types.is_dictionary(array.values.type)
    items = _strings(array.values) if is_text else _numbers(array.values)
    lengths = np.diff(row_splits)
    is_single = lengths == 1
    single = row_splits[:-1][is_single]
    codes = items.codes
    is_missing = items.is_missing[codes[single]]
    if is_missing.any():
        keep = np.ones(len(codes), bool)
        keep[single] = ~is_missing
        codes = codes[keep]
        row_splits = splits_of(keep)[row_splits]
    return Lists(items.names, codes, None, row_splits, None)


def _strings(items: pa.DictionaryArray) -> _Items:
    indices = items.indices
    if indices.null_count:
        indices = indices.fill_null(len(items.dictionary))
    of_null = pa.array([b""], pa.binary())
    names = pa.concat_arrays([items.dictionary, of_null])
    return _Items(names, indices.to_numpy(), is_empty_string(names))


def _numbers(items: pa.Array) -> _Items:
    names = items.cast(pa.float64(), safe=False)
    codes = np.arange(len(items), dtype=np.int32)
    is_null = np.array(names.is_null(), bool)
    return _Items(names, codes, is_null)

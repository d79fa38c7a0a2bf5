"""Lists in one form, whether a file holds text with separators or Parquet's own lists."""

from typing import NamedTuple, Tuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy import ndarray

from common.formats.splits import splits_of, starts_after
from common.formats.string_views import is_empty_string, split_at, without_last
from common.pipeline.lists import Lists

_WORD_BYTES = 8
_SIZES = range(_WORD_BYTES + 1)
_LOW_BYTES = np.array([(1 << 8 * size) - 1 for size in _SIZES], np.uint64)


def from_text(
    values: pa.BinaryArray,
    index: ndarray,
    separator: bytes,
    keep_runs: bool,
) -> Lists:
    """Splits distinct strings [L] at the separator, of one byte; an empty one is an empty list.

    Args:
      index: the string of each row, int [N].
      keep_runs: keep each item of a run of equal ones, for lists in which order counts.
    """
    data = _join(values, separator)
    content = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero(content == separator[0])
    num_items = len(ends)
    sizes = pc.binary_length(values).to_numpy()
    first, last = _first_and_last(ends, sizes)
    is_head = np.ones(num_items, bool)
    if not keep_runs:
        is_head = _differs_from_previous(data, ends)
    is_head[first] = True
    has_items = len(values) > 0
    is_item = np.full(num_items, has_items)
    is_empty = sizes == 0
    is_item[first[is_empty]] = False
    run_starts = np.flatnonzero(is_head)
    run_bounds = np.append(run_starts, num_items)
    runs = np.diff(run_bounds)
    heads = np.flatnonzero(is_head & is_item)
    pieces = split_at(data, ends)
    items = pieces.take(pa.array(heads)).dictionary_encode()
    heads_until = np.searchsorted(heads, last, side="right")
    row_splits = np.concatenate([[0], heads_until])
    return Lists(
        names=without_last(items.dictionary),
        codes=items.indices.to_numpy(),
        runs=runs[is_item[is_head]],
        row_splits=row_splits.astype(np.int64),
        list_of_row=index,
    )


def _first_and_last(ends: ndarray, sizes: ndarray) -> Tuple[ndarray, ndarray]:
    """The indices of each string's first and last item, int64 [L]."""
    bytes_with_separator = sizes.astype(np.int64) + 1
    text_ends = np.cumsum(bytes_with_separator) - 1
    last = np.searchsorted(ends, text_ends)
    first = starts_after(last)
    first = first[:len(last)]  # of no strings, none
    return first.astype(np.int64), last


def _join(values: pa.BinaryArray, separator: bytes) -> bytes:
    """All strings, each with a separator behind it; of no strings, the separator."""
    if not len(values):
        return separator
    whole = [0, len(values)]
    bounds = pa.array(whole, pa.int32())
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
    size = [len(data)]
    word_at = np.ndarray(size, "<u8", padded, strides=(1,))
    words = word_at[starts]
    word_lengths = np.minimum(lengths, _WORD_BYTES)
    words &= _LOW_BYTES[word_lengths]
    is_short = lengths <= _WORD_BYTES
    same_length = _equals_previous(lengths)
    same_word = _equals_previous(words)
    is_same = same_word & same_length
    is_same &= is_short
    return ~is_same


def _equals_previous(array: ndarray) -> ndarray:
    """Whether each value equals the one before it, bool [V]; the first does not."""
    equals = np.zeros(len(array), bool)
    np.equal(array[1:], array[:-1], out=equals[1:])
    return equals


class _Items(NamedTuple):
    """The items of all lists: distinct ones [D], each item's index, which of [D] are missing."""

    names: pa.Array
    codes: ndarray
    is_missing: ndarray


def from_arrow(array: pa.ListArray, default: bytes = b"") -> Lists:
    """Lists as common.formats.parquet_values gives them; null strings become empty ones.

    A list of one empty or null item has no items: text cannot tell it from an empty list.

    Args:
      default: the only item of a list of strings that has none but nulls, which fill up lists to
        one length; empty for no such item.
    """
    is_text = pa.types.is_dictionary(array.values.type)
    encode = _strings if is_text else _numbers
    items = encode(array.values)
    lists = Lists(
        names=items.names,
        codes=items.codes,
        runs=None,
        row_splits=array.offsets.to_numpy().astype(np.int64),
        list_of_row=None,
    )
    fills_up = is_text and bool(default)
    if fills_up:
        null = len(lists.names) - 1
        lists = _chosen(lists, lists.codes != null)
    lists = _without_lone_missing(lists, items.is_missing)
    return _with_default(lists, default) if fills_up else lists


def _without_lone_missing(lists: Lists, is_missing: ndarray) -> Lists:
    """The lists without the items that are missing and the only ones of theirs."""
    starts = lists.row_splits[:-1]
    is_single = np.diff(lists.row_splits) == 1
    single = starts[is_single]
    is_lone_missing = is_missing[lists.codes[single]]
    if not is_lone_missing.any():
        return lists
    keep = np.ones(len(lists.codes), bool)
    keep[single] = ~is_lone_missing
    return _chosen(lists, keep)


def _chosen(lists: Lists, keep: ndarray) -> Lists:
    """The lists with some of their items alone, bool [R]."""
    num_items = splits_of(keep)
    return lists._replace(codes=lists.codes[keep], row_splits=num_items[lists.row_splits])


def _with_default(lists: Lists, default: bytes) -> Lists:
    """The lists of strings, with one item in each that has none."""
    is_empty = np.diff(lists.row_splits) == 0
    places = lists.row_splits[:-1][is_empty]
    codes = np.insert(lists.codes, places, len(lists.names))
    return lists._replace(
        names=pa.concat_arrays([lists.names, pa.array([default], pa.binary())]),
        codes=codes,
        row_splits=lists.row_splits + splits_of(is_empty),
    )


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
    is_missing = names.is_null(nan_is_null=True)
    return _Items(names, codes, np.array(is_missing, bool))

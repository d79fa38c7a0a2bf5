"""Columns decoded by C++ functions of common/kernels, from NumPy arrays to NumPy arrays.

Every function has a counterpart in NumPy and pyarrow with equal results. It is used where there is
no compiler, and where a function here returns None, which means that it met a value that is not as
it should be: the counterpart then raises an error that names the value.
"""

import ctypes
import threading
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

import numpy as np
import pyarrow as pa
from numpy import ndarray

from common.formats import string_views
from common.formats.string_views import StringViews
from common.kernels.pipeline import columns
from common.kernels.pipeline.columns import library

_BUFFERS = threading.local()


class Words(NamedTuple):
    """A hash table of words: the C++ structure, and the arrays that it points into."""

    table: columns.Words
    arrays: Tuple[Any, ...]


def _c_texts(texts: StringViews, missing: bytes) -> columns.Texts:
    arrays = (texts.data, texts.starts, texts.ends)
    data, starts, ends = [array.ctypes.data for array in arrays]
    return columns.Texts(data, starts, ends, len(texts.starts), missing, len(missing),
                         texts.data.nbytes)


def _c_words(words: Optional[Words]) -> Optional[columns.Words]:
    return words.table if words else None


def _scratch(name: str, size: int, dtype: Any) -> ndarray:
    """A buffer that this thread's calls share by name; a name always has the same dtype.

    Fresh memory costs more than what is done in it: the kernel clears each page at first use.
    """
    buffer = getattr(_BUFFERS, name, None)
    if buffer is None or len(buffer) < size:
        buffer = np.empty(size + size // 4, dtype)
        setattr(_BUFFERS, name, buffer)
    return buffer


def split(data: ndarray, delimiter: bytes) -> Optional[Tuple[ndarray, ndarray]]:
    """Where fields of text end, int32, and the numbers of those that end a line, int32.

    Returns None where there is no native library.
    """
    functions = library()
    if functions is None:
        return None
    size = len(data)
    fields = _scratch("fields", size + 8, np.int32)
    lines = _scratch("lines", size + 8, np.int32)
    num_fields = ctypes.c_int64()
    num_lines = functions.zoo_split(data, size, delimiter, fields, lines, num_fields)
    return fields[:num_fields.value].copy(), lines[:num_lines].copy()


def line_cuts(data: ndarray, run: int, lines: int) -> Optional[Tuple[ndarray, int]]:
    """Where text is cut behind every `run` lines, int64, and the lines behind the last cut.

    Args:
      lines: how many lines there are between the cut before and the text.

    Returns:
      None where there is no native library.
    """
    functions = library()
    if functions is None:
        return None
    count = ctypes.c_int64(lines)
    most_cuts = (lines + len(data)) // run
    cuts = np.empty(most_cuts, np.int64)
    num_cuts = functions.zoo_line_cuts(data, len(data), run, count, cuts)
    return cuts[:num_cuts], count.value


def fingerprints(texts: StringViews, missing: bytes = b"") -> ndarray:
    """TensorFlow's Fingerprint64 of each text, uint64 [N]; that of `missing` for an empty text."""
    out = np.empty(len(texts.starts), np.uint64)
    views = _c_texts(texts, missing)
    library().zoo_fingerprints(views, out)
    return out


def make_words(ids_of: Dict[bytes, int]) -> Words:
    """A hash table of words and their ids."""
    words = pa.array(list(ids_of), pa.binary())
    texts = string_views.from_arrow(words)
    values = np.array(list(ids_of.values()), np.int32)
    num_slots = 4 << len(ids_of).bit_length()
    slots = np.zeros(num_slots, np.int32)
    views = _c_texts(texts, b"")
    table = columns.Words(views, values.ctypes.data, slots.ctypes.data, num_slots - 1)
    library().zoo_add_words(table)
    return Words(table, (texts, values, slots))


def ids(texts: StringViews, words: Optional[Words], buckets: int, missing: bytes,
        out: ndarray) -> None:
    """Writes the id of each text to `out`, int32 or int64 [N].

    Args:
      words: whose ids are looked up, -1 for a text that is none of them; None to hash.
      buckets: the number of ids that hashes are mapped to.
      missing: what an empty text is replaced with.
    """
    views = _c_texts(texts, missing)
    table = _c_words(words)
    library().zoo_ids(views, table, buckets, out.itemsize, out)


def integers(texts: StringViews, limit: int, missing: bytes) -> Optional[ndarray]:
    """Whole numbers from 0 to below the limit, int32 [N]; None if a text is not one."""
    out = np.empty(len(texts.starts), np.int32)
    views = _c_texts(texts, missing)
    valid = library().zoo_integers(views, limit, out)
    return out if valid else None


def numbers(texts: StringViews, of_empty: float) -> Optional[ndarray]:
    """Decimal numbers, float64 [N]; None if a text is not one that C++ reads exactly."""
    out = np.empty(len(texts.starts), np.float64)
    views = _c_texts(texts, b"")
    valid = library().zoo_numbers(views, of_empty, out)
    return out if valid else None


def merged_lists(texts: StringViews, separator: bytes, words: Optional[Words], buckets: int,
                 missing: bytes, dtype: str) -> Optional[Tuple[ndarray, ndarray, ndarray, ndarray]]:
    """Lists in which order does not count: the fields of a Ragged, and items per list, int32 [N].

    Args:
      words, buckets, missing: as for `ids`.
      dtype: of the ids, 'int32' or 'int64'.

    Returns:
      None if an item is not among the words.
    """
    values, row_splits, lengths = _list_buffers(texts, missing, dtype)
    weights = _scratch("weights", len(values), np.float32)
    views, table = _c_texts(texts, missing), _c_words(words)
    size = library().zoo_merged_lists(
        views, separator, table, buckets, values.itemsize, values, weights, row_splits,
        lengths)
    if size < 0:
        return None
    return values[:size].copy(), row_splits, weights[:size].copy(), lengths


def sequences(texts: StringViews, separator: bytes, words: Optional[Words], buckets: int,
              newest: int, missing: bytes, dtype: str) -> Tuple[ndarray, ndarray, ndarray]:
    """The newest items of each list, in order: ids, row splits, items per list, int32 [N].

    Args:
      words, buckets, missing: as for `ids`.
      newest: the most items of a list.
      dtype: of the ids, 'int32' or 'int64'.
    """
    values, row_splits, lengths = _list_buffers(texts, missing, dtype)
    views, table = _c_texts(texts, missing), _c_words(words)
    size = library().zoo_sequences(
        views, separator, table, buckets, newest, values.itemsize, values, row_splits,
        lengths)
    return values[:size].copy(), row_splits, lengths


def _list_buffers(
        texts: StringViews, missing: bytes, dtype: str) -> Tuple[ndarray, ndarray, ndarray]:
    """Buffers for the values, row splits and lengths of lists."""
    num_lists = len(texts.starts)
    most_items = texts.num_bytes + num_lists * (1 + len(missing))  # one more than bytes in each
    values = _scratch(dtype + "_values", most_items, dtype)
    row_splits = np.empty(num_lists + 1, np.int64)
    lengths = np.empty(num_lists, np.int32)
    return values, row_splits, lengths


def holds(texts: StringViews, word: bytes, separator: bytes) -> bool:
    """Whether a text is a word that is not empty; with a separator, whether an item of one is."""
    views = _c_texts(texts, b"")
    if not separator:
        return bool(library().zoo_holds(views, word, len(word)))
    return bool(library().zoo_holds_item(views, separator, word, len(word)))


def list_means(texts: StringViews, separator: bytes,
               of_empty: float) -> Optional[Tuple[ndarray, ndarray]]:
    """Each list's mean of numbers, float64 [N], and its items, int32 [N]; None as in `numbers`."""
    num_lists = len(texts.starts)
    out = np.empty(num_lists, np.float64)
    lengths = np.empty(num_lists, np.int32)
    views = _c_texts(texts, b"")
    valid = library().zoo_list_means(views, separator, of_empty, out, lengths)
    return (out, lengths) if valid else None


def merge(codes: ndarray, splits: ndarray, ids_of: ndarray) -> Tuple[ndarray, ndarray, ndarray]:
    """Lists of codes as the fields of a Ragged of their ids; ids of -1 are left out.

    Args:
      codes: int32, indices of ids_of.
      splits: the row splits of the lists of codes.
      ids_of: int32 or int64 [D].
    """
    num_lists = len(splits) - 1
    values = _scratch(ids_of.dtype.name + "_values", len(codes), ids_of.dtype)
    weights = _scratch("weights", len(codes), np.float32)
    row_splits = np.empty(len(splits), np.int64)
    size = library().zoo_merge(
        codes, splits, num_lists, ids_of.itemsize, ids_of, values, weights, row_splits)
    return values[:size].copy(), row_splits, weights[:size].copy()


def means(codes: Optional[ndarray], splits: ndarray, values: ndarray,
          of_empty: float) -> ndarray:
    """The mean of each list of numbers, float64 [L], NaN left out.

    Args:
      codes: int32, indices of values; None if the values themselves are listed.
      splits: the row splits of the lists.
      values: float64.
      of_empty: the mean of a list without numbers.
    """
    out = np.empty(len(splits) - 1, np.float64)
    library().zoo_means(codes, splits, len(out), values, of_empty, out)
    return out


def gather(splits: ndarray, rows: ndarray, *values: ndarray) -> List[ndarray]:
    """Chosen lists: their row splits, then their items of each array of values.

    Args:
      splits: the row splits of all lists.
      rows: which lists, int64 [M].
      values: arrays of items of 4 or 8 bytes.
    """
    row_splits = np.empty(len(rows) + 1, np.int64)
    total = library().zoo_gather_splits(splits, rows, len(rows), row_splits)
    arrays = [row_splits]
    for array in values:
        out = np.empty(total, array.dtype)
        library().zoo_gather(array.itemsize, array, splits, rows, len(rows), out)
        arrays.append(out)
    return arrays

"""Columns decoded by C++ functions of common/kernels, from NumPy arrays to NumPy arrays.

Every function has a counterpart in NumPy and pyarrow with equal results. It is used where there is
no compiler, and where a function here returns None, which means that it met a value that is not as
it should be: the counterpart then raises an error that names the value.
"""

import ctypes
import threading
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
import pyarrow as pa
from numpy import ndarray

from common.formats import string_views
from common.formats.string_views import Strings
from common.kernels.pipeline import columns
from common.kernels.pipeline.columns import library

_BUFFERS = threading.local()


class Nulls(NamedTuple):
    """Texts that count as empty ones: the C++ structure, and what it points to."""

    table: columns.Nulls
    texts: List[Any]


class Words(NamedTuple):
    """A hash table of words: the C++ structure, and the arrays that it points into."""

    table: columns.Words
    arrays: Tuple[Any, ...]


def _c_texts(texts: Strings) -> columns.Texts:
    views, missing, nulls = texts
    arrays = (views.data, views.starts, views.ends)
    data, starts, ends = [array.ctypes.data for array in arrays]
    table = ctypes.pointer(nulls.table) if nulls else None
    return columns.Texts(data, starts, ends, len(views.starts), missing, len(missing),
                         views.data.nbytes, table)


def scratch(name: str, size: int, dtype: Any) -> ndarray:
    """A buffer that this thread's calls share by name; a name always has the same dtype.

    Fresh memory costs more than what is done in it: the kernel clears each page at first use.
    """
    buffer = getattr(_BUFFERS, name, None)
    if buffer is None or len(buffer) < size:
        buffer = np.empty(size + size // 4, dtype)
        setattr(_BUFFERS, name, buffer)
    return buffer


def fingerprints(texts: Strings) -> ndarray:
    """TensorFlow's Fingerprint64 of each text, uint64 [N]."""
    out = np.empty(texts.size, np.uint64)
    views = _c_texts(texts)
    library().zoo_fingerprints(views, out)
    return out


def make_nulls(texts: Sequence[bytes]) -> Nulls:
    """Texts that count as empty ones."""
    distinct = [text for text in set(texts) if text]
    array = (columns.Text * len(distinct))()
    kept = [ctypes.create_string_buffer(text, len(text)) for text in distinct]
    sizes = 0
    for place, text in zip(array, kept):
        place.begin = ctypes.addressof(text)
        place.end = place.begin + len(text)
        sizes |= 1 << len(text) % 64
    return Nulls(columns.Nulls(array, len(distinct), sizes), kept)


def make_words(ids_of: Dict[bytes, int]) -> Words:
    """A hash table of words and their ids."""
    words = pa.array(list(ids_of), pa.binary())
    texts = string_views.from_arrow(words)
    values = np.array(list(ids_of.values()), np.int32)
    num_slots = 4 << len(ids_of).bit_length()
    slots = np.zeros(num_slots, np.int32)
    views = _c_texts(Strings(texts))
    table = columns.Words(views, values.ctypes.data, slots.ctypes.data, num_slots - 1)
    library().zoo_add_words(table)
    return Words(table, (texts, values, slots))


class IdColumn(NamedTuple):
    """Texts, and where their ids go.

    Attributes:
      texts: N of them.
      words: whose ids are looked up, -1 for a text that is none of them; None to hash.
      buckets: the number of ids that hashes are mapped to.
      out: int32 or int64 [N].
    """

    texts: Strings
    words: Optional[Words]
    buckets: int
    out: ndarray


def write_ids(id_columns: Sequence[IdColumn]) -> None:
    """Writes the ids of the texts of some columns, those of neighbouring rows together."""
    if not id_columns:
        return
    array = (columns.IdColumn * len(id_columns))()
    for place, (texts, words, buckets, out) in zip(array, id_columns):
        place.texts = _c_texts(texts)
        if words:
            place.words = ctypes.pointer(words.table)
        place.buckets = buckets
        place.width = out.itemsize
        place.out = out.ctypes.data
    library().zoo_ids(array, len(array))


def integers(texts: Strings, limit: int) -> Optional[ndarray]:
    """Whole numbers from 0 to below the limit, int32 [N]; None if a text is not one."""
    out = np.empty(texts.size, np.int32)
    views = _c_texts(texts)
    valid = library().zoo_integers(views, limit, out)
    return out if valid else None


def numbers(texts: Strings, of_empty: float) -> Optional[ndarray]:
    """Decimal numbers, float64 [N]; None if a text is not one that C++ reads exactly."""
    out = np.empty(texts.size, np.float64)
    views = _c_texts(texts)
    valid = library().zoo_numbers(views, of_empty, out)
    return out if valid else None


def merged_lists(texts: Strings, separator: bytes, words: Optional[Words], buckets: int,
                 dtype: str) -> Optional[Tuple[ndarray, ndarray, ndarray, ndarray]]:
    """Lists in which order does not count: the fields of a Ragged, and items per list, int32 [N].

    Args:
      words, buckets: as for IdColumn.
      dtype: of the ids, 'int32' or 'int64'.

    Returns:
      None if an item is not among the words.
    """
    values, row_splits, lengths = _list_buffers(texts, dtype)
    weights = scratch("weights", len(values), np.float32)
    views = _c_texts(texts)
    table = words.table if words else None
    size = library().zoo_merged_lists(
        views, separator, table, buckets, values.itemsize, values, weights, row_splits,
        lengths)
    if size < 0:
        return None
    return values[:size].copy(), row_splits, weights[:size].copy(), lengths


def sequences(texts: Strings, separator: bytes, words: Optional[Words], buckets: int,
              newest: int, dtype: str) -> Tuple[ndarray, ndarray, ndarray]:
    """The newest items of each list, in order: ids, row splits, items per list, int32 [N].

    Args:
      words, buckets: as for IdColumn.
      newest: the most items of a list.
      dtype: of the ids, 'int32' or 'int64'.
    """
    values, row_splits, lengths = _list_buffers(texts, dtype)
    views = _c_texts(texts)
    table = words.table if words else None
    size = library().zoo_sequences(
        views, separator, table, buckets, newest, values.itemsize, values, row_splits,
        lengths)
    return values[:size].copy(), row_splits, lengths


def _list_buffers(texts: Strings, dtype: str) -> Tuple[ndarray, ndarray, ndarray]:
    """Buffers for the values, row splits and lengths of lists."""
    num_lists = texts.size
    # A text has at most one item more than bytes.
    most_items = texts.views.num_bytes + num_lists * (1 + len(texts.missing))
    values = scratch(dtype + "_values", most_items, dtype)
    row_splits = np.empty(num_lists + 1, np.int64)
    lengths = np.empty(num_lists, np.int32)
    return values, row_splits, lengths


def list_means(texts: Strings, separator: bytes,
               of_empty: float) -> Optional[Tuple[ndarray, ndarray]]:
    """Each list's mean of numbers, float64 [N], and its items, int32 [N]; None as in `numbers`."""
    num_lists = texts.size
    out = np.empty(num_lists, np.float64)
    lengths = np.empty(num_lists, np.int32)
    views = _c_texts(texts)
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
    values = scratch(ids_of.dtype.name + "_values", len(codes), ids_of.dtype)
    weights = scratch("weights", len(codes), np.float32)
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

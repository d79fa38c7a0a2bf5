"""The C++ functions of common/kernels that decode columns, called from NumPy.

Every function has a counterpart in NumPy and pyarrow, which gives the same and serves where there is no compiler, and
where a function finds a value that is not as it should be: it then returns None, and the counterpart names the value.
"""

import ctypes
import functools
import threading
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

import numpy as np
import pyarrow as pa

from common.kernels import native
from common.pipeline import string_views
from common.pipeline.string_views import StringViews

_COUNTING = ("zoo_split", "zoo_merged_lists", "zoo_sequences", "zoo_merge", "zoo_gather_splits")
_ROOM = threading.local()


class _CTexts(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("starts", ctypes.c_void_p), ("ends", ctypes.c_void_p),
                ("size", ctypes.c_int64), ("missing", ctypes.c_char_p), ("missing_size", ctypes.c_int64)]


class _CWords(ctypes.Structure):
    _fields_ = [("texts", _CTexts), ("ids", ctypes.c_void_p), ("slots", ctypes.c_void_p), ("mask", ctypes.c_uint64)]


class Words(NamedTuple):
    """Words in a hash table: what C++ sees of it, and the arrays that it points into."""

    table: Any
    kept: Tuple[Any, ...]


@functools.lru_cache(maxsize=1)
def library() -> Any:
    """The functions of the native library; None where there is none."""
    path = native.load().path
    if not path:
        return None
    loaded = ctypes.CDLL(path)
    for name in _COUNTING:
        getattr(loaded, name).restype = ctypes.c_int64
    return loaded


def _at(array: Optional[np.ndarray]) -> Any:
    return ctypes.c_void_p(array.ctypes.data if array is not None else None)


def _c_texts(texts: StringViews, missing: bytes) -> _CTexts:
    return _CTexts(texts.data.ctypes.data, texts.starts.ctypes.data, texts.ends.ctypes.data, len(texts.starts),
                   missing, len(missing))


def _scratch(name: str, size: int, dtype: Any) -> np.ndarray:
    """Room that every call of this thread uses again: memory that is new to a process costs more than what is done.

    A name stands for room of one dtype.
    """
    room = getattr(_ROOM, name, None)
    if room is None or len(room) < size:
        room = np.empty(size + size // 4, dtype)
        setattr(_ROOM, name, room)
    return room


def split(data: np.ndarray, delimiter: bytes) -> Optional[Tuple[np.ndarray, np.ndarray]]:
    """Where the fields of text end, int32, and which of them, by number, end a line, int32; None if not compiled."""
    found = library()
    if found is None:
        return None
    fields, lines = [_scratch(name, len(data) + 8, np.int32) for name in ("fields", "lines")]
    count = ctypes.c_int64()
    num_lines = found.zoo_split(_at(data), ctypes.c_int64(len(data)), ctypes.c_char(delimiter), _at(fields), _at(lines),
                                ctypes.byref(count))
    return fields[:count.value].copy(), lines[:num_lines].copy()


def fingerprints(texts: StringViews, missing: bytes = b"") -> np.ndarray:
    """TensorFlow's Fingerprint64 of each text, uint64 [N]; an empty one stands for the missing one."""
    out = np.empty(len(texts.starts), np.uint64)
    library().zoo_fingerprints(ctypes.byref(_c_texts(texts, missing)), _at(out))
    return out


def make_words(ids_of: Dict[bytes, int]) -> Words:
    """A hash table of words and their ids."""
    texts = string_views.from_arrow(pa.array(list(ids_of), pa.binary()))
    numbers = np.array(list(ids_of.values()), np.int32)
    slots = np.zeros(4 << len(ids_of).bit_length(), np.int32)
    table = _CWords(_c_texts(texts, b""), numbers.ctypes.data, slots.ctypes.data, len(slots) - 1)
    library().zoo_add_words(ctypes.byref(table))
    return Words(table, (texts, numbers, slots))


def _of(words: Optional[Words]) -> Any:
    return ctypes.byref(words.table) if words else None


def _width(array: np.ndarray) -> Any:
    """How many bytes C++ takes for each item of an array that may be of 4 or 8."""
    return ctypes.c_int(array.itemsize)


def ids(texts: StringViews, words: Optional[Words], buckets: int, missing: bytes, out: np.ndarray) -> None:
    """Writes the id of each text, int32 or int64 [N]: that of the words (-1 if it is none), else its bucket."""
    library().zoo_ids(ctypes.byref(_c_texts(texts, missing)), _of(words), ctypes.c_uint64(buckets), _width(out),
                      _at(out))


def integers(texts: StringViews, limit: int, missing: bytes) -> Optional[np.ndarray]:
    """Whole numbers from 0 to below the limit, int32 [N]; None where a text is none."""
    out = np.empty(len(texts.starts), np.int32)
    return out if library().zoo_integers(ctypes.byref(_c_texts(texts, missing)), ctypes.c_int64(limit),
                                         _at(out)) else None


def numbers(texts: StringViews, of_empty: float) -> Optional[np.ndarray]:
    """Decimal numbers, float64 [N]; None where a text is none that C++ reads exactly."""
    out = np.empty(len(texts.starts), np.float64)
    return out if library().zoo_numbers(ctypes.byref(_c_texts(texts, b"")), ctypes.c_double(of_empty),
                                        _at(out)) else None


def merged_lists(texts: StringViews, separator: bytes, words: Optional[Words], buckets: int,
                 missing: bytes, dtype: str) -> Optional[Tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """Lists of items in which order does not count, as the fields of a Ragged, and the items of each, int32 [N].

    Returns None where an item is not among the words; dtype is that of the ids, 'int32' or 'int64'.
    """
    values, row_splits, lengths = _list_buffers(texts, missing, dtype)
    weights = _scratch("weights", len(values), np.float32)
    count = library().zoo_merged_lists(ctypes.byref(_c_texts(texts, missing)), ctypes.c_char(separator), _of(words),
                                       ctypes.c_uint64(buckets), _width(values), _at(values), _at(weights),
                                       _at(row_splits), _at(lengths))
    return None if count < 0 else (values[:count].copy(), row_splits, weights[:count].copy(), lengths)


def sequences(texts: StringViews, separator: bytes, words: Optional[Words], buckets: int, newest: int,
              missing: bytes, dtype: str) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The newest items of lists in their order: ids (-1 for what is no word), row splits, the items of each [N].

    dtype is that of the ids, 'int32' or 'int64'.
    """
    values, row_splits, lengths = _list_buffers(texts, missing, dtype)
    count = library().zoo_sequences(ctypes.byref(_c_texts(texts, missing)), ctypes.c_char(separator), _of(words),
                                    ctypes.c_uint64(buckets), ctypes.c_int64(newest), _width(values), _at(values),
                                    _at(row_splits), _at(lengths))
    return values[:count].copy(), row_splits, lengths


def _list_buffers(texts: StringViews, missing: bytes, dtype: str) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Room for the values, row splits and lengths of lists; a text has at most one item more than bytes."""
    size = len(texts.starts)
    return (_scratch(dtype + "_values", texts.num_bytes + size * (1 + len(missing)), dtype),
            np.empty(size + 1, np.int64), np.empty(size, np.int32))


def list_means(texts: StringViews, separator: bytes, of_empty: float) -> Optional[Tuple[np.ndarray, np.ndarray]]:
    """The mean of each list of numbers, float64 [N], and its items, int32 [N]; None as numbers gives it."""
    out, lengths = np.empty(len(texts.starts), np.float64), np.empty(len(texts.starts), np.int32)
    return (out, lengths) if library().zoo_list_means(
        ctypes.byref(_c_texts(texts, b"")), ctypes.c_char(separator), ctypes.c_double(of_empty), _at(out),
        _at(lengths)) else None


def merge(codes: np.ndarray, splits: np.ndarray, ids_of: np.ndarray) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Lists of codes, int32, whose ids, int32 or int64 [D], are given, as the fields of a Ragged; -1 is left out."""
    values = _scratch(ids_of.dtype.name + "_values", len(codes), ids_of.dtype)
    weights, row_splits = _scratch("weights", len(codes), np.float32), np.empty(len(splits), np.int64)
    count = library().zoo_merge(_at(codes), _at(splits), ctypes.c_int64(len(splits) - 1), _width(ids_of), _at(ids_of),
                                _at(values), _at(weights), _at(row_splits))
    return values[:count].copy(), row_splits, weights[:count].copy()


def means(codes: Optional[np.ndarray], splits: np.ndarray, values: np.ndarray, of_empty: float) -> np.ndarray:
    """The mean of the values, float64 [D], of each list of codes, int32, NaN left out, float64 [L]."""
    out = np.empty(len(splits) - 1, np.float64)
    library().zoo_means(_at(codes), _at(splits), ctypes.c_int64(len(out)), _at(values), ctypes.c_double(of_empty),
                        _at(out))
    return out


def gather(splits: np.ndarray, rows: np.ndarray, *values: np.ndarray) -> List[np.ndarray]:
    """The row splits of the chosen lists, rows int64 [M], and their items among each of values, of 4 or 8 bytes."""
    row_splits = np.empty(len(rows) + 1, np.int64)
    size = ctypes.c_int64(len(rows))
    total = library().zoo_gather_splits(_at(splits), _at(rows), size, _at(row_splits))
    gathered = [row_splits]
    for array in values:
        out = np.empty(total, array.dtype)
        library().zoo_gather(_width(array), _at(array), _at(splits), _at(rows), size, _at(out))
        gathered.append(out)
    return gathered

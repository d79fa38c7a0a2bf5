"""The C++ functions of columns.cc, fields.cc, lines.cc, lists.cc and pages.cc, for arrays."""

import ctypes
import functools
from ctypes import POINTER, c_char, c_char_p, c_double, c_int, c_int64, c_uint64, c_void_p
from typing import Any, Optional

import numpy as np

from common.kernels import native


class Text(ctypes.Structure):
    """`Text` of texts.h."""

    _fields_ = [("begin", c_void_p), ("end", c_void_p)]


class Nulls(ctypes.Structure):
    """`Nulls` of texts.h."""

    _fields_ = [("texts", POINTER(Text)), ("size", c_int64), ("sizes", c_uint64)]


class Texts(ctypes.Structure):
    """`Texts` of texts.h."""

    _fields_ = [("data", c_void_p), ("starts", c_void_p), ("ends", c_void_p), ("size", c_int64),
                ("missing", ctypes.c_char_p), ("missing_size", c_int64), ("data_size", c_int64),
                ("nulls", POINTER(Nulls))]


class Words(ctypes.Structure):
    """`Words` of texts.h."""

    _fields_ = [("texts", Texts), ("ids", c_void_p), ("slots", c_void_p), ("mask", c_uint64)]


class IdColumn(ctypes.Structure):
    """`IdColumn` of columns.cc."""

    _fields_ = [("texts", Texts), ("words", POINTER(Words)), ("buckets", c_uint64),
                ("width", c_int64), ("out", c_void_p)]


class Table(ctypes.Structure):
    """`Table` of fields.cc."""

    _fields_ = [("width", c_int64), ("num_columns", c_int64), ("columns", c_void_p),
                ("num_lines", c_int64), ("stride", c_int64), ("starts", c_void_p),
                ("ends", c_void_p)]


class Column(ctypes.Structure):
    """`Column` of pages.cc."""

    _fields_ = [(name, c_int64) for name in (
        "width", "max_repetition", "max_definition", "item_definition", "num_rows",
        "num_entries", "num_bytes", "num_items", "num_nulls", "num_values")]


class Page(ctypes.Structure):
    """`Page` of pages.cc."""

    _fields_ = [(name, c_int64) for name in (
        "kind", "encoding", "num_values", "repetition", "definition", "is_packed", "packed_size",
        "size", "start", "address")]


class Array:
    """The type of an argument that is a NumPy array or None: for C++, a pointer to its items."""

    @staticmethod
    def from_param(array: Optional[np.ndarray]) -> Any:
        """The pointer; ctypes calls this for each argument."""
        return c_void_p(None if array is None else array.ctypes.data)


_TEXTS, _WORDS = POINTER(Texts), POINTER(Words)
_TYPES = {  # the result's, then the arguments'
    "zoo_split": (c_int64, Array, c_int64, c_char, Array, Array, POINTER(c_int64)),
    "zoo_fields": (c_int, c_char_p, c_int64, c_char, POINTER(Table), POINTER(c_int)),
    "zoo_line_cuts": (c_int64, Array, c_int64, c_int64, POINTER(c_int64), Array),
    "zoo_fingerprints": (None, _TEXTS, Array),
    "zoo_add_words": (None, _WORDS),
    "zoo_ids": (None, POINTER(IdColumn), c_int64),
    "zoo_integers": (c_int, _TEXTS, c_int64, Array),
    "zoo_numbers": (c_int, _TEXTS, c_double, Array),
    "zoo_merged_lists": (c_int64, _TEXTS, c_char, _WORDS, c_uint64, c_int, Array, Array, Array,
                         Array),
    "zoo_sequences": (c_int64, _TEXTS, c_char, _WORDS, c_uint64, c_int64, c_int, Array, Array,
                      Array),
    "zoo_list_means": (c_int, _TEXTS, c_char, c_double, Array, Array),
    "zoo_merge": (c_int64, Array, Array, c_int64, c_int, Array, Array, Array, Array),
    "zoo_means": (None, Array, Array, c_int64, Array, c_double, Array),
    "zoo_pages": (c_int64, c_char_p, c_int64, c_int, POINTER(Column), POINTER(Page), c_int64),
    "zoo_read_pages": (c_int64, c_char_p, POINTER(Page), c_int64, POINTER(Column), Array, Array,
                       Array, Array),
    "zoo_gather_splits": (c_int64, Array, Array, c_int64, Array),
    "zoo_gather": (None, c_int, Array, Array, Array, c_int64, Array),
}


@functools.lru_cache(maxsize=1)
def library() -> Any:
    """The functions of the native library; None where there is none."""
    path = native.load().path
    if not path:
        return None
    loaded = ctypes.CDLL(path)
    for name, (result, *arguments) in _TYPES.items():
        function = getattr(loaded, name)
        function.restype = result
        function.argtypes = arguments
    return loaded

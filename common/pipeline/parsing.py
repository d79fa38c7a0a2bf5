"""Columns of strings or numbers of any type to integers and numbers; strings that are no UTF-8."""

import re
from typing import Optional, Tuple

import numpy as np
import pyarrow as pa
from numpy import ndarray

from common.pipeline.string_views import is_empty_string, is_utf8

_INTEGER = re.compile(rb"\s*-?[0-9]{1,18}\s*")
_NUMBER = re.compile(rb"\s*[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]{1,4})?\s*")
_MAX_SHOWN = 80


def with_missing(array: pa.DictionaryArray, missing: bytes) -> Tuple[pa.Array, ndarray]:
    """A dictionary's values and each row's index into them; nulls index an added last value."""
    values = array.dictionary
    indices = array.indices
    if indices.null_count:
        indices = indices.fill_null(len(values))
        of_null = pa.array([missing], pa.binary())
        values = pa.concat_arrays([values, of_null])
    return values, indices.to_numpy()


def parse_integers(values: pa.BinaryArray, default: bytes) -> ndarray:
    """Strings as int64 [D], -1 for those that are no whole number; empty ones are the default."""
    integers = np.full(len(values), -1)
    for position, value in enumerate(values.to_pylist()):
        text = value or default
        if _INTEGER.fullmatch(text):
            integers[position] = int(text)
    return integers


def parse_numbers(values: pa.BinaryArray) -> ndarray:
    """Strings as float64 [D], NaN for those that are no decimal number."""
    numbers = _numbers_by_arrow(values)
    if numbers is not None:
        is_finite = np.isfinite(numbers)
        if is_finite.all():
            return numbers
    texts = values.to_pylist()
    numbers = [_number(text) for text in texts]
    return np.array(numbers, np.float64)


def _numbers_by_arrow(values: pa.BinaryArray) -> Optional[ndarray]:
    try:
        text = values.cast(pa.string())
        numbers = text.cast(pa.float64())
    except pa.ArrowInvalid:
        return None
    return numbers.to_numpy(zero_copy_only=False)


def _number(text: bytes) -> float:
    if _NUMBER.fullmatch(text):
        return float(text)
    return np.nan


def is_blank(values: pa.BinaryArray) -> ndarray:
    """Which strings are empty or white space, bool [D]."""
    texts = values.to_pylist()
    blanks = [not text.strip() for text in texts]
    return np.array(blanks, bool)


def small_integers(array: pa.Array, limit: int) -> Optional[ndarray]:
    """The integers of an int32 array from 0 to below the limit; None if it holds anything else."""
    is_plain = pa.types.is_int32(array.type) and not array.null_count
    if not is_plain or not len(array):
        return None
    integers = array.to_numpy()
    if integers.min() < 0 or integers.max() >= limit:
        return None
    return integers


def any_integers(array: pa.Array, default: bytes) -> ndarray:
    """Integers of any type or string, int64 [N]; -1 for what is none."""
    if pa.types.is_dictionary(array.type):
        values, index = with_missing(array, default)
        integers = parse_integers(values, default)
        return integers[index]
    wide = array.cast(pa.int64(), safe=False)
    of_null = int(default or -1)
    filled = wide.fill_null(of_null)
    return filled.to_numpy()


def any_numbers(array: pa.Array, default: float) -> ndarray:
    """Numbers of any type or string, float64 [N]; NaN for what is none, default for nothing."""
    if pa.types.is_dictionary(array.type):
        values, index = with_missing(array, b"")
        numbers = parse_numbers(values)
        blank = is_blank(values)
        filled = np.where(blank, default, numbers)
        return filled[index]
    is_null = array.is_null().to_numpy(zero_copy_only=False)
    wide = array.cast(pa.float64(), safe=False)
    numbers = wide.to_numpy(zero_copy_only=False)
    return np.where(is_null, default, numbers)


def item_numbers(names: pa.Array) -> Tuple[ndarray, ndarray]:
    """The items of lists as float64 [D], and which of them are missing, bool [D]."""
    if pa.types.is_floating(names.type):
        is_null = np.array(names.is_null(), bool)
        return names.to_numpy(zero_copy_only=False), is_null
    return parse_numbers(names), is_empty_string(names)


def not_utf8(values: pa.BinaryArray) -> Optional[ndarray]:
    """Which strings are no UTF-8, bool [D]; None if all are."""
    if is_utf8(values):
        return None
    texts = values.to_pylist()
    is_bad = [not _can_decode(text) for text in texts]
    return np.array(is_bad)


def _can_decode(value: bytes) -> bool:
    try:
        value.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def shown(value: object) -> str:
    """A value as a message shows it, at most 80 characters."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "backslashreplace")
    text = "" if value is None else str(value)
    if len(text) <= _MAX_SHOWN:
        return text
    ellipsis = "..."
    size = _MAX_SHOWN - len(ellipsis)
    return text[:size] + ellipsis

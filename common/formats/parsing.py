"""Columns of strings or numbers of any type to integers and numbers; strings that are no UTF-8."""

import re
from typing import Optional, Tuple

import numpy as np
import pyarrow as pa
from numpy import ndarray

from common.formats.string_views import is_empty_string, is_utf8

_INTEGER = re.compile(rb"\s*-?[0-9]{1,18}\s*")
_NUMBER = re.compile(rb"\s*[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]{1,4})?\s*")
_MAX_SHOWN = 80
_MAX_WHOLE = 2.0 ** 63


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
    """The integers of an array from 0 to below the limit, int32; None if it holds others."""
    is_plain = pa.types.is_integer(array.type) and not array.null_count
    if not is_plain or not len(array):
        return None
    integers = array.to_numpy()
    if integers.min() < 0 or integers.max() >= limit:
        return None
    return integers.astype(np.int32, copy=False)


def any_integers(array: pa.Array, default: bytes) -> ndarray:
    """Integers of any type, whole floats or strings, int64 [N]; -1 for what is none."""
    if pa.types.is_dictionary(array.type):
        values, index = with_missing(array, default)
        integers = parse_integers(values, default)
        return integers[index]
    if pa.types.is_floating(array.type):
        return _whole_numbers(array, default)
    wide = array.cast(pa.int64(), safe=False)
    of_null = int(default or -1)
    filled = wide.fill_null(of_null)
    return filled.to_numpy()


def _whole_numbers(array: pa.FloatingPointArray, default: bytes) -> ndarray:
    """Floats as int64 [N], -1 for those that are not whole; the default for nulls and NaN."""
    floats = array.cast(pa.float64()).to_numpy(zero_copy_only=False)
    with np.errstate(invalid="ignore"):
        is_whole = (np.trunc(floats) == floats) & (np.abs(floats) < _MAX_WHOLE)
    integers = np.where(is_whole, floats, -1).astype(np.int64)
    of_missing = int(default or -1)
    return np.where(np.isnan(floats), of_missing, integers)


def any_numbers(array: pa.Array, default: float) -> ndarray:
    """Numbers of any type or string, float64 [N]; NaN for what is none.

    The default stands for what is missing: a null, a float that is NaN, an empty string.
    """
    if pa.types.is_dictionary(array.type):
        values, index = with_missing(array, b"")
        numbers = parse_numbers(values)
        blank = is_blank(values)
        filled = np.where(blank, default, numbers)
        return filled[index]
    wide = array.cast(pa.float64(), safe=False)
    numbers = wide.to_numpy(zero_copy_only=False)  # NaN for a null
    return np.where(np.isnan(numbers), default, numbers)


def item_numbers(names: pa.Array) -> Tuple[ndarray, ndarray]:
    """The items of lists as float64 [D], and which of them are missing, bool [D]."""
    if pa.types.is_floating(names.type):
        numbers = names.to_numpy(zero_copy_only=False)  # NaN for a null
        return numbers, np.isnan(numbers)
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

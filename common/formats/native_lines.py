"""Lines of text taken apart by C++ functions of common/kernels, as native_columns decodes columns.
"""

import ctypes
from typing import Optional, Sequence, Tuple

import numpy as np
from numpy import ndarray

from common.formats import native_columns as compiled
from common.kernels.pipeline import columns

_LINE_ITEMS = 16  # numbers of 4 bytes in a line of a cache


def split(data: ndarray, delimiter: bytes) -> Optional[Tuple[ndarray, ndarray]]:
    """Where fields of text end, int32, and the numbers of those that end a line, int32.

    Returns None where there is no native library.
    """
    functions = compiled.library()
    if functions is None:
        return None
    size = len(data)
    fields = compiled.scratch("fields", size + 8, np.int32)
    lines = compiled.scratch("lines", size + 8, np.int32)
    num_fields = ctypes.c_int64()
    num_lines = functions.zoo_split(data, size, delimiter, fields, lines, num_fields)
    return fields[:num_fields.value].copy(), lines[:num_lines].copy()


def fields(
    data: bytes,
    delimiter: bytes,
    width: int,
    columns_read: Sequence[int],
    num_lines: int,
) -> Optional[Tuple[ndarray, ndarray, bool]]:
    """Where the fields of some columns begin and end, int32 [C, N] each, and whether text is ASCII.

    Args:
      data: whole lines.
      width: how many columns the lines have.
      columns_read: which of them, from 0.

    Returns:
      None where a line has another number of fields, or a '\\r' elsewhere than at its end, which is
      no part of its last field; where there are not num_lines of them; without a native library.
    """
    functions = compiled.library()
    if functions is None:
        return None
    # A power of two between two columns would put all columns into the same lines of a cache.
    stride = num_lines + _LINE_ITEMS
    bounds = np.empty([2, len(columns_read), stride], np.int32)
    starts, ends = bounds
    places = np.array(columns_read, np.int32)
    table = columns.Table(width, len(places), places.ctypes.data, num_lines, stride,
                          starts.ctypes.data, ends.ctypes.data)
    is_ascii = ctypes.c_int()
    if not functions.zoo_fields(data, len(data), delimiter, table, is_ascii):
        return None
    return starts[:, :num_lines], ends[:, :num_lines], bool(is_ascii.value)


def line_cuts(data: ndarray, run: int, lines: int) -> Optional[Tuple[ndarray, int]]:
    """Where text is cut behind every `run` lines, int64, and the lines behind the last cut.

    Args:
      lines: how many lines there are between the cut before and the text.

    Returns:
      None where there is no native library.
    """
    functions = compiled.library()
    if functions is None:
        return None
    count = ctypes.c_int64(lines)
    most_cuts = (lines + len(data)) // run
    cuts = np.empty(most_cuts, np.int64)
    num_cuts = functions.zoo_line_cuts(data, len(data), run, count, cuts)
    return cuts[:num_cuts], count.value

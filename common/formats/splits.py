"""Splits: where the pieces of one flat array begin and end."""

from typing import Optional, Tuple

import numpy as np
from numpy import ndarray


def splits_of(lengths: ndarray) -> ndarray:
    """Splits of pieces of these lengths: piece i is [splits[i]:splits[i + 1]], int64 [N + 1]."""
    size = len(lengths) + 1
    splits = np.zeros(size, np.int64)
    ends = splits[1:]
    np.cumsum(lengths, out=ends)
    return splits


def starts_after(ends: ndarray) -> ndarray:
    """Where pieces begin that end at a separator each, the first at 0; ends are the separators'."""
    previous = ends[:-1]
    behind = previous + 1
    return np.concatenate([[0], behind])


def ranges(starts: ndarray, lengths: ndarray) -> Tuple[ndarray, ndarray]:
    """The numbers starts[i], starts[i] + 1, ... of all ranges, one range after another.

    Returns:
      the numbers, int64 [sum of lengths], and their splits, int64 [N + 1].
    """
    splits = splits_of(lengths)
    firsts = splits[:-1]
    shifts = starts - firsts
    total = splits[-1]
    numbers = np.arange(total)
    shift_of_each = np.repeat(shifts, lengths)
    return numbers + shift_of_each, splits


def contiguous(array: ndarray, dtype: Optional[type] = None) -> ndarray:
    """The array as C++ takes it: contiguous, and of a type."""
    return np.ascontiguousarray(array, dtype)

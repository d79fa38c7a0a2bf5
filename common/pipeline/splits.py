"""Splits: where the pieces of one flat array begin and end."""

from typing import Optional, Tuple

import numpy as np
from numpy import ndarray


def splits_of(lengths: ndarray) -> ndarray:
    """Splits of pieces of these lengths: piece i is [splits[i]:splits[i + 1]], int64 [N + 1]."""
    splits = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=splits[1:])
    return splits


def starts_after(ends: ndarray) -> ndarray:
    """Where pieces begin that end at a separator each, the first at 0; ends are the separators'."""
    behind = ends[:-1] + 1
    return np.concatenate([[0], behind])


def ranges(starts: ndarray, lengths: ndarray) -> Tuple[ndarray, ndarray]:
    """The numbers starts[i], starts[i] + 1, ... of all ranges, one range after another.

    Returns:
      the numbers, int64 [sum of lengths], and their splits, int64 [N + 1].
    """
    splits = splits_of(lengths)
    shifts = starts - splits[:-1]
    numbers = np.arange(splits[-1])
    return numbers + np.repeat(shifts, lengths), splits


def contiguous(array: ndarray, dtype: Optional[type] = None) -> ndarray:
    """The array as C++ takes it: contiguous, and of a type."""
    return np.ascontiguousarray(array, dtype)

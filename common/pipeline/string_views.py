"""Strings that lie in a buffer: a column of a text file as it was read, or the values of a pyarrow array."""

import sys
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute


class StringViews(NamedTuple):
    """Strings where they lie.

    Attributes:
      data: the buffer, uint8.
      starts, ends: text i is data[starts[i]:ends[i]], int32 [N].
    """

    data: np.ndarray
    starts: np.ndarray
    ends: np.ndarray

    @property
    def num_bytes(self) -> int:
        """The bytes of all texts."""
        return int(self.ends.sum(dtype=np.int64) - self.starts.sum(dtype=np.int64))

    def to_arrow(self) -> pa.BinaryArray:
        """The texts as a pyarrow array; they must lie one behind another."""
        offsets = np.stack([self.starts, self.ends], 1).ravel()  # every second piece lies between two texts
        if not len(offsets):
            return pa.array([], pa.binary())
        pieces = pa.Array.from_buffers(pa.binary(), len(offsets) - 1, [None, pa.py_buffer(offsets),
                                                                       pa.py_buffer(self.data)])
        return pieces.take(pa.array(np.arange(0, len(offsets), 2)))


def from_arrow(values: pa.BinaryArray) -> StringViews:
    """The values of an array without nulls, without a copy."""
    if not len(values):
        return StringViews(np.zeros(0, np.uint8), np.zeros(0, np.int32), np.zeros(0, np.int32))
    _, offsets, data = values.buffers()
    ends = np.frombuffer(offsets, np.int32)[values.offset:values.offset + len(values) + 1]
    return StringViews(np.frombuffer(data or b"", np.uint8), ends[:-1], ends[1:])


def is_utf8(values: pa.BinaryArray) -> bool:
    """Whether all values are UTF-8."""
    try:
        values.cast(pa.string())
    except pa.ArrowInvalid:
        return False
    return True


def split_at(data: bytes, ends: np.ndarray) -> pa.BinaryArray:
    """The pieces of data that end at the given positions (ascending, the last at the end), without a copy.

    Each piece keeps the separator that ends it, which without_last drops where few pieces are left.
    """
    offsets = np.zeros(len(ends) + 1, np.int32)
    np.add(ends, 1, out=offsets[1:], casting="unsafe")
    return pa.Array.from_buffers(pa.binary(), len(ends), [None, pa.py_buffer(offsets), pa.py_buffer(data)])


def without_last(values: pa.BinaryArray) -> pa.BinaryArray:
    """Each value without its last byte."""
    return pa.compute.binary_replace_slice(values, -1, sys.maxsize, b"")

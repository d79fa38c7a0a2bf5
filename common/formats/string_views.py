"""Strings as views into a buffer: a column of a text file as it was read, or a pyarrow array."""

import sys
from typing import Any, NamedTuple, Optional

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy import ndarray


_HIGH_BITS = np.uint64(0x8080808080808080)


class StringViews(NamedTuple):
    """Strings that lie in a buffer.

    Attributes:
      data: the buffer, uint8.
      starts, ends: string i is data[starts[i]:ends[i]], int32 [N].
    """

    data: ndarray
    starts: ndarray
    ends: ndarray

    @property
    def num_bytes(self) -> int:
        """The bytes of all strings."""
        before = self.starts.sum(dtype=np.int64)
        until = self.ends.sum(dtype=np.int64)
        return int(until - before)

    def value(self, position: int) -> bytes:
        """One of the strings."""
        return self.data[self.starts[position]:self.ends[position]].tobytes()

    def to_arrow(self) -> pa.BinaryArray:
        """The strings as a pyarrow array; they must lie in the buffer in their order."""
        columns = [self.starts, self.ends]
        bounds = np.stack(columns, 1)
        offsets = bounds.ravel()
        if not len(offsets):
            return pa.array([], pa.binary())
        pieces = _binary_array(offsets, self.data)
        strings = np.arange(0, len(offsets), 2)  # every other piece lies between two strings
        return pieces.take(pa.array(strings))


class Strings(NamedTuple):
    """Strings as C++ takes them.

    Attributes:
      views: where they lie.
      missing: what an empty one stands for.
      nulls: strings that count as empty ones, as native_columns.make_nulls has them; None for none.
    """

    views: StringViews
    missing: bytes = b""
    nulls: Any = None

    @property
    def size(self) -> int:
        """How many strings there are."""
        return len(self.views.starts)


class StringColumn(NamedTuple):
    """A column of strings as C++ takes it.

    Attributes:
      values: strings [D].
      value_of_row: each row's index into the values, int [N]; None if row i has value i.
    """

    values: Strings
    value_of_row: Optional[ndarray]

    def by_row(self, decoded: ndarray) -> ndarray:
        """What the values were decoded to [D], for each row [N]."""
        if self.value_of_row is None:
            return decoded
        return decoded.take(self.value_of_row)


def from_arrow(values: pa.BinaryArray) -> StringViews:
    """The values of an array without nulls, without a copy."""
    size = len(values)
    if not size:
        nowhere = np.zeros(0, np.int32)
        return StringViews(np.zeros(0, np.uint8), nowhere, nowhere)
    _, offsets, data = values.buffers()
    all_bounds = np.frombuffer(offsets, np.int32)
    first = values.offset
    bounds = all_bounds[first:first + size + 1]
    content = np.frombuffer(data or b"", np.uint8)
    starts = bounds[:-1]
    ends = bounds[1:]
    return StringViews(content, starts, ends)


def is_empty_string(values: pa.BinaryArray) -> ndarray:
    """Which strings are empty, bool [D]."""
    lengths = pc.binary_length(values)
    is_empty = pc.equal(lengths, 0)
    return np.array(is_empty, bool)


def is_utf8(values: pa.BinaryArray) -> bool:
    """Whether all values are UTF-8."""
    if _are_ascii(values):
        return True
    try:
        values.cast(pa.string())
    except pa.ArrowInvalid:
        return False
    return True


def _are_ascii(values: pa.BinaryArray) -> bool:
    """Whether all values are ASCII, which is told sooner and nearly always so."""
    views = from_arrow(values)
    if not len(views.starts):
        return True
    content = views.data[views.starts[0]:views.ends[-1]]
    num_whole = len(content) // 8 * 8
    words = content[:num_whole].view(np.uint64)
    in_words = np.bitwise_or.reduce(words) & _HIGH_BITS
    return not in_words and not (content[num_whole:] & 0x80).any()


def is_utf8_text(data: bytes) -> bool:
    """Whether data are UTF-8."""
    if data.isascii():
        return True
    whole = np.array([0, len(data)], np.int32)
    return is_utf8(_binary_array(whole, data))


def split_at(data: bytes, ends: ndarray) -> pa.BinaryArray:
    """The pieces of data that end at some positions (ascending, the last at the end), not copied.

    Each piece keeps the separator that ends it, which without_last drops where few pieces are left.
    """
    offsets = np.zeros(len(ends) + 1, np.int32)
    np.add(ends, 1, out=offsets[1:], casting="unsafe")
    return _binary_array(offsets, data)


def without_last(values: pa.BinaryArray) -> pa.BinaryArray:
    """Each value without its last byte."""
    return pc.binary_replace_slice(values, -1, sys.maxsize, b"")


def _binary_array(offsets: ndarray, data: object) -> pa.BinaryArray:
    """The pieces of data between offsets, int32 [N + 1], without a copy."""
    size = len(offsets) - 1
    no_nulls = None
    bounds = pa.py_buffer(offsets)
    content = pa.py_buffer(data)
    buffers = [no_nulls, bounds, content]
    return pa.Array.from_buffers(pa.binary(), size, buffers)

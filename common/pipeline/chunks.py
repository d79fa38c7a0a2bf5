"""What files of rows are read into, and the error of what cannot be read."""

from typing import Any, Dict, List, NamedTuple

import numpy as np


class Reject(NamedTuple):
    """One row that cannot be used: its number in the file from 0, its column, its value and what was expected."""

    row: int
    column: str
    value: str
    expected: str


class Chunk(NamedTuple):
    """A part of a file: its first row (from 0), its rows, and where it lies (byte range, or row group and 0)."""

    first_row: int
    num_rows: int
    start: int
    size: int


class RawColumns(NamedTuple):
    """What a chunk reads into.

    Attributes:
      arrays: name -> array [N]: a DictionaryArray of binary values; in Parquet also integers, floats, and lists of
        dictionary-encoded binary values, integers or floats. Where they were asked for, StringViews of valid UTF-8,
        of which an empty one may stand for a null.
      rows: the rows' numbers in the file from 0, int64 [N].
      rejects: rows that could not be split into columns; they are not among the N.
    """

    arrays: Dict[str, Any]
    rows: np.ndarray
    rejects: List[Reject]

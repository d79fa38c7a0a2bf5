"""What files of rows are read into, and what is said of a row that cannot be used."""

from typing import Any, Dict, List, NamedTuple, Optional

import numpy as np

ROW_BITS = 40  # a file has fewer than 2**40 rows, and there are fewer than 2**23 files


def first_row_of(file: int) -> int:
    """The number of the first row of a file, of which there are several."""
    return file << ROW_BITS


def file_of(row: int) -> int:
    """The number of the file that a row is in."""
    return row >> ROW_BITS


def row_in_file(row: int) -> int:
    """A row's number in its file, from 0."""
    return row - first_row_of(file_of(row))


class Reject(NamedTuple):
    """One row that cannot be used.

    Attributes:
      row: its number, from 0.
      column: the column at fault; empty where the row could not be split into columns.
      value: what the file holds.
      expected: what it should hold.
    """

    row: int
    column: str
    value: str
    expected: str


class Chunk(NamedTuple):
    """A part of a file that is read at a time.

    Attributes:
      first_row: the number of its first row, from 0.
      num_rows: its rows.
      start, size: where it lies: a range of bytes, or the number of a row group and the bytes that
        all of its columns take unpacked.
    """

    first_row: int
    num_rows: int
    start: int
    size: int


def numbered(chunk: Chunk, number: int) -> Chunk:
    """A chunk of one file, its first row numbered among all files."""
    return chunk._replace(first_row=first_row_of(number) + chunk.first_row)


class RawColumns(NamedTuple):
    """The columns of a chunk as the file holds them.

    Attributes:
      arrays: name -> array [N]: a DictionaryArray of binary values; in Parquet also integers,
        floats, and lists of dictionary-encoded binary values, integers or floats. On request,
        StringViews of valid UTF-8, in which an empty string may stand for a null.
      rows: the rows' numbers from 0, int64 [N].
      rejects: rows that could not be split into columns; they are not among the N.
      starts: where the rows of each chunk begin among the N, int [C]; one chunk if None.
    """

    arrays: Dict[str, Any]
    rows: np.ndarray
    rejects: List[Reject]
    starts: Optional[np.ndarray] = None

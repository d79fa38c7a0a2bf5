"""Reviews divided by user into files, so that all reviews of a user are in memory at once.

Memory holds the reviews of one file, a NUM_BUCKETS-th of all.
"""

import contextlib
import os
import zlib
from typing import Iterable, List, Sequence

import numpy as np
import pyarrow as pa

from data import ragged
from data.din.tables import REVIEWS, one_array

NUM_BUCKETS = 64


def partition(
        tables: Iterable[pa.Table],
        folder: str,
        num_buckets: int = NUM_BUCKETS,
) -> List[str]:
    """Divides reviews by a hash of their user into files of a folder; returns the files' paths.

    Args:
      tables: the reviews, with the columns of REVIEWS.
      folder: an existing folder.
      num_buckets: how many files to write.
    """
    pattern = os.path.join(folder, "bucket{:03d}")
    paths = [pattern.format(i) for i in range(num_buckets)]
    with contextlib.ExitStack() as stack:
        writers = []
        for bucket in paths:
            file = stack.enter_context(open(bucket, "wb"))
            writer = pa.ipc.new_stream(file, REVIEWS)
            writers.append(stack.enter_context(writer))
        for table in tables:
            _write_by_user(table, writers)
    return paths


def _write_by_user(table: pa.Table, writers: Sequence[pa.RecordBatchStreamWriter]) -> None:
    """Writes all rows of a user with the same one of the writers."""
    num_buckets = len(writers)
    users = table.column("user").to_pylist()
    hashes = np.array(list(map(zlib.crc32, users)))
    bucket = hashes % num_buckets
    order = np.argsort(bucket, kind="stable")
    table = table.take(order)
    sizes = np.bincount(bucket, minlength=num_buckets)
    starts = ragged.starts(sizes)
    for writer, start, size in zip(writers, starts, sizes):
        part = table.slice(start, size)
        writer.write_table(part)


def read(path: str) -> pa.Table:
    """The reviews of one file, in the order in which they were written."""
    with open(path, "rb") as file:
        with pa.ipc.open_stream(file) as stream:
            table = stream.read_all()
    return table.combine_chunks()


def drop_equal(path: str) -> int:
    """Leaves one of each set of equal reviews in a file; returns how many were dropped."""
    table = read(path)
    distinct = _first_of_equal(table)
    num_dropped = table.num_rows - len(distinct)
    if num_dropped:
        with open(path, "wb") as file, pa.ipc.new_stream(file, REVIEWS) as writer:
            writer.write_table(table.take(distinct))
    return num_dropped


def _first_of_equal(table: pa.Table) -> np.ndarray:
    """The index of the first of each set of equal rows, ascending."""
    columns = [_codes(table, name) for name in table.column_names]
    order = np.lexsort(columns)  # stable, so the first of equal rows stays first
    is_new = np.zeros(len(order), bool)
    is_new[:1] = True
    for column in columns:
        values = column[order]
        is_new[1:] |= values[1:] != values[:-1]
    return np.sort(order[is_new])


def _codes(table: pa.Table, name: str) -> np.ndarray:
    """A column's values as integers that are equal where the values are."""
    array = one_array(table, name)
    if pa.types.is_binary(array.type):
        array = array.dictionary_encode().indices
    return array.to_numpy()

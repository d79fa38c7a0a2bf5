"""Rows of the toy schema in many files, for tests."""

from typing import List, Sequence

import numpy as np

from common.formats.chunks import first_row_of
from common.pipeline import blocks, source
from common.pipeline.row_order import Stream
from common.testing import toy


def uneven_sizes(num_files: int, total: int) -> List[int]:
    """Numbers of rows of files: most have few or none, one has half of all."""
    cuts = np.sort(np.random.default_rng(num_files).integers(0, total // 2 + 1, num_files - 1))
    bounds = np.concatenate([[0], cuts, [total]])
    return np.diff(bounds).tolist()


def write_files(folder: object, sizes: Sequence[int], kinds: str) -> List[str]:
    """Writes files of so many rows, whose kinds ('c' for CSV, 'p' for Parquet) take turns."""
    paths = []
    for number, size in enumerate(sizes):
        rows = toy.random_rows(number, size)
        path = "{}/part-{:03d}".format(folder, number)
        if kinds[number % len(kinds)] == "p":
            path = toy.write_parquet(path + ".parquet", rows)
        else:
            toy.write_csv(path, rows)
        paths.append(path)
    return paths


def open_files(folder: object, paths: Sequence[str], max_bad_rows: int = 0) -> source.Data:
    """Opens files of training rows, with a test file written beside them."""
    test = toy.write_csv("{}/test".format(folder), toy.random_rows(9, 20))
    train = ",".join(paths)
    return source.open_data(str(folder), toy.SCHEMA, True, max_bad_rows, False, train, test)


def numbers_of(sizes: Sequence[int]) -> List[int]:
    """The numbers of all rows of files of so many rows."""
    return [first_row_of(file) + row for file, size in enumerate(sizes) for row in range(size)]


def read_rows(data: source.Data, stream: Stream) -> List[int]:
    """The numbers of the training rows of a stream, in its order."""
    return [row for block in blocks.read_blocks(data.train, data, stream) for row in block.rows]

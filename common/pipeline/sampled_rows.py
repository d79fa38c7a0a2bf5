"""A random sample of the rows of some files, chosen once and kept in memory (--eval_rows).

Every row has the same chance, wherever it is: files of rows are often sorted. Which rows are chosen
depends on the seed and on how many rows there are, so text and Parquet, one file and many, and all
processes of a cluster have the same.
"""

from typing import Iterable, Iterator, List, Optional

import numpy as np

from common.formats.chunks import file_of, first_row_of, row_in_file
from common.formats.files import Files
from common.pipeline import blocks as blocks_of
from common.pipeline import features, tf_path
from common.pipeline.features import Block
from common.pipeline.source import Data

_DRAW = 4  # tells these draws from those of row_order, whose keys begin with the same seed
_ROWS_AT_A_TIME = 1 << 20
_BLOCK_ROWS = 16384


class Sample:
    """Some rows of files, in their order, which are read when they are first asked for.

    Attributes:
      rows: their numbers, int64 [N], ascending.
    """

    def __init__(self, files: Files, data: Data, rows: np.ndarray) -> None:
        self.rows = rows
        self._files, self._data = files, data
        self._block: Optional[Block] = None
        self._lines: Optional[np.ndarray] = None

    def blocks(self) -> Iterator[Block]:
        """The rows, decoded.

        Raises:
          BadInput: more rows than data.bad_rows allows cannot be read.
        """
        block = self.block()
        for low in range(0, len(self.rows), _BLOCK_ROWS):
            high = min(low + _BLOCK_ROWS, len(self.rows))
            yield block.take(np.arange(low, high))

    def block(self) -> Block:
        """All of them in one piece, decoded; raises as `blocks`."""
        if self._block is None:
            parts = list(blocks_of.read_rows(self._files, self._data, self.rows))
            self._block = features.concat(parts)
        return self._block

    def lines(self) -> np.ndarray:
        """The rows as lines of text, bytes [N]; for --tf."""
        if self._lines is None:
            self._lines = tf_path.lines_of(self._files, self._data, self.rows)
        return self._lines


def of_files(files: Files, data: Data, size: int, seed: int) -> Optional[Sample]:
    """So many of the usable rows of some files, which are counted for it; None where it is all.

    Args:
      size: how many; > 0.
      seed: the same seed chooses the same rows.
    """
    num_usable = data.usable_rows(files)
    if size >= num_usable:
        return None
    return _at(choose(num_usable, size, seed), files, data)


def of_all(files: Files, data: Data) -> Sample:
    """All usable rows of some files, which are counted for it."""
    return _at(np.arange(data.usable_rows(files)), files, data)


def _at(places: np.ndarray, files: Files, data: Data) -> Sample:
    """Rows by their places among all usable ones, ascending."""
    first_rows = [files.rows_before(number) for number in range(len(files.paths))]
    places = _leaving_out(places, _places_of(data.bad_rows.rows(files.paths), files))
    numbers = np.searchsorted(first_rows, places, side="right") - 1
    bases = np.array([first_row_of(number) for number in range(len(files.paths))])
    rows = bases[numbers] + places - np.array(first_rows)[numbers]
    return Sample(files, data, rows)


def choose(num_rows: int, size: int, seed: int) -> np.ndarray:
    """So many different numbers from 0 to before num_rows, ascending, each set as likely: int64.

    Args:
      size: how many, at most num_rows.
    """
    rng = np.random.default_rng([seed, _DRAW])
    parts: List[np.ndarray] = [np.zeros(0, np.int64)]
    missing = size
    for low in range(0, num_rows, _ROWS_AT_A_TIME):
        here = min(_ROWS_AT_A_TIME, num_rows - low)
        behind = num_rows - low - here
        count = rng.hypergeometric(here, behind, missing)
        parts.append(low + np.sort(rng.choice(here, count, replace=False)))
        missing -= count
    return np.concatenate(parts)


def _places_of(rows: Iterable[int], files: Files) -> np.ndarray:
    """The places among all rows of rows by their numbers, ascending."""
    places = [files.rows_before(file_of(row)) + row_in_file(row) for row in rows]
    return np.array(sorted(places), np.int64)


def _leaving_out(places: np.ndarray, bad: np.ndarray) -> np.ndarray:
    """Places among usable rows as places among all rows, of which some are bad; both ascend."""
    usable_before = bad - np.arange(len(bad))
    return places + np.searchsorted(usable_before, places, side="right")

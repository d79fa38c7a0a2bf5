"""Columns that stand beside probabilities, as the rows' files hold them."""

from typing import List, Optional, Sequence

import numpy as np
import pyarrow as pa

from common.errors import BadInput
from common.formats import stored_columns
from common.formats.chunks import Chunk, file_of
from common.formats.files import Files
from common.formats.stored_columns import StoredRows


class KeptColumns:
    """Some columns of rows that are asked for in the order of the files.

    They are read apart from what a model reads, one chunk at a time: a model sees ids, not what the
    file holds.

    Args:
      files: that the rows are in.
      names: of the columns.

    Attributes:
      schema: the columns' types, which are those of the first rows.

    Raises:
      BadInput: the first rows lack one, or cannot be read.
    """

    def __init__(self, files: Files, names: Sequence[str]) -> None:
        self._files, self._names = files, names
        self._chunk: Optional[Chunk] = None
        self._stored: Optional[StoredRows] = None
        first = files.first_chunk()
        self.schema = self._of_chunk(first, np.array([], np.int64)).schema

    def of(self, rows: np.ndarray) -> pa.Table:
        """The columns of some rows, by their numbers, int64 [N], ascending.

        Raises:
          BadInput: they cannot be read, or a file has a column of another type.
        """
        pieces: List[pa.Table] = []
        while len(rows):
            chunk = self._chunk_of(int(rows[0]))
            size = int(np.searchsorted(rows, chunk.first_row + chunk.num_rows))
            pieces.append(self._as_first(self._of_chunk(chunk, rows[:size])))
            rows = rows[size:]
        return pa.concat_tables(pieces)

    def _chunk_of(self, row: int) -> Chunk:
        if self._chunk and 0 <= row - self._chunk.first_row < self._chunk.num_rows:
            return self._chunk
        chunks = self._files.chunks_of(file_of(row))
        first_rows = [chunk.first_row for chunk in chunks]
        return chunks[int(np.searchsorted(first_rows, row, side="right")) - 1]

    def _of_chunk(self, chunk: Chunk, rows: np.ndarray) -> pa.Table:
        if self._stored is None or chunk != self._chunk:
            self._stored = stored_columns.read(self._files, chunk, self._names)
            self._chunk = chunk
        return self._stored.table(rows)

    def _as_first(self, table: pa.Table) -> pa.Table:
        """A table with the types of the first rows."""
        arrays = []
        for field in self.schema:
            column = table.column(field.name)
            try:
                arrays.append(column.cast(field.type))
            except pa.ArrowException:
                assert self._stored
                raise BadInput(
                    "{}: column {!r} is of type {}, and {} in {}. Write the files alike, or leave "
                    "the column out of --keep.".format(
                        self._stored.path, field.name, column.type, field.type,
                        self._files.paths[0])) from None
        return pa.table(arrays, schema=self.schema)

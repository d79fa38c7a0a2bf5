"""Columns as their files hold them, to stand beside what is made of the rows.

Text stays text, and Parquet's columns keep their types.
"""

from typing import Any, Dict, NamedTuple, Optional, Sequence

import numpy as np
import pyarrow as pa

from common.errors import BadInput
from common.formats.chunks import Chunk, file_of, first_row_of, row_in_file
from common.formats.csv_file import CsvFile
from common.formats.files import Files
from common.formats.string_views import StringViews


class StoredRows(NamedTuple):
    """Some columns of a chunk.

    Attributes:
      path: of their file.
      rows: the rows' numbers, int64 [N], ascending.
      columns: name -> the column [N], of the type that the file has for it; text as StringViews or
        as binary values.
    """

    path: str
    rows: np.ndarray
    columns: Dict[str, Any]

    def table(self, rows: np.ndarray) -> pa.Table:
        """Some of the rows, by their numbers, int64 [M], ascending.

        Raises:
          BadInput: text is not UTF-8.
        """
        places = np.searchsorted(self.rows, rows)
        arrays = {}
        for name, column in self.columns.items():
            arrays[name] = self._taken(name, column, places)
        return pa.table(arrays)

    def _taken(self, name: str, column: Any, places: np.ndarray) -> pa.Array:
        if isinstance(column, StringViews):
            chosen = StringViews(column.data, column.starts[places], column.ends[places])
            return self._as_text(name, chosen.to_arrow())
        values = column.take(pa.array(places))
        if pa.types.is_dictionary(values.type):
            return self._as_text(name, values.dictionary_decode())
        return values

    def _as_text(self, name: str, strings: pa.BinaryArray) -> pa.StringArray:
        try:
            return strings.cast(pa.string())
        except pa.ArrowInvalid:
            raise BadInput("{}: column {!r} holds text that is not UTF-8, so it cannot be written "
                           "as text. Write the file as UTF-8, or leave the column out.".format(
                               self.path, name)) from None


def read(files: Files, chunk: Chunk, names: Sequence[str]) -> StoredRows:
    """Reads some columns of a chunk as its file holds them.

    A column that the names of folders hold is text.

    Raises:
      BadInput: the file lacks a column or cannot be read.
    """
    number = file_of(chunk.first_row)
    file = files.file(number)
    own_chunk = chunk._replace(first_row=row_in_file(chunk.first_row))
    in_folders = dict(files.partition_of(number))
    own_names = [name for name in names if name not in in_folders]
    if isinstance(file, CsvFile):
        raw = file.read(own_chunk, own_names, as_views=True)
        rows, own = raw.rows, raw.arrays
    else:
        rows = np.arange(own_chunk.first_row, own_chunk.first_row + own_chunk.num_rows)
        own = file.fetch_stored(own_chunk, own_names)
    of_folders = {name: _constant(in_folders[name], len(rows))
                  for name in names if name in in_folders}
    by_name = {**own, **of_folders}
    columns = {name: by_name[name] for name in names}
    return StoredRows(file.path, rows + first_row_of(number), columns)


def _constant(text: Optional[str], num_rows: int) -> pa.StringArray:
    return pa.array(num_rows * [text], pa.string())

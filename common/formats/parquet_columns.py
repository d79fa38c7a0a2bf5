"""The columns of a row group as the rest of this room sees them, and its rows that are left out."""

from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
import pyarrow as pa
from numpy import ndarray

from common.errors import BadInput
from common.formats import json_lists, list_padding, list_texts, parquet_values
from common.formats import native_columns as compiled
from common.formats.chunks import Chunk, RawColumns, Reject
from common.formats.parquet_reader import Columns
from common.formats.parquet_types import Place
from common.formats.parsing import shown
from common.formats.splits import splits_of


class RowGroup(NamedTuple):
    """Some columns of a row group, as pyarrow gives them.

    Attributes:
      path, chunk: where they are from.
      places: where the columns are in the file.
      columns: what the file holds, by the schema's names.
    """

    path: str
    chunk: Chunk
    places: Sequence[Place]
    columns: Columns

    def raw_columns(self, as_views: bool) -> RawColumns:
        """The columns in the one form for all writers.

        Args:
          as_views: leave strings that are not encoded where they lie, if they are UTF-8.

        Raises:
          BadInput: a list column holds text that looks like printed lists.
        """
        end = self.chunk.first_row + self.chunk.num_rows
        rows = np.arange(self.chunk.first_row, end, dtype=np.int64)
        columns, rejects = self._with_lists_of_json(rows)
        if rejects:
            rows, columns = _without_rejects(rows, columns, rejects)
        arrays = self._arrays(columns, as_views)
        self._check_list_texts(arrays)
        self._drop_padding(arrays)
        return RawColumns(arrays, rows, rejects)

    def _arrays(self, columns: Columns, as_views: bool) -> Dict[str, Any]:
        can_view = as_views and compiled.library() is not None
        arrays: Dict[str, Any] = {}
        for place in self.places:
            name = place.column.name
            arrays[name] = parquet_values.raw_array(
                columns[name], place.column, place.annotation, can_view)
        return arrays

    def _with_lists_of_json(self, rows: ndarray) -> Tuple[Columns, List[Reject]]:
        """The columns with lists in place of JSON texts, and the rows whose text is no list."""
        columns = dict(self.columns)
        rejects: List[Reject] = []
        for place in self.places:
            if place.annotation == "JSON":
                name = place.column.name
                texts = parquet_values.encoded(columns[name])
                parsed = json_lists.parse(texts, place.column.dtype == "float")
                columns[name] = pa.chunked_array([parsed.lists])
                for position in np.flatnonzero(parsed.is_bad):
                    value = shown(texts[int(position)].as_py())
                    row = int(rows[position])
                    rejects.append(Reject(row, name, value, "a list as JSON"))
        return columns, rejects

    def _check_list_texts(self, arrays: Dict[str, Any]) -> None:
        """Raises BadInput where all texts of a list column look like lists as programs print them.

        Each would count as one item that nobody knows.
        """
        for place, texts in self._list_texts(arrays):
            printed = list_texts.printed_list(texts)
            if printed is not None:
                column = place.column
                message = ("{}, column {!r}: all of rows {} to {} hold text such as {!r}, a list "
                           "as programs print it. Expected lists, or items divided by {!r}. Write "
                           "the column as a list; in pandas, a column of lists is one for "
                           "to_parquet(engine='pyarrow').")
                first = self.chunk.first_row + 1
                last = self.chunk.first_row + self.chunk.num_rows
                raise BadInput(message.format(
                    self.path, place.name, first, last, printed, column.separator))

    def _list_texts(self, arrays: Dict[str, Any]) -> Iterator[Tuple[Place, Any]]:
        """The columns of lists that the file has as text."""
        for place in self.places:
            column = place.column
            is_used_list = column.is_list and column.is_read
            array = arrays[column.name]
            if is_used_list and not isinstance(array, pa.ListArray):
                yield place, array

    def _drop_padding(self, arrays: Dict[str, Any]) -> None:
        """Leaves out the places at which all lists that belong together hold nothing."""
        for names in self._ordered_lists():
            lists = {name: arrays[name] for name in names}
            are_stored = [isinstance(array, pa.ListArray) for array in lists.values()]
            if all(are_stored):
                arrays.update(list_padding.without_padding(lists))

    def _ordered_lists(self) -> Iterator[List[str]]:
        """The list columns in which order counts, with those that they are aligned with."""
        aligned = []
        for place in self.places:
            column = place.column
            if column.newest and column.aligned:
                aligned.append(column.name)
            elif column.newest:
                yield [column.name]
        if aligned:
            yield aligned


def _without_rejects(
    rows: ndarray,
    columns: Columns,
    rejects: Sequence[Reject],
) -> Tuple[ndarray, Columns]:
    bad = [reject.row for reject in rejects]
    is_good = ~np.isin(rows, bad)
    keep = pa.array(is_good)
    return rows[is_good], {name: values.filter(keep) for name, values in columns.items()}


def join(groups: Sequence[RowGroup], as_views: bool) -> Optional[RawColumns]:
    """The columns of several row groups as those of one, whose rows are numbered from 0.

    Returns:
      None where each has to be looked at by itself: their columns differ, or some texts look like
      lists as programs print them.

    Args:
      as_views: as raw_columns takes it.
    """
    first = groups[0]
    are_alike = all(group.places == first.places for group in groups)
    if not are_alike or any(place.annotation == "JSON" for place in first.places):
        return None
    columns = {}
    for name in first.columns:
        columns[name] = _join_values([group.columns[name] for group in groups])
    arrays = first._arrays(columns, as_views)
    if any(list_texts.may_be_printed(texts) for _, texts in first._list_texts(arrays)):
        return None
    first._drop_padding(arrays)
    sizes = [group.chunk.num_rows for group in groups]
    starts = splits_of(np.array(sizes))
    rows = np.arange(starts[-1], dtype=np.int64)
    return RawColumns(arrays, rows, [], starts[:-1])


def _join_values(columns: Sequence[pa.ChunkedArray]) -> pa.ChunkedArray:
    """Columns that follow each other as one of one piece; some may be dictionary-encoded."""
    kinds = {values.type for values in columns}
    if len(kinds) > 1:
        columns = [_plain(values) for values in columns]
    pieces = [piece for values in columns for piece in values.chunks]
    joined = pa.chunked_array(pieces, columns[0].type).unify_dictionaries()
    return pa.chunked_array([joined.combine_chunks()])


def _plain(values: pa.ChunkedArray) -> pa.ChunkedArray:
    if not pa.types.is_dictionary(values.type):
        return values
    return values.cast(values.type.value_type)

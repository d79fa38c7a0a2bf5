"""Chunks as their files gave them, and what becomes of them: columns of rows of all files."""

from typing import List, NamedTuple, Optional, Sequence, Union

import numpy as np

from common.formats import folder_columns, joined_columns, parquet_columns
from common.formats.chunks import Chunk, RawColumns, file_of, first_row_of
from common.formats.folder_columns import Values
from common.formats.parquet_columns import RowGroup
from common.naming.partitions import Partition

Content = Union[RawColumns, RowGroup]


class Fetched(NamedTuple):
    """Some columns of a chunk, of which nothing is decoded yet.

    Attributes:
      path: the file's.
      chunk: it, numbered among all files.
      names: what was asked for.
      content: what the file gave, as it numbers its rows.
      partition: the columns that its folders name.
      compared: those of them that `content` has, too, and that must be the same.
    """

    path: str
    chunk: Chunk
    names: Sequence[str]
    content: Content
    partition: Partition
    compared: Values


def columns(piece: Fetched) -> RawColumns:
    """The columns that were asked for, their rows numbered among all files.

    Raises:
      BadInput: a list column holds printed lists; a row has another value than its folders.
    """
    path, chunk, names, content, partition, compared = piece
    if isinstance(content, RowGroup):
        content = content.raw_columns(as_views=True)
    folder_columns.check(path, content, compared)
    base = first_row_of(file_of(chunk.first_row))
    arrays = folder_columns.added(content.arrays, partition, len(content.rows))
    rejects = [reject._replace(row=base + reject.row) for reject in content.rejects]
    wanted = {name: arrays[name] for name in names}
    return RawColumns(wanted, content.rows + base, rejects)


def decode(pieces: Sequence[Fetched]) -> List[RawColumns]:
    """Fetched chunks, in order, as few columns as can be; strings lie where they are.

    Raises:
      BadInput: as `columns` does.
    """
    if len(pieces) > 1:
        joined = _join(pieces)
        if joined is not None:
            return [joined]
    return joined_columns.join([columns(piece) for piece in pieces])


def _join(pieces: Sequence[Fetched]) -> Optional[RawColumns]:
    """Row groups of files of the same folder as one; None where each has to be looked at."""
    groups = [piece.content for piece in pieces if isinstance(piece.content, RowGroup)]
    partitions = {piece.partition for piece in pieces}
    if len(groups) < len(pieces) or len(partitions) > 1:
        return None
    joined = parquet_columns.join(groups, as_views=True)
    first = pieces[0]
    if joined is None or not folder_columns.are_same(joined.arrays, first.compared):
        return None
    rows = [np.arange(piece.chunk.num_rows) + piece.chunk.first_row for piece in pieces]
    arrays = folder_columns.added(joined.arrays, first.partition, len(joined.rows))
    wanted = {name: arrays[name] for name in first.names}
    return joined._replace(arrays=wanted, rows=np.concatenate(rows))

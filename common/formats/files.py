"""Files of rows read as one, each opened when its rows are first asked for.

A row's number holds the number of its file above its number in that file, so that no file has to be
opened, or counted, for the rows of another.
"""

import itertools
from typing import Iterable, Iterator, List, NamedTuple, Optional, Sequence, Tuple, Union

import numpy as np

from common.config.schema import Schema
from common.errors import BadInput
from common.formats import folder_columns, joined_columns, parquet_columns, reader, unchanged
from common.formats.chunks import Chunk, RawColumns, file_of, first_row_of, numbered, row_in_file
from common.formats.column_names import ColumnNames
from common.formats.open_files import OpenFiles
from common.formats.parquet_columns import RowGroup
from common.formats.parquet_types import Layouts
from common.formats.reader import InputFile
from common.formats.splits import splits_of
from common.log import log
from common.naming.named_files import NamedFile
from common.naming.partitions import Partition
from common.places import location
from common.places.location import Stamp

# The rows of so little text, and of so few files, are counted within a blink.
_COUNTED_BYTES, _COUNTED_FILES = 1 << 28, 1000


class Fetched(NamedTuple):
    """Some columns of a chunk, of which nothing is decoded yet.

    Attributes:
      chunk, names: what was asked for.
      content: what the file gave.
    """

    chunk: Chunk
    names: Sequence[str]
    content: Union[RawColumns, RowGroup]


class Files:
    """Rows of several files, one file after another.

    Args:
      named: the files, at least one.
      schema: the columns of their rows.
      layouts: those of Parquet files, to share with other files of the data set.
      header: finds the columns of text in the first line of each file; None where there are no
        headers.
      text_alone: whether Parquet files are refused, whatever their names.

    Attributes:
      paths: the files' paths, by their numbers.
      schema: the columns of their rows.
    """

    def __init__(
        self,
        named: Sequence[NamedFile],
        schema: Schema,
        layouts: Optional[Layouts] = None,
        header: Optional[ColumnNames] = None,
        text_alone: bool = False,
    ) -> None:
        self.schema = schema
        self.paths = [file.path for file in named]
        self._opened = OpenFiles(named, schema, layouts, header, text_alone)
        self._rows_before: Optional[np.ndarray] = None

    @property
    def stamps(self) -> List[Stamp]:
        """The stamp of each file when they were first asked for; raises as OpenFiles.stamps."""
        return self._opened.stamps

    @property
    def path(self) -> str:
        """What messages call the files."""
        first = self.paths[0]
        if len(self.paths) == 1:
            return first
        others = len(self.paths) - 1
        return "{} and {:,} more {}".format(first, others, "file" if others == 1 else "files")

    @property
    def num_bytes(self) -> int:
        """The size of all files."""
        return sum(location.sizes(self.paths))

    @property
    def is_parquet(self) -> bool:
        """Whether the first file is a Parquet file."""
        return reader.is_parquet(self.paths[0])

    def file(self, number: int) -> InputFile:
        """One file, open; raises as OpenFiles.file."""
        return self._opened.file(number)

    def chunks_of(self, number: int) -> List[Chunk]:
        """The chunks of one file, whose first rows are numbered among all files."""
        return self._opened.chunks_of(number)

    def in_order(self, numbers: Iterable[int]) -> Iterator[int]:
        """The same numbers of files; files of an object store are opened some way ahead."""
        return self._opened.in_order(numbers)

    def partition_of(self, number: int) -> Partition:
        """The columns that the folders of one file name, with their values."""
        return self._opened.named[number].partition

    def count(self) -> None:
        """Opens each file that was not opened yet, several at a time, and counts its rows."""
        self._opened.count()

    @property
    def chunks(self) -> List[Chunk]:
        """The chunks of all files, which are all opened for it."""
        self.count()
        by_file = map(self.chunks_of, range(len(self.paths)))
        return list(itertools.chain.from_iterable(by_file))

    def first_chunk_of(self, number: int) -> Optional[Chunk]:
        """The first chunk of one file, whose rows are not counted for it; None without rows."""
        chunk = reader.first_chunk(self.file(number))
        return numbered(chunk, number) if chunk else None

    def first_chunk(self) -> Chunk:
        """The first chunk, for which no file's rows are counted.

        Raises:
          BadInput: no file has a row.
        """
        for number in range(len(self.paths)):
            chunk = self.first_chunk_of(number)
            if chunk:
                return chunk
        message = "{}: the file is empty. Expected rows of the {} columns of {}."
        if len(self.paths) > 1:
            message = "{}: all of them are empty. Expected rows of the {} columns of {}."
        raise BadInput(message.format(self.path, len(self.schema.columns), self.schema.name))

    def rows_of(self, number: int) -> int:
        """How many rows one file has, readable or not."""
        return sum(chunk.num_rows for chunk in self.chunks_of(number))

    @property
    def num_rows(self) -> int:
        """How many rows all files have, readable or not; they are counted for it."""
        return self.rows_before(len(self.paths))

    def rows_before(self, number: int) -> int:
        """How many rows the files before one have; all are counted for it."""
        if self._rows_before is None:
            self.count()
            counts = [self.rows_of(number) for number in range(len(self.paths))]
            self._rows_before = splits_of(np.array(counts))
        return int(self._rows_before[number])

    @property
    def is_counted(self) -> bool:
        """Whether num_rows is known, or known in a moment."""
        if self._opened.are_all_opened:
            return True
        return len(self.paths) <= _COUNTED_FILES and self.num_bytes <= _COUNTED_BYTES

    def warn_of_change(self) -> None:
        """Names a local file that is no longer as it was read, where nothing had to read it again.
        """
        if location.is_remote(self.paths[0]):
            return
        for path, stamp in zip(self.paths, self.stamps):
            change = unchanged.change_of(path, stamp)
            if change:
                log("warning: {} changed after it was read: {}. The rows that it had are the ones "
                    "that were used".format(path, change))
                return

    def read(self, chunk: Chunk, names: Sequence[str], as_views: bool = False) -> RawColumns:
        """Reads some columns of one chunk.

        Raises:
          BadInput: its file cannot be read.
        """
        file, own_chunk, own_names = self._own(chunk, names)
        columns = file.read(own_chunk, own_names, as_views)
        return self._named_among_all(columns, chunk, names)

    def fetch(self, chunk: Chunk, names: Sequence[str]) -> Fetched:
        """Reads some columns of one chunk and decodes nothing of it yet; for `decode`.

        Raises:
          BadInput: its file cannot be read.
        """
        file, own_chunk, own_names = self._own(chunk, names)
        return Fetched(chunk, names, file.fetch(own_chunk, own_names))

    def decode(self, fetched: Sequence[Fetched]) -> List[RawColumns]:
        """Fetched chunks, in order, as few columns as can be; strings lie where they are.

        Raises:
          BadInput: a list column holds printed lists.
        """
        if len(fetched) > 1:
            joined = self._join(fetched)
            if joined is not None:
                return [joined]
        pieces = []
        for chunk, names, content in fetched:
            if isinstance(content, RowGroup):
                content = content.raw_columns(as_views=True)
            pieces.append(self._named_among_all(content, chunk, names))
        return joined_columns.join(pieces)

    def _join(self, fetched: Sequence[Fetched]) -> Optional[RawColumns]:
        """Row groups of files of the same folder as one; None where they are others."""
        groups = [content for _, _, content in fetched if isinstance(content, RowGroup)]
        partitions = {self.partition_of(file_of(chunk.first_row)) for chunk, _, _ in fetched}
        if len(groups) < len(fetched) or len(partitions) > 1:
            return None
        joined = parquet_columns.join(groups, as_views=True)
        if joined is None:
            return None
        rows = [np.arange(chunk.num_rows) + chunk.first_row for chunk, _, _ in fetched]
        chunk, names, _ = fetched[0]
        partition, = partitions
        arrays = folder_columns.added(joined.arrays, partition, len(joined.rows))
        wanted = {name: arrays[name] for name in names}
        return joined._replace(arrays=wanted, rows=np.concatenate(rows))

    def _own(self, chunk: Chunk, names: Sequence[str]) -> Tuple[InputFile, Chunk, List[str]]:
        """A chunk's file, and what is to be read as the file itself numbers and has it."""
        number = file_of(chunk.first_row)
        own_chunk = chunk._replace(first_row=row_in_file(chunk.first_row))
        partition = dict(self.partition_of(number))
        own_names = [name for name in names if name not in partition]
        return self.file(number), own_chunk, own_names

    def _named_among_all(
        self,
        columns: RawColumns,
        chunk: Chunk,
        names: Sequence[str],
    ) -> RawColumns:
        """What a file gave, its rows numbered among all files, and what its folders add."""
        number = file_of(chunk.first_row)
        base, partition = first_row_of(number), self.partition_of(number)
        arrays = folder_columns.added(columns.arrays, partition, len(columns.rows))
        rejects = [reject._replace(row=base + reject.row) for reject in columns.rejects]
        wanted = {name: arrays[name] for name in names}
        return RawColumns(wanted, columns.rows + base, rejects)

"""Files of rows read as one, each opened when its rows are first asked for.

A row's number holds the number of its file above its number in that file, so that no file has to be
opened, or counted, for the rows of another.
"""

import itertools
from typing import Iterable, Iterator, List, Optional, Sequence, Tuple

import numpy as np

from common.config.schema import Schema
from common.counts import counted
from common.errors import BadInput
from common.formats import fetched, reader, unchanged
from common.formats.chunks import Chunk, RawColumns, file_of, numbered, row_in_file
from common.formats.column_names import ColumnNames
from common.formats.fetched import Content, Fetched
from common.formats.open_files import OpenFiles
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
        return "{} and {}".format(first, counted(len(self.paths) - 1, "more file"))

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
          BadInput: its file cannot be read, or has other values than its folders.
        """
        file, own_chunk, own_names = self._own(chunk, names)
        content = file.read(own_chunk, own_names, as_views)
        return fetched.columns(self._fetched(chunk, names, content))

    def fetch(self, chunk: Chunk, names: Sequence[str]) -> Fetched:
        """Reads some columns of one chunk and decodes nothing of it yet; for fetched.decode.

        Raises:
          BadInput: its file cannot be read.
        """
        file, own_chunk, own_names = self._own(chunk, names)
        content = file.fetch(own_chunk, own_names)
        return self._fetched(chunk, names, content)

    def _fetched(self, chunk: Chunk, names: Sequence[str], content: Content) -> Fetched:
        number = file_of(chunk.first_row)
        partition, compared = self.partition_of(number), self._opened.compared(number)
        return Fetched(self.paths[number], chunk, names, content, partition, compared)

    def _own(self, chunk: Chunk, names: Sequence[str]) -> Tuple[InputFile, Chunk, List[str]]:
        """A chunk's file, and what is to be read as the file itself numbers and has it.

        That is also what is to be compared with the folders' values.
        """
        number = file_of(chunk.first_row)
        file = self.file(number)
        own_chunk = chunk._replace(first_row=row_in_file(chunk.first_row))
        partition = dict(self.partition_of(number))
        own_names = [name for name in names if name not in partition]
        own_names += self._opened.compared(number)
        return file, own_chunk, own_names

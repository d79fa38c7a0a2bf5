"""Files of rows read as one, each opened when its rows are first asked for.

A row's number holds the number of its file above its number in that file, so that no file has to be
opened, or counted, for the rows of another.
"""

import collections
import itertools
import threading
import time
from concurrent import futures
from typing import (
    Any, Deque, Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Tuple, Union)

import numpy as np
import pyarrow as pa

from common.config.schema import Schema
from common.errors import BadInput
from common.formats import joined_columns, parquet_columns, reader, unchanged
from common.formats.chunks import Chunk, RawColumns, file_of, first_row_of, row_in_file
from common.formats.column_names import ColumnNames
from common.formats.parquet_columns import RowGroup
from common.formats.parquet_types import Layouts
from common.formats.reader import InputFile
from common.formats.splits import splits_of
from common.log import log
from common.naming import file_names
from common.naming.named_files import NamedFile
from common.naming.partitions import Partition
from common.places import location
from common.places.location import Stamp

_MAX_OPEN = 16
_COUNTING_THREADS = 8
_PROGRESS_SECS = 10.0
_TEXTS_AHEAD = 4  # of an object store; their lines are counted when they are opened
_REMOTE_THREADS = 32  # that open or count files of an object store at the same time
_COUNTED_BYTES = 1 << 28  # so little text is counted within a blink


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
        self._text_alone = text_alone
        self._layouts = layouts or Layouts(schema, ColumnNames(schema))
        self.paths = [file.path for file in named]
        self._named = named
        self._header = header
        self._chunks: Dict[int, List[Chunk]] = {}
        self._opened_once: Dict[int, InputFile] = {}
        self._recent: Dict[int, InputFile] = {}
        self._opening: Dict[int, "futures.Future[List[Chunk]]"] = {}
        self._rows_before: Optional[np.ndarray] = None
        self._stamps: List[Stamp] = []
        self._lock = threading.RLock()

    @property
    def stamps(self) -> List[Stamp]:
        """The stamp of each file when they were first asked for; files opened later must have it.

        Raises:
          OSError: one of them is gone.
        """
        if not self._stamps:
            self._stamps = location.stamps(self.paths)
        return self._stamps

    @property
    def path(self) -> str:
        """What messages call the files."""
        first = self.paths[0]
        if len(self.paths) == 1:
            return first
        return "{} and {} more files".format(first, len(self.paths) - 1)

    @property
    def num_bytes(self) -> int:
        """The size of all files."""
        return sum(location.sizes(self.paths))

    @property
    def is_parquet(self) -> bool:
        """Whether the first file is a Parquet file."""
        return reader.is_parquet(self.paths[0])

    def chunks_of(self, number: int) -> List[Chunk]:
        """The chunks of one file, whose first rows are numbered among all files."""
        chunks = self._chunks.get(number)
        if chunks is None:
            opening = self._opening.pop(number, None)
            chunks = opening.result() if opening else self._find_chunks(number)
            self._chunks[number] = chunks
        return chunks

    def _find_chunks(self, number: int) -> List[Chunk]:
        return [_numbered(chunk, number) for chunk in self.file(number).chunks]

    def in_order(self, numbers: Iterable[int]) -> Iterator[int]:
        """The same numbers of files; files of an object store are opened some way ahead."""
        if not location.is_remote(self.paths[0]):
            yield from numbers
            return
        most = _REMOTE_THREADS if self.is_parquet else _TEXTS_AHEAD
        ahead: Deque[int] = collections.deque()
        with futures.ThreadPoolExecutor(most) as pool:
            for number in numbers:
                if number not in self._chunks:
                    self._opening[number] = pool.submit(self._find_chunks, number)
                ahead.append(number)
                if len(ahead) == most:
                    yield ahead.popleft()
            yield from ahead

    def partition_of(self, number: int) -> Partition:
        """The columns that the folders of one file name, with their values."""
        return self._named[number].partition

    @property
    def chunks(self) -> List[Chunk]:
        """The chunks of all files, which are all opened for it."""
        self.count()
        by_file = map(self.chunks_of, range(len(self.paths)))
        return list(itertools.chain.from_iterable(by_file))

    def first_chunk_of(self, number: int) -> Optional[Chunk]:
        """The first chunk of one file, whose rows are not counted for it; None without rows."""
        chunk = reader.first_chunk(self.file(number))
        return _numbered(chunk, number) if chunk else None

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
        return len(self._chunks) == len(self.paths) or self.num_bytes <= _COUNTED_BYTES

    def count(self) -> None:
        """Opens each file that was not opened yet, several at a time, and counts its rows."""
        missing = [number for number in range(len(self.paths)) if number not in self._chunks]
        if len(missing) == 1:
            self.chunks_of(missing[0])
        if len(missing) < 2:
            return
        is_remote = location.is_remote(self.paths[0])
        # Text is counted by cores, and unpacked text takes room for each file that is open.
        num_threads = _REMOTE_THREADS if is_remote and self.is_parquet else _COUNTING_THREADS
        with futures.ThreadPoolExecutor(num_threads) as pool:
            last = time.monotonic()
            for done, _ in enumerate(pool.map(self.chunks_of, missing), 1):
                if time.monotonic() - last > _PROGRESS_SECS:
                    last = time.monotonic()
                    log("counted the rows of {:,} of {:,} files".format(done, len(missing)))

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
        arrays = self._with_partition(joined.arrays, chunk, len(joined.rows))
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
        base = first_row_of(file_of(chunk.first_row))
        arrays = self._with_partition(columns.arrays, chunk, len(columns.rows))
        rejects = [reject._replace(row=base + reject.row) for reject in columns.rejects]
        wanted = {name: arrays[name] for name in names}
        return RawColumns(wanted, columns.rows + base, rejects)

    def _with_partition(
        self,
        arrays: Dict[str, Any],
        chunk: Chunk,
        num_rows: int,
    ) -> Dict[str, Any]:
        """The columns of a chunk and those that its file's folders name."""
        in_folders = self.partition_of(file_of(chunk.first_row))
        constants = {name: _constant(value, num_rows) for name, value in in_folders}
        return {**arrays, **constants}

    def file(self, number: int) -> InputFile:
        """One file, open; the one that was used least recently is closed for it.

        Raises:
          BadInput: it cannot be opened, or its columns are not the schema's.
        """
        file = self._opened_once.get(number)
        if file is None:
            file = self._opened_once.setdefault(number, self._open_first(number))
        with self._lock:
            self._recent.pop(number, None)
            self._recent[number] = file
            rest = max(len(self._recent) - _MAX_OPEN, 0)
            oldest = [self._recent.pop(other) for other in list(self._recent)[:rest]]
        for other_file in oldest:  # may wait for a whole unpacking, so nothing else waits for it
            other_file.close()
        return file

    def _open_first(self, number: int) -> InputFile:
        path, partition = self._named[number]
        if self._text_alone and reader.is_parquet(path):
            raise file_names.parquet_error(path)
        in_folders = dict(partition)
        columns = tuple(column for column in self.schema.columns if column.name not in in_folders)
        schema = self.schema._replace(columns=columns)
        try:
            return reader.open_part(path, schema, self._layouts, self._header, list(in_folders))
        finally:  # should the file have changed, an error may have no other cause
            if self._stamps:
                unchanged.check(path, self._stamps[number])


def _numbered(chunk: Chunk, number: int) -> Chunk:
    """A chunk of one file, its first row numbered among all files."""
    return chunk._replace(first_row=first_row_of(number) + chunk.first_row)


def _constant(value: Optional[str], num_rows: int) -> pa.DictionaryArray:
    """A column of one text, empty where it is missing."""
    indices = pa.array(np.zeros(num_rows, np.int32))
    text = value or ""
    values = pa.array([text.encode()], pa.binary())
    return pa.DictionaryArray.from_arrays(indices, values)

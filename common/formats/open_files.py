"""Which of many files are open: each is opened when its rows are first asked for, or ahead of that.
"""

import collections
import threading
import time
from concurrent import futures
from typing import Deque, Dict, Iterable, Iterator, List, Optional, Sequence, Set

from common.config.schema import Schema
from common.errors import BadInput
from common.formats import folder_columns, reader, unchanged
from common.formats.chunks import Chunk, numbered
from common.formats.column_names import ColumnNames
from common.formats.csv_file import CsvFile
from common.formats.csv_layout import WrongHeader
from common.formats.folder_columns import Values
from common.formats.parquet_types import Layouts
from common.formats.reader import InputFile
from common.log import log
from common.naming import file_names
from common.naming.named_files import NamedFile
from common.places import location
from common.places.location import Stamp

_MAX_OPEN = 16
_COUNTING_THREADS = 8
_PROGRESS_SECS = 10.0
_TEXTS_AHEAD = 4  # of an object store; their lines are counted when they are opened
_MOST_LOOKED_AT = 100  # of files, for the words of an error
_REMOTE_THREADS = 32  # that open or count files of an object store at the same time


class OpenFiles:
    """Several files, of which few are open at a time; threads may share them.

    Args:
      named, schema, layouts, header, text_alone: as common.formats.files.Files has them.

    Attributes:
      named: the files, by their numbers.
    """

    def __init__(
        self,
        named: Sequence[NamedFile],
        schema: Schema,
        layouts: Optional[Layouts],
        header: Optional[ColumnNames],
        text_alone: bool,
    ) -> None:
        self.named = named
        self._paths = [file.path for file in named]
        self._schema = schema
        self._layouts = layouts or Layouts(schema, ColumnNames(schema))
        self._header = header
        self._text_alone = text_alone
        self._chunks: Dict[int, List[Chunk]] = {}
        self._opened_once: Dict[int, InputFile] = {}
        self._recent: Dict[int, InputFile] = {}
        self._compared: Dict[int, Values] = {}
        self._opening: Dict[int, "futures.Future[List[Chunk]]"] = {}
        self._stamps: List[Stamp] = []
        self._told: Set[str] = set()
        self._lock = threading.RLock()

    @property
    def stamps(self) -> List[Stamp]:
        """The stamp of each file when they were first asked for; files opened later must have it.

        Raises:
          OSError: one of them is gone.
        """
        if not self._stamps:
            self._stamps = location.stamps(self._paths)
        return self._stamps

    @property
    def are_all_opened(self) -> bool:
        """Whether the chunks of all files are known."""
        return len(self._chunks) == len(self._paths)

    @property
    def _is_parquet(self) -> bool:
        return reader.is_parquet(self._paths[0])

    def chunks_of(self, number: int) -> List[Chunk]:
        """The chunks of one file, whose first rows are numbered among all files."""
        chunks = self._chunks.get(number)
        if chunks is None:
            opening = self._opening.pop(number, None)
            chunks = opening.result() if opening else self._find_chunks(number)
            self._chunks[number] = chunks
        return chunks

    def _find_chunks(self, number: int) -> List[Chunk]:
        return [numbered(chunk, number) for chunk in self.file(number).chunks]

    def in_order(self, numbers: Iterable[int]) -> Iterator[int]:
        """The same numbers of files; files of an object store are opened some way ahead."""
        if not location.is_remote(self._paths[0]):
            yield from numbers
            return
        most = _REMOTE_THREADS if self._is_parquet else _TEXTS_AHEAD
        ahead: Deque[int] = collections.deque()
        with futures.ThreadPoolExecutor(most) as pool:
            for number in numbers:
                if number not in self._chunks:
                    self._opening[number] = pool.submit(self._find_chunks, number)
                ahead.append(number)
                if len(ahead) == most:
                    yield ahead.popleft()
            yield from ahead

    def count(self) -> None:
        """Opens each file that was not opened yet, several at a time, and counts its rows."""
        missing = [number for number in range(len(self._paths)) if number not in self._chunks]
        if len(missing) == 1:
            self.chunks_of(missing[0])
        if len(missing) < 2:
            return
        is_remote = location.is_remote(self._paths[0])
        # Text is counted by cores, and unpacked text takes room for each file that is open.
        num_threads = _REMOTE_THREADS if is_remote and self._is_parquet else _COUNTING_THREADS
        with futures.ThreadPoolExecutor(num_threads) as pool:
            last = time.monotonic()
            for done, _ in enumerate(pool.map(self.chunks_of, missing), 1):
                if time.monotonic() - last > _PROGRESS_SECS:
                    last = time.monotonic()
                    log("counted the rows of {:,} of {:,} files".format(done, len(missing)))

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

    def compared(self, number: int) -> Values:
        """The columns of an opened file that must have the values that its folders have."""
        return self._compared[number]

    def _open_first(self, number: int) -> InputFile:
        try:
            file = self._open(number)
            columns = file.columns  # text: its first lines are read, which may be of a wrong header
            self._compared[number] = self._compared_of(file, columns, number)
            return file
        except WrongHeader as error:
            raise self._mixed_headers(number) or error
        finally:  # should the file have changed, an error may have no other cause
            if self._stamps:
                unchanged.check(self._paths[number], self._stamps[number])

    def _open(self, number: int) -> InputFile:
        path, partition = self.named[number]
        if self._text_alone and reader.is_parquet(path):
            raise file_names.parquet_error(path)
        in_folders = folder_columns.used(partition, self._schema)
        own = [column for column in self._schema.columns if column.name not in in_folders]
        schema = self._schema._replace(columns=tuple(own))
        return reader.open_part(path, schema, self._layouts, self._header, list(in_folders))

    def _compared_of(self, file: InputFile, columns: Sequence[str], number: int) -> Values:
        """The columns of a file to compare with its folders' values, which are the ones read.

        That a file has columns of its folders is said once of each.

        Raises:
          BadInput: the file's first rows have other values.
        """
        in_folders = folder_columns.used(self.named[number].partition, self._schema)
        twice = set(in_folders).intersection(columns)
        compared = folder_columns.compared(file, in_folders)
        with self._lock:
            untold = sorted(twice - self._told)
            self._told.update(untold)
        if untold:
            log("{}: {} in the names of folders and in the file, of which the folders' are "
                "read".format(file.path, ", ".join(untold)))
        return compared

    def _mixed_headers(self, number: int) -> Optional[BadInput]:
        """The error of a text file in whose place another is as --csv_header says; None without.
        """
        for other in range(min(len(self._paths), _MOST_LOOKED_AT)):
            if self._has_text_as_announced(other):
                paths = [self._paths[number], self._paths[other]]
                if self._header:
                    paths.reverse()
                return BadInput("{} begins with a header, and {} with a row: --csv_header holds "
                                "for all text files. Write them alike.".format(*paths))
        return None

    def _has_text_as_announced(self, number: int) -> bool:
        try:
            file = self._open(number)
            return isinstance(file, CsvFile) and file.first_chunk is not None
        except BadInput:
            return False

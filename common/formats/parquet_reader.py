"""Row groups of an open Parquet file as columns of pyarrow's types."""

import threading
from typing import Dict, FrozenSet, List, Optional, Sequence, Tuple

import pyarrow as pa
import pyarrow.parquet

from common.formats import parquet_pages
from common.formats.parquet_casts import item_type
from common.formats.parquet_footer import Footer
from common.formats.parquet_pages import Shape
from common.formats.parquet_types import Layout, Place, is_string
from common.places import location

_MIN_BYTES = 4  # more than an index into a dictionary takes; also what a string adds to its bytes
_MAX_BYTES = 16  # as many bytes are hashed without a loop
_SMALL_ROWS = 256  # of a row group: pyarrow reads all its columns by one call
_SAMPLE_GROUPS = 16  # row groups that tell what a column's strings are like

Columns = Dict[str, pa.ChunkedArray]
Encoded = FrozenSet[int]


class ParquetReader:
    """Reads a file; threads may share it. The file is closed when nothing refers to this.

    On a disk, it opens the file once. In an object store each row group is asked for at once.

    Args:
      path: the file's.
      footer: its footer.
      layout: where its columns are.
    """

    def __init__(self, path: str, footer: Footer, layout: Layout) -> None:
        self.metadata = footer.metadata
        self._path = path
        self._encodable = _encodable_leaves(self.metadata, layout)
        self._shapes = _shapes(self.metadata, layout)
        self._file: Optional[pa.NativeFile] = None
        self._handles: Dict[Encoded, pa.parquet.ParquetFile] = {}
        self._lock = threading.Lock()

    def read(self, group: int, places: Sequence[Place]) -> Columns:
        """Some columns of a row group, by the schema's names; some strings dictionary-encoded.

        Raises:
          pa.ArrowException, OSError: the data cannot be read.
        """
        if not location.is_remote(self._path):
            return self._read_columns(self._opened(), group, places)
        row_group = self.metadata.row_group(group)
        leaves = sorted(leaf for place in places for leaf in place.leaves)
        ranges = [_range(row_group.column(leaf)) for leaf in leaves]
        with location.open_binary(self._path, ranges) as file:
            return self._read_columns(file, group, places)

    def _read_columns(self, file: pa.NativeFile, group: int, places: Sequence[Place]) -> Columns:
        columns: Columns = {}
        rest: List[Place] = []
        is_small = self.metadata.row_group(group).num_rows < _SMALL_ROWS
        for place in places:
            array = None if is_small else self._read_pages(file, group, place)
            if array is None:
                rest.append(place)
            else:
                columns[place.column.name] = pa.chunked_array([array])
        if rest:
            columns.update(self._read_by_arrow(file, group, rest))
        return columns

    def _read_pages(self, file: pa.NativeFile, group: int, place: Place) -> Optional[pa.Array]:
        """A column by C++; None where pyarrow has to read it."""
        shape = self._shapes.get(place.column.name)
        if shape is None:
            return None
        row_group = self.metadata.row_group(group)
        leaf, = place.leaves
        chunk = row_group.column(leaf)
        start, size = _range(chunk)
        return parquet_pages.read(file.read_at(size, start), chunk, shape, row_group.num_rows)

    def _read_by_arrow(self, file: pa.NativeFile, group: int, places: Sequence[Place]) -> Columns:
        leaves: List[int] = []
        in_file_order = sorted(places, key=lambda place: place.leaves)
        for place in in_file_order:
            leaves += place.leaves
        handle = self._handle(file, self._encoded(group))
        # By position: by name, pyarrow takes a column "a.b" and the field "b" of "a" for the same.
        table = handle.reader.read_row_group(group, column_indices=leaves, use_threads=False)
        names = [place.column.name for place in in_file_order]
        return dict(zip(names, table.columns))

    def _encoded(self, group: int) -> Encoded:
        """The leaf columns that are read as dictionaries in a row group."""
        row_group = self.metadata.row_group(group)
        return frozenset(
            leaf for leaf in self._encodable if _can_be_dictionary(row_group.column(leaf)))

    def _opened(self) -> pa.NativeFile:
        with self._lock:
            if self._file is None:
                self._file = location.open_binary(self._path)
            return self._file

    def _handle(self, file: pa.NativeFile, encoded: Encoded) -> pa.parquet.ParquetFile:
        """A file as pyarrow reads it; the one that stays open is kept."""
        if file is not self._file:
            return self._open(file, encoded)
        with self._lock:
            handle = self._handles.get(encoded)
            if handle is None:
                handle = self._open(file, encoded)
                self._handles[encoded] = handle
            return handle

    def _open(self, file: pa.NativeFile, encoded: Encoded) -> pa.parquet.ParquetFile:
        paths = [self.metadata.schema.column(leaf).path for leaf in encoded]
        return pa.parquet.ParquetFile(file, metadata=self.metadata, read_dictionary=paths)


def _shapes(metadata: pa.parquet.FileMetaData, layout: Layout) -> Dict[str, Shape]:
    """The columns that C++ can read, by the schema's names."""
    shapes: Dict[str, Shape] = {}
    for name, place in layout.items():
        if place.annotation or place.misfit or len(place.leaves) != 1:
            continue
        leaf, = place.leaves
        shape = parquet_pages.shape_of(place.kind, metadata.schema.column(leaf))
        if shape is not None:
            shapes[name] = shape
    return shapes


def _range(chunk: pa.parquet.ColumnChunkMetaData) -> Tuple[int, int]:
    """Where a column chunk lies: its start and size."""
    start = chunk.data_page_offset
    if chunk.has_dictionary_page and chunk.dictionary_page_offset:
        start = min(start, chunk.dictionary_page_offset)
    return start, chunk.total_compressed_size


def _can_be_dictionary(chunk: pa.parquet.ColumnChunkMetaData) -> bool:
    """Whether pyarrow can read strings as a dictionary: no version can where they are deltas."""
    return not any(encoding.startswith("DELTA") for encoding in chunk.encodings)


def _encodable_leaves(metadata: pa.parquet.FileMetaData, layout: Layout) -> List[int]:
    """The columns of strings that are read as a dictionary and indices.

    These are all but JSON, the columns of short, mostly different strings, which are hashed sooner
    than they are found in a dictionary, and those that the writer's dictionary could not hold.
    """
    encodable = []
    for place in layout.values():
        is_text = is_string(item_type(place.kind)) and not place.annotation
        if is_text and not place.misfit:
            leaf, = place.leaves
            is_list = metadata.schema.column(leaf).max_repetition_level > 0
            if is_list or not _is_mostly_different(metadata, leaf):
                encodable.append(leaf)
    return encodable


def _is_mostly_different(metadata: pa.parquet.FileMetaData, leaf: int) -> bool:
    """Whether a dictionary gains nothing for a column's strings."""
    return _has_overflowed(metadata, leaf) or _is_short_and_different(metadata, leaf)


def _has_overflowed(metadata: pa.parquet.FileMetaData, leaf: int) -> bool:
    """Whether the writer gave up its dictionary within the first row group, as it grew too large.

    Dictionaries are PLAIN themselves, and all but the oldest writers say so once.
    """
    if not metadata.num_row_groups:
        return False
    encodings = metadata.row_group(0).column(leaf).encodings
    is_old = "PLAIN_DICTIONARY" in encodings
    num_plain = encodings.count("PLAIN")
    return is_old and num_plain > 0 or "RLE_DICTIONARY" in encodings and num_plain > 1


def _is_short_and_different(metadata: pa.parquet.FileMetaData, leaf: int) -> bool:
    """Whether a column's strings are short and hardly repeat, by the bytes that each value takes.

    They are less where values repeat, as an index has some bits, and more where they are long.
    Where the file has no dictionaries, the sizes do not tell, and short strings count as different.
    """
    num_bytes = num_values = 0
    num_groups = min(metadata.num_row_groups, _SAMPLE_GROUPS)
    for group in range(num_groups):
        part = metadata.row_group(group).column(leaf)
        num_bytes += part.total_uncompressed_size
        num_values += part.num_values
    bytes_per_value = num_bytes / max(num_values, 1)
    return _MIN_BYTES <= bytes_per_value <= _MAX_BYTES

"""Decoded rows in the order of training, in blocks; common.pipeline.row_order says in which."""

import itertools
from typing import Dict, Iterable, Iterator, List, Optional, Sequence, Tuple

import numpy as np

from common.formats import fetched
from common.formats.chunks import Chunk
from common.formats.files import Files
from common.pipeline import features, memory, next_chunks, row_order, source
from common.pipeline.features import Block
from common.pipeline.next_chunks import Read
from common.pipeline.row_order import Part, Stream, Window, permutation
from common.pipeline.source import Data

_CHUNKS_AHEAD = 2
_SMALL_ROWS = 2048
_JOINED_ROWS = 16384
# Rows are copied out of a window so many at a time: several such slices wait for the trainer.
_SLICE_ROWS = 16384
_SLICE_BYTES = 4 << 20


def read_blocks(
    files: Files,
    data: Data,
    stream: Stream,
    ahead: bool = True,
) -> Iterator[Block]:
    """The rows of a stream, in order, in blocks of any size.

    Args:
      ahead: whether a thread reads the next chunks while one is decoded.

    Raises:
      BadInput: more rows than data.bad_rows allows cannot be read.
    """
    memory.keep()
    bad_rows = data.bad_rows.rows(files.paths)
    windows = row_order.windows(files, bad_rows, stream)
    upcoming: Iterator[Window] = iter(())
    if ahead:
        # What is not read ahead is not kept: a tee holds what one of its sides has not asked for.
        upcoming, windows = itertools.tee(windows)
    chunks = (part.chunk for window in upcoming for part in window.parts)
    names = source.used_columns(data.schema)
    with next_chunks.reading(files, names, chunks, _CHUNKS_AHEAD if ahead else 0) as read:
        decoder = _Decoder(files, data, read)
        for window in windows:
            yield from _mixed(decoder.decode_all(window.parts), window, stream.batch_size)


def _mixed(blocks: List[Block], window: Window, batch_size: int) -> Iterator[Block]:
    """The unread rows of a window, mixed; nothing holds them once they were given."""
    block = features.concat(blocks)
    order = permutation(len(block.rows), window.key)
    unread = order[window.low:window.high]
    yield from features.slices(block, unread, _rows_of_slice(block, batch_size))


def _rows_of_slice(block: Block, batch_size: int) -> int:
    """How many rows are copied at a time: whole batches, fewer where rows are wide."""
    bytes_of_row = max(block.num_bytes // max(len(block.rows), 1), 1)
    num_rows = min(_SLICE_ROWS, _SLICE_BYTES // bytes_of_row)
    return max(num_rows // batch_size, 1) * batch_size


def read_items(
    files: Files,
    data: Data,
    parts: Sequence[Part],
    items: Iterable[Optional[Tuple[int, int, int]]],
    seed: Optional[int],
) -> Iterator[Optional[Block]]:
    """The rows of some parts of files, a block each; a part's rows are mixed among themselves.

    Args:
      items: (epoch, index among the parts, rows to leave out) of each, asked for one at a time.
        None gives None in place of a block.
      seed: of the order, which differs in each epoch; None for the files' order.

    Raises:
      BadInput: more rows than data.bad_rows allows cannot be read.
    """
    memory.keep()
    names = source.used_columns(data.schema)
    with next_chunks.reading(files, names, iter(()), 0) as read:
        decoder = _Decoder(files, data, read)
        for item in items:
            if item is None:
                yield None
                continue
            epoch, index, skip = item
            block = decoder.decode(parts[index])
            key = None if seed is None else [seed, epoch, index]
            order = permutation(len(block.rows), key)
            yield block.take(order[skip:])


def read_rows(files: Files, data: Data, rows: np.ndarray) -> Iterator[Block]:
    """Some rows in the order of the files, a block for each chunk that holds any of them.

    Args:
      rows: their numbers, int64 [N], ascending.

    Raises:
      BadInput: more rows than data.bad_rows allows cannot be read.
    """
    memory.keep()
    chunks = [chunk for chunk in files.chunks if len(_within(rows, chunk))]
    names = source.used_columns(data.schema)
    with next_chunks.reading(files, names, iter(chunks), _CHUNKS_AHEAD) as read:
        decoder = _Decoder(files, data, read)
        for chunk in chunks:
            block = decoder.decode(Part(chunk, 0, chunk.num_rows))
            is_wanted = np.isin(block.rows, _within(rows, chunk))
            yield block.take(np.flatnonzero(is_wanted))


def _within(rows: np.ndarray, chunk: Chunk) -> np.ndarray:
    """Those of some rows' numbers, which ascend, that are a chunk's."""
    low, high = np.searchsorted(rows, [chunk.first_row, chunk.first_row + chunk.num_rows])
    return rows[low:high]


class _Decoder:
    """Decodes parts of chunks in the order in which they were announced to `read`."""

    def __init__(self, files: Files, data: Data, read: Read) -> None:
        self._encoder = source.make_encoder(files, data)
        self._read = read
        self._decoded: Dict[Chunk, Block] = {}

    def decode_all(self, parts: Sequence[Part]) -> List[Block]:
        """The rows of some parts, in order; small ones are decoded together."""
        blocks: List[Block] = []
        for run in _runs(parts):
            if _is_small(run[0]):
                pieces = [self._read(part.chunk) for part in run]
                blocks += map(self._encoder.encode, fetched.decode(pieces))
            else:
                blocks += map(self.decode, run)
        return blocks

    def decode(self, part: Part) -> Block:
        """The rows of a part; the last chunk is remembered."""
        chunk = part.chunk
        piece = self._read(chunk)  # each part is asked for, as it was announced
        if chunk not in self._decoded:
            self._decoded.clear()
            columns = fetched.columns(piece)
            self._decoded[chunk] = self._encoder.encode(columns)
        block = self._decoded[chunk]
        bounds = [chunk.first_row + part.low, chunk.first_row + part.high]
        first, end = np.searchsorted(block.rows, bounds)
        if end - first == len(block.rows):
            return block
        return block.take(np.arange(first, end))


def _runs(parts: Sequence[Part]) -> Iterator[List[Part]]:
    """Parts that follow each other and are all small, few rows in all, or all large."""
    run: List[Part] = []
    num_rows = 0
    for part in parts:
        is_like = bool(run) and _is_small(part) == _is_small(run[0])
        if run and not (is_like and num_rows + part.num_rows <= _JOINED_ROWS):
            yield run
            run = []
            num_rows = 0
        run.append(part)
        num_rows += part.num_rows
    if run:
        yield run


def _is_small(part: Part) -> bool:
    """Whether a part is a whole chunk of so few rows that decoding them is soon begun and done."""
    is_whole = part.num_rows == part.chunk.num_rows
    return is_whole and part.num_rows < _SMALL_ROWS


def whole_batches(blocks: Iterator[Optional[Block]], batch_size: int) -> Iterator[Block]:
    """The same rows in blocks of whole batches.

    Only the last block, or one before None among the blocks, may end with a smaller batch.
    """
    rest: List[Block] = []
    for block in blocks:
        if block is None:
            yield from rest
            rest = []
            continue
        block = features.concat(rest + [block])
        size = len(block.rows)
        whole = size - size % batch_size
        rest = []
        if whole < size:
            rest = [block.take(np.arange(whole, size))]
            block = block.take(np.arange(whole))
        if whole:
            yield block
    yield from rest

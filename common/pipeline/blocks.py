"""The rows of a file in the order of training: epochs, parts for each trainer, windows of mixed rows, whole batches.

The order is a function of the seed alone, so a run that resumes at a step goes on with the rows it had not seen:
`start_row` is that step times the batch size.
"""

from typing import Callable, Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from common.config.flag_types import FILES, TRAINING, FlagParser, add_switch, count
from common.errors import BadInput
from common.pipeline import encoder, reader, source
from common.pipeline.chunks import Chunk
from common.pipeline.encoder import Block
from common.pipeline.source import Data

_FILE_ORDER_WINDOW = 65536
_SLICE_ROWS = 16384  # rows whose lists are copied at a time, so that no second window of them is held


def add_flags(parser: FlagParser) -> None:
    """Adds the flags of the order of rows."""
    parser.group(TRAINING).add_argument(
        "--shuffle_buffer", type=count, default=131072,
        help="rows mixed at a time; 0 keeps the file's order (default 131072)")
    add_switch(parser.group(FILES), "parquet_dataset_shuffle", False,
               "draw the row groups of a Parquet file in random order too; rows are mixed within "
               "the shuffle buffer in any case")


class Part(NamedTuple):
    """Rows low to before high of a chunk, counted from its first."""

    chunk: Chunk
    low: int
    high: int


class Stream(NamedTuple):
    """How the rows of a file become batches.

    Attributes:
      batch_size: rows a batch; only the very last one may be smaller.
      epochs: how often the file is read; 0 for ever.
      shuffle_rows: rows that are mixed at a time; 0 keeps the file's order.
      seed: of the order.
      start_row: rows to leave out, counted over epochs.
      any_order: where rows are mixed, whether a file's chunks are drawn in random order before; else the windows of
        mixed rows go through it in order.
      shard, shards: reads only part `shard` of a file in `shards` parts of equal size.
    """

    batch_size: int
    epochs: int = 1
    shuffle_rows: int = 0
    seed: int = 0
    start_row: int = 0
    any_order: bool = True
    shard: int = 0
    shards: int = 1


def read_blocks(file: reader.InputFile, data: Data, stream: Stream) -> Iterator[Block]:
    """The rows of a stream, in order, in blocks of any size.

    Raises:
      BadInput: more rows than data.bad_rows allows cannot be read.
    """
    decode = _make_decoder(file, data)
    epoch, skip = divmod(stream.start_row, rows_an_epoch(file, data, stream))
    while not stream.epochs or epoch < stream.epochs:
        yield from _read_epoch(file, data, stream, decode, epoch, skip)
        epoch, skip = epoch + 1, 0


def cut_chunks(file: reader.InputFile, max_rows: int) -> List[Part]:
    """All rows of a file, in parts of at most so many rows; those of a chunk differ by one row at most."""
    counts = [-(-chunk.num_rows // max_rows) for chunk in file.chunks]
    return [Part(chunk, chunk.num_rows * i // count, chunk.num_rows * (i + 1) // count)
            for chunk, count in zip(file.chunks, counts) for i in range(count)]


def read_items(file: reader.InputFile, data: Data, parts: Sequence[Part], items: Iterable[Tuple[int, int, int]],
               seed: Optional[int]) -> Iterator[Block]:
    """The rows of some parts of a file, a block each; a part's rows are mixed among themselves.

    Args:
      items: (epoch, index among the parts, rows to leave out) of each.
      seed: of the order, which differs in each epoch; None for the file's order.

    Raises:
      BadInput: more rows than data.bad_rows allows cannot be read.
    """
    decode = _make_decoder(file, data)
    for epoch, index, skip in items:
        block = decode(*parts[index])
        order = np.arange(len(block.rows))
        if seed is not None:
            order = np.random.default_rng([seed, epoch, index]).permutation(len(block.rows))
        yield block.take(order[skip:])


def _make_decoder(file: reader.InputFile, data: Data) -> Callable[[Chunk, int, int], Block]:
    """Returns a function that decodes rows low to high of a chunk and remembers the last chunk it read."""
    decoder = source.make_encoder(file, data)
    decoded: Dict[Chunk, Block] = {}

    def decode(chunk: Chunk, low: int, high: int) -> Block:
        if chunk not in decoded:
            decoded.clear()
            decoded[chunk] = decoder.encode(file.read(chunk, source.used_columns(data.schema), as_views=True))
        block = decoded[chunk]
        first, last = np.searchsorted(block.rows, [chunk.first_row + low, chunk.first_row + high])
        return block if last - first == len(block.rows) else block.take(np.arange(first, last))

    return decode


def rows_an_epoch(file: reader.InputFile, data: Data, stream: Stream) -> int:
    """The usable rows of a stream's shard; raises BadInput where there is none."""
    first, end = _shard(file, stream)
    rows = end - first - sum(first <= row < end for row in data.bad_rows.rows(file.path))
    if not rows:
        raise BadInput("{}: its {} rows leave none for part {} of {}. Train with fewer workers.".format(
            file.path, reader.num_rows(file), stream.shard + 1, stream.shards))
    return rows


def _shard(file: reader.InputFile, stream: Stream) -> Tuple[int, int]:
    """The first row of a stream's shard and its end."""
    total = reader.num_rows(file)
    return total * stream.shard // stream.shards, total * (stream.shard + 1) // stream.shards


def _read_epoch(file: reader.InputFile, data: Data, stream: Stream, decode: Callable[[Chunk, int, int], Block],
                epoch: int, skip: int) -> Iterator[Block]:
    """The rows of one epoch but for the first `skip`: chunks in random order, rows mixed within windows of them."""
    parts = _parts(file, *_shard(file, stream))
    if stream.shuffle_rows and stream.any_order:
        np.random.default_rng([stream.seed, epoch]).shuffle(parts)
    for number, window in enumerate(_windows(parts, stream.shuffle_rows or _FILE_ORDER_WINDOW)):
        planned = sum(part.high - part.low for part in window)
        if skip >= planned and not data.bad_rows.limit:
            skip -= planned
            continue
        block = encoder.concat([decode(*part) for part in window])
        order = np.arange(len(block.rows))
        if stream.shuffle_rows:
            order = np.random.default_rng([stream.seed, epoch, number]).permutation(len(block.rows))
        skipped = min(skip, len(order))
        skip -= skipped
        step = max(_SLICE_ROWS // stream.batch_size, 1) * stream.batch_size
        yield from encoder.slices(block, order[skipped:], step)


def _parts(file: reader.InputFile, first: int, end: int) -> List[Part]:
    """The parts of a file's chunks that hold its rows from `first` to before `end`."""
    bounds = [(chunk, max(first - chunk.first_row, 0), min(end - chunk.first_row, chunk.num_rows))
              for chunk in file.chunks]
    return [Part(*bound) for bound in bounds if bound[1] < bound[2]]


def _windows(parts: Sequence[Part], size: int) -> Iterator[List[Part]]:
    """Cuts a sequence of parts into windows of `size` rows."""
    window: List[Part] = []
    missing = size
    for chunk, low, end in parts:
        while low < end:
            high = min(end, low + missing)
            window.append(Part(chunk, low, high))
            missing -= high - low
            low = high
            if not missing:
                yield window
                window, missing = [], size
    if window:
        yield window


def whole_batches(blocks: Iterator[Block], batch_size: int) -> Iterator[Block]:
    """The same rows in blocks of whole batches; only the last block may end with a smaller one."""
    rest: List[Block] = []
    for block in blocks:
        block = encoder.concat(rest + [block])
        whole = len(block.rows) // batch_size * batch_size
        if whole:
            yield block if whole == len(block.rows) else block.take(np.arange(whole))
        rest = [block.take(np.arange(whole, len(block.rows)))] if whole < len(block.rows) else []
    yield from rest

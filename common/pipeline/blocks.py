"""The rows of a file in the order of training.

Epochs, a part for each trainer, windows of mixed rows, whole batches. The order depends on the seed
alone, so a run that resumes at a step continues with unseen rows: `start_row` is that step times
the batch size.
"""

from typing import Callable, Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from common.config.flag_types import FILES, TRAINING, FlagParser, add_switch, count
from common.errors import BadInput
from common.pipeline import features, reader, source
from common.pipeline.chunks import Chunk
from common.pipeline.features import Block
from common.pipeline.reader import InputFile
from common.pipeline.source import Data

_FILE_ORDER_WINDOW = 65536
_SLICE_ROWS = 16384  # rows whose lists are copied at a time, so no second window of them is held

Decode = Callable[[Chunk, int, int], Block]


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

    @property
    def num_rows(self) -> int:
        """Its rows, readable or not."""
        return self.high - self.low


class Stream(NamedTuple):
    """How the rows of a file become batches.

    Attributes:
      batch_size: rows a batch; only the very last one may be smaller.
      epochs: how often the file is read; 0 for ever.
      shuffle_rows: rows that are mixed at a time; 0 keeps the file's order.
      seed: of the order.
      start_row: rows to leave out, counted over epochs.
      any_order: where rows are mixed, whether a file's chunks are drawn in random order before;
        else the windows of mixed rows go through it in order.
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


def read_blocks(file: InputFile, data: Data, stream: Stream) -> Iterator[Block]:
    """The rows of a stream, in order, in blocks of any size.

    Raises:
      BadInput: more rows than data.bad_rows allows cannot be read.
    """
    decode = _make_decoder(file, data)
    epoch_rows = rows_an_epoch(file, data, stream)
    epoch, skip = divmod(stream.start_row, epoch_rows)
    while not stream.epochs or epoch < stream.epochs:
        can_skip_unread = not data.bad_rows.limit
        windows = _windows_of_epoch(file, stream, epoch)
        yield from _read_epoch(windows, stream, decode, epoch, skip, can_skip_unread)
        epoch += 1
        skip = 0


def cut_chunks(file: InputFile, max_rows: int) -> List[Part]:
    """All rows of a file, in parts of at most max_rows; those of a chunk differ by one at most."""
    parts = []
    for chunk in file.chunks:
        num_parts = -(-chunk.num_rows // max_rows)
        for number in range(num_parts):
            low = chunk.num_rows * number // num_parts
            high = chunk.num_rows * (number + 1) // num_parts
            part = Part(chunk, low, high)
            parts.append(part)
    return parts


def read_items(
    file: InputFile,
    data: Data,
    parts: Sequence[Part],
    items: Iterable[Tuple[int, int, int]],
    seed: Optional[int],
) -> Iterator[Block]:
    """The rows of some parts of a file, a block each; a part's rows are mixed among themselves.

    Args:
      items: (epoch, index among the parts, rows to leave out) of each.
      seed: of the order, which differs in each epoch; None for the file's order.

    Raises:
      BadInput: more rows than data.bad_rows allows cannot be read.
    """
    decode = _make_decoder(file, data)
    for epoch, index, skip in items:
        part = parts[index]
        block = decode(part.chunk, part.low, part.high)
        key = None if seed is None else [seed, epoch, index]
        order = _order(len(block.rows), key)
        yield block.take(order[skip:])


def _order(size: int, key: Optional[List[int]]) -> np.ndarray:
    """The numbers below size in the random order of a key; in their own without one."""
    if key is None:
        return np.arange(size)
    return np.random.default_rng(key).permutation(size)


def _make_decoder(file: InputFile, data: Data) -> Decode:
    """Returns a function that decodes rows low to high of a chunk and remembers its last chunk."""
    encoder = source.make_encoder(file, data)
    names = source.used_columns(data.schema)
    decoded: Dict[Chunk, Block] = {}

    def decode(chunk: Chunk, low: int, high: int) -> Block:
        if chunk not in decoded:
            decoded.clear()
            columns = file.read(chunk, names, as_views=True)
            decoded[chunk] = encoder.encode(columns)
        block = decoded[chunk]
        bounds = [chunk.first_row + low, chunk.first_row + high]
        first, end = np.searchsorted(block.rows, bounds)
        if end - first == len(block.rows):
            return block
        return block.take(np.arange(first, end))

    return decode


def rows_an_epoch(file: InputFile, data: Data, stream: Stream) -> int:
    """The usable rows of a stream's shard; raises BadInput where there is none."""
    first, end = _shard(file, stream)
    all_bad = data.bad_rows.rows(file.path)
    bad = [row for row in all_bad if first <= row < end]
    rows = end - first - len(bad)
    if not rows:
        message = "{}: its {} rows leave none for part {} of {}. Train with fewer workers."
        raise BadInput(message.format(
            file.path,
            reader.num_rows(file),
            stream.shard + 1,
            stream.shards,
        ))
    return rows


def _shard(file: InputFile, stream: Stream) -> Tuple[int, int]:
    """The first row of a stream's shard and its end."""
    total = reader.num_rows(file)
    first = total * stream.shard // stream.shards
    end = total * (stream.shard + 1) // stream.shards
    return first, end


def _windows_of_epoch(
    file: InputFile,
    stream: Stream,
    epoch: int,
) -> List[List[Part]]:
    """The windows of one epoch, of chunks in random order."""
    first, end = _shard(file, stream)
    parts = _parts(file, first, end)
    if stream.shuffle_rows and stream.any_order:
        random = np.random.default_rng([stream.seed, epoch])
        random.shuffle(parts)
    size = stream.shuffle_rows or _FILE_ORDER_WINDOW
    return list(_windows(parts, size))


def _read_epoch(
    windows: List[List[Part]],
    stream: Stream,
    decode: Decode,
    epoch: int,
    skip: int,
    can_skip_unread: bool,
) -> Iterator[Block]:
    """The rows of one epoch but for the first `skip`, mixed within windows.

    Args:
      can_skip_unread: whether every row is usable, so that windows need not be read to be skipped.
    """
    num_batches = max(_SLICE_ROWS // stream.batch_size, 1)
    rows_of_slice = num_batches * stream.batch_size
    for number, window in enumerate(windows):
        num_rows = sum(part.num_rows for part in window)
        if skip >= num_rows and can_skip_unread:
            skip -= num_rows
            continue
        parts = [decode(part.chunk, part.low, part.high) for part in window]
        block = features.concat(parts)
        key = [stream.seed, epoch, number] if stream.shuffle_rows else None
        order = _order(len(block.rows), key)
        unseen = order[skip:]
        yield from features.slices(block, unseen, rows_of_slice)
        skip = max(skip - len(order), 0)


def _parts(file: InputFile, first: int, end: int) -> List[Part]:
    """The parts of a file's chunks that hold its rows from `first` to before `end`."""
    parts = []
    for chunk in file.chunks:
        low = max(first - chunk.first_row, 0)
        high = min(end - chunk.first_row, chunk.num_rows)
        if low < high:
            parts.append(Part(chunk, low, high))
    return parts


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
                window = []
                missing = size
    if window:
        yield window


def whole_batches(blocks: Iterator[Block], batch_size: int) -> Iterator[Block]:
    """The same rows in blocks of whole batches; only the last block may end with a smaller one."""
    rest: List[Block] = []
    for block in blocks:
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

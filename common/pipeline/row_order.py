"""Which rows are read in which order: parts for trainers, windows of mixed rows, epochs.

The order depends on the seed and the list of files alone, so a run that resumes continues with
unseen rows. Files are opened as their windows are reached: only the parts of several trainers need
all files to be counted.
"""

from typing import Generator, Iterable, Iterator, List, NamedTuple, Optional, Tuple

import numpy as np

from common.config.flag_types import FILES, TRAINING, FlagParser, add_switch, count
from common.counts import counted
from common.errors import BadInput
from common.formats.chunks import Chunk, first_row_of
from common.formats.files import Files

_FILE_ORDER_WINDOW = 65536
_ENDLESS = 1 << 62


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


class Leg(NamedTuple):
    """Rows of one epoch in their order: a part of the files, mixed, from `low` to before `high`.

    Attributes:
      epoch: which one, from 0; the order differs in each.
      shard, shards: part `shard` of the files in `shards` parts of equal size.
      low, high: which rows of that part in its order; high is None for all behind low.
      seed, shuffle_rows, any_order: of the order, as Stream has them.
    """

    epoch: int
    shard: int = 0
    shards: int = 1
    low: int = 0
    high: Optional[int] = None
    seed: int = 0
    shuffle_rows: int = 0
    any_order: bool = True


class Stream(NamedTuple):
    """How the rows of some files become batches.

    Attributes:
      batch_size: rows a batch; only the very last one may be smaller.
      epochs: the epoch before which reading ends; 0 for no end.
      shuffle_rows: rows that are mixed at a time; 0 keeps the files' order.
      seed: of the order.
      start_row: rows to leave out, counted over legs and epochs.
      any_order: where rows are mixed, whether files and their chunks are drawn in random order
        before; else the windows of mixed rows go through them in order.
      shard, shards: reads only part `shard` of the files in `shards` parts of equal size.
      legs: what is read first, before whole epochs.
      first_epoch: the first whole epoch.
    """

    batch_size: int
    epochs: int = 1
    shuffle_rows: int = 0
    seed: int = 0
    start_row: int = 0
    any_order: bool = True
    shard: int = 0
    shards: int = 1
    legs: Tuple[Leg, ...] = ()
    first_epoch: int = 0

    def whole_epoch(self, epoch: int) -> Leg:
        """All rows of one epoch of the stream's part."""
        return Leg(epoch, self.shard, self.shards, 0, None, self.seed, self.shuffle_rows,
                   self.any_order)


class Window(NamedTuple):
    """Rows that are mixed among themselves.

    Attributes:
      parts: where they are.
      low, high: which of them are read, in the order of `key`.
      key: of permutation.
    """

    parts: List[Part]
    low: int
    high: int
    key: Optional[List[int]]


def windows(files: Files, bad_rows: Iterable[int], stream: Stream) -> Iterator[Window]:
    """The windows of a stream that hold rows to be read.

    Args:
      bad_rows: the numbers of the rows that cannot be used.

    Raises:
      BadInput: no row is left.
    """
    bad = np.array(sorted(bad_rows), np.int64)
    skip = stream.start_row
    for leg in stream.legs:
        size = yield from _windows_of_leg(files, bad, leg, skip)
        skip = max(skip - size, 0)
    epoch = stream.first_epoch
    while not stream.epochs or epoch < stream.epochs:
        leg = stream.whole_epoch(epoch)
        size = yield from _windows_of_leg(files, bad, leg, skip)
        if not size:
            raise no_rows(files)
        num_epochs, rest = divmod(skip, size)
        epoch += max(num_epochs, 1)
        skip = rest if num_epochs else 0


def _windows_of_leg(
    files: Files,
    bad: np.ndarray,
    leg: Leg,
    skip: int,
) -> Generator[Window, None, int]:
    """The windows of a leg that hold rows behind its first `skip`; returns its number of rows."""
    low = leg.low + skip
    high = _ENDLESS if leg.high is None else leg.high
    begin = 0
    window_rows = leg.shuffle_rows or _FILE_ORDER_WINDOW
    for number, parts in enumerate(_cut(_parts_of_leg(files, leg), window_rows)):
        size = sum(_count_usable(part, bad) for part in parts)
        end = begin + size
        stop = min(high, end)
        if low < stop and begin < stop:
            key = [leg.seed, leg.epoch, number] if leg.shuffle_rows else None
            yield Window(parts, max(low - begin, 0), stop - begin, key)
        begin = end
        if end >= high:
            break
    return max(min(high, begin) - leg.low, 0)


def _count_usable(part: Part, bad: np.ndarray) -> int:
    """How many rows of a part are not among the bad ones, which ascend."""
    first = part.chunk.first_row
    low, high = np.searchsorted(bad, [first + part.low, first + part.high])
    return part.num_rows - int(high - low)


def cut_chunks(files: Files, max_rows: int) -> List[Part]:
    """All rows of some files, in parts of at most max_rows rows, each chunk in even ones."""
    parts = []
    for chunk in files.chunks:
        num_parts = -(-chunk.num_rows // max_rows)
        for number in range(num_parts):
            low = chunk.num_rows * number // num_parts
            high = chunk.num_rows * (number + 1) // num_parts
            part = Part(chunk, low, high)
            parts.append(part)
    return parts


def permutation(size: int, key: Optional[List[int]]) -> np.ndarray:
    """The numbers below size in the random order of a key; in their own without one."""
    if key is None:
        return np.arange(size)
    return np.random.default_rng(key).permutation(size)


def no_rows(files: Files) -> BadInput:
    """The error of files of which no row is left."""
    return BadInput("{}: not one row can be used.".format(files.path))


def check_shard(files: Files, bad_rows: Iterable[int], stream: Stream) -> None:
    """Raises BadInput where a stream has one part of several and no row falls to it."""
    if stream.shards > 1:
        count_shard(files, bad_rows, stream)


def count_shard(files: Files, bad_rows: Iterable[int], stream: Stream) -> int:
    """The usable rows of an epoch of a stream; all files are counted for it.

    Raises:
      BadInput: the stream has one part of several and no row falls to it.
    """
    bad = np.array(sorted(bad_rows), np.int64)
    parts = _parts_of_leg(files, stream.whole_epoch(0))
    num_rows = sum(_count_usable(part, bad) for part in parts)
    if stream.shards > 1 and not num_rows:
        message = "{}: of its {} none is left for part {} of {}. Train with fewer workers."
        raise BadInput(message.format(
            files.path,
            counted(files.num_rows, "row"),
            stream.shard + 1,
            stream.shards,
        ))
    return num_rows


def _parts_of_leg(files: Files, leg: Leg) -> Iterator[Part]:
    """The parts of chunks that a leg's rows are in, in the order in which they are read."""
    num_files = len(files.paths)
    numbers = range(num_files)
    is_mixed = leg.shuffle_rows > 0 and leg.any_order
    if is_mixed and num_files > 1:
        numbers = permutation(num_files, [leg.seed, leg.epoch]).tolist()
    for number in files.in_order(numbers):
        parts = _parts_of_file(files, number, leg)
        if is_mixed:
            key = [leg.seed, leg.epoch] if num_files == 1 else [leg.seed, leg.epoch, number]
            np.random.default_rng(key).shuffle(parts)
        yield from parts


def _parts_of_file(files: Files, number: int, leg: Leg) -> List[Part]:
    """The parts of one file's chunks that belong to a leg's part of all rows."""
    first, end = 0, None
    if leg.shards > 1:
        rows_before = files.rows_before(number)
        first = files.num_rows * leg.shard // leg.shards - rows_before
        end = files.num_rows * (leg.shard + 1) // leg.shards - rows_before
        if first >= files.rows_of(number) or end <= 0:
            return []
    parts = []
    base = first_row_of(number)
    for chunk in files.chunks_of(number):
        begin = chunk.first_row - base
        low = max(first - begin, 0)
        high = chunk.num_rows if end is None else min(end - begin, chunk.num_rows)
        if low < high:
            parts.append(Part(chunk, low, high))
    return parts


def _cut(parts: Iterable[Part], size: int) -> Iterator[List[Part]]:
    """Cuts parts into windows of `size` rows."""
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

"""Files to batches: one columnar path for CSV and Parquet, and the path a TF 1.15.5 user would write (--tf).

Columnar: a Python generator decodes whole chunks (common.reader, common.encoder), mixes the rows of a window and hands
blocks of many batches to tf.data, which cuts them into batches in C++.

Both paths give rows in an order that is a function of the seed alone, so a run that resumes at a step goes on with
the rows it had not seen: `start_row` is that step times the batch size.
"""

import os
from typing import Callable, Dict, Iterator, List, NamedTuple, Sequence, Tuple

import numpy as np
import tensorflow.compat.v1 as tf

from common import encoder, raw, reader, vocabulary
from common.checks import BadRows
from common.encoder import Block, Encoder
from common.lists import Ragged
from common.raw import Features
from common.reader import BadInput, Chunk
from common.schema import Column, Schema

ROW = "_row"
USER = "_user"
_COPYING_SECS = 600  # files that are copied together may differ by this much
_FILE_ORDER_WINDOW = 65536
_RATE_CHUNKS = 16

InputFn = Callable[[], tf.data.Dataset]


class Part(NamedTuple):
    """Rows low to before high of a chunk, counted from its first."""

    chunk: Chunk
    low: int
    high: int


class Data(NamedTuple):
    """The opened files of a data set.

    Attributes:
      schema: their columns, with the sizes of the vocabularies.
      vocabularies: name -> word -> id, in the order of the ids.
      train, test: the files.
      train_rows, test_rows: how many of their rows are used, bad ones left out.
      bad_rows: counts the bad ones.
    """

    schema: Schema
    vocabularies: Dict[str, Dict[bytes, int]]
    train: reader.InputFile
    test: reader.InputFile
    train_rows: int
    test_rows: int
    bad_rows: BadRows


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


def open_data(location: str, schema: Schema, parquet: bool, max_bad_rows: int, check_all: bool) -> Data:
    """Opens the training and the test file of a folder.

    Args:
      location: the folder.
      schema: the columns and the files' names.
      parquet: whether to take the Parquet files where they are there.
      max_bad_rows: how many unreadable rows may be left out.
      check_all: whether to read every row now; else rows are checked as they are used, unless max_bad_rows makes
        their number depend on it.

    Raises:
      BadInput: a file is missing, more than max_bad_rows rows cannot be read, or a vocabulary is of other data.
    """
    paths = [find_file(location, name, schema, parquet) for name in (schema.train_file, schema.test_file)]
    words = {name: vocabulary.load(os.path.join(location, name)) for name in schema.vocabularies}
    schema = schema.with_vocabularies({name: len(listed) for name, listed in words.items()})
    train, test = [reader.open_file(path, schema) for path in paths]
    ids = {name: {word.encode(): i for i, word in enumerate(listed)} for name, listed in words.items()}
    data = Data(schema, ids, train, test, reader.num_rows(train), reader.num_rows(test), BadRows(max_bad_rows))
    _check_vocabularies(data)
    if check_all or max_bad_rows:
        data = data._replace(train_rows=_usable_rows(train, data), test_rows=_usable_rows(test, data))
    for file, count in ((train, data.train_rows), (test, data.test_rows)):
        if not count:
            raise BadInput("{}: not one row can be used.".format(file.path))
    return data


def find_file(location: str, name: str, schema: Schema, parquet: bool) -> str:
    """The path of a file of the data set: Parquet where it is wanted and there, else CSV.

    Raises:
      BadInput: the file is missing, or the rows were written anew as text and the Parquet file is the old one.
    """
    candidates = [os.path.join(location, name)]
    if parquet:
        candidates.insert(0, candidates[0] + ".parquet")
    if all(os.path.isfile(path) for path in candidates) and parquet:
        ages = [os.path.getmtime(path) for path in candidates]
        if ages[1] - ages[0] > _COPYING_SECS:
            raise BadInput("{0} is newer than {1}, which would be read in its place. Convert it again (python {2} "
                           "convert {0} {1}), remove {1}, or choose --parquet_dataset false.".format(
                               candidates[1], candidates[0], schema.module))
    for path in candidates:
        if os.path.isfile(path):
            return path
    raise BadInput(
        "no rows of {name}: {there}.\n  Write synthetic rows: python {module} make --out {out}\n"
        "  Or convert your own:  python {module} convert IN {target}".format(
            name=schema.name, module=schema.module, out=location, target=candidates[0],
            there=" and ".join("{} is missing".format(path) for path in candidates)))


def _check_vocabularies(data: Data) -> None:
    """Raises BadInput where a vocabulary has not one of the values of a column in the training file's first rows."""
    schema, file = data.schema, data.train
    if not schema.vocabularies:
        return
    chunk = file.chunks[0]
    counts = BadRows(chunk.num_rows)  # rows that cannot be read are named when they are used
    block = Encoder(file.path, schema, data.vocabularies, counts).encode(file.read(chunk, _used(schema)))
    sizes = {column.name: len(block.rows) for column in schema.scalars}
    sizes.update({column.name: len(ragged.values) for column, ragged in zip(schema.lists, block.lists)})
    for column in schema.columns:
        if column.vocabulary and 0 < sizes[column.name] <= counts.unknown_ids.get(column.name, 0):
            raise BadInput("{}: {} has none of the {} values of column {!r} in the first {} rows, so it is of other "
                           "data. Make the vocabularies from these rows.".format(
                               file.path, column.vocabulary, sizes[column.name], column.name, len(block.rows)))


def label_rates(data: Data) -> np.ndarray:
    """Mean of each label over evenly spread chunks of the training file, and of each pair of labels' product.

    Returns:
      float64 [K, K]: entry (i, j) is the share of rows with both label i and label j, half a row added to each count
      so that none is 0.
    """
    chunks = data.train.chunks
    spread = np.unique(np.linspace(0, len(chunks) - 1, _RATE_CHUNKS).round().astype(int))
    names = [column.name for column in data.schema.labels]
    decoder = _make_encoder(data.train, data)
    parts = [decoder.read_labels(data.train.read(chunk, names)) for chunk in [chunks[i] for i in spread]]
    labels = np.concatenate(parts).astype(np.float64)
    return (labels.T.dot(labels) + 0.5) / (len(labels) + 1.0)


def columnar_input(file: reader.InputFile, data: Data, stream: Stream, ahead: bool = True,
                   rows_taken: Callable[[], int] = lambda: 0) -> InputFn:
    """An input_fn of ids.

    Args:
      ahead: whether rows are read and decoded before they are asked for, within bounds.
      rows_taken: how many rows of the stream to leave out, asked for when a session starts to read.

    Its dataset's elements are (features, labels). features maps each column of one value a row to ids, int32 [B], each
    number column to float32 [B]; the three names that encoder.feature_names gives a list column to the tensors of a
    Ragged; ROW to the rows' numbers in the file from 0, int64 [B]; USER to a number for each row's user, int64 [B].
    labels maps each to float32 [B].
    """
    num_lists = len(data.schema.lists)
    types = (tf.int64, tf.float32, tf.int64, tf.int32, tf.float32) + num_lists * (tf.int32, tf.int64, tf.float32)
    shapes = ([None], [None, len(data.schema.labels)], [None], [None, len(data.schema.scalars)],
              [None, len(data.schema.numbers)], *(3 * num_lists * [[None]]))

    def generate() -> Iterator[Tuple[np.ndarray, ...]]:
        try:
            rest = stream._replace(start_row=stream.start_row + rows_taken())
            for block in _whole_batches(read_blocks(file, data, rest), stream.batch_size):
                yield tuple(block[:5]) + tuple(array for ragged in block.lists for array in ragged)
        except BadInput as error:
            data.bad_rows.error = error
            raise

    def cut(*block: tf.Tensor) -> tf.data.Dataset:
        num_batches = (tf.shape(block[0], out_type=tf.int64)[0] + stream.batch_size - 1) // stream.batch_size
        return tf.data.Dataset.range(num_batches).map(
            lambda i: _cut_batch(data.schema, block, i * stream.batch_size, stream.batch_size))

    def input_fn() -> tf.data.Dataset:
        _rows_an_epoch(file, data, stream)  # raises where there is none
        blocks = tf.data.Dataset.from_generator(generate, types, shapes)
        return blocks.prefetch(1).flat_map(cut).prefetch(4) if ahead else blocks.flat_map(cut)

    return input_fn


def read_blocks(file: reader.InputFile, data: Data, stream: Stream) -> Iterator[Block]:
    """The rows of a stream, in order, in blocks of any size.

    Raises:
      BadInput: more rows than data.bad_rows allows cannot be read.
    """
    decode = _make_decoder(file, data)
    epoch, skip = divmod(stream.start_row, _rows_an_epoch(file, data, stream))
    while not stream.epochs or epoch < stream.epochs:
        yield from _read_epoch(file, data, stream, decode, epoch, skip)
        epoch, skip = epoch + 1, 0


def tf_input(file: reader.InputFile, data: Data, stream: Stream, with_users: bool) -> InputFn:
    """An input_fn as a TF 1.15.5 user writes it: TextLineDataset, decode_csv, string_split.

    Its dataset's elements are (features, labels): features as raw.decode gives them as columns and, with_users, USER to
    int64 [B]; labels are float32 [B].
    """
    schema = data.schema
    names = _used(schema)
    positions = [i for i, column in enumerate(schema.columns) if column.name in names]

    def parse(lines: tf.Tensor, tables: raw.Tables) -> Tuple[Features, Features]:
        fields = tf.io.decode_csv(lines, [_csv_default(column) for column in schema.named(names)], schema.delimiter,
                                  use_quote_delim=False, select_cols=positions)
        columns = dict(zip(names, fields))
        features = raw.decode(columns, schema, tables, as_columns=True)
        if with_users:
            features[USER] = tf.strings.to_hash_bucket_fast(columns[schema.user_column], np.iinfo(np.int64).max)
        return features, {c.name: tf.cast(columns[c.name], tf.float32) for c in schema.labels}

    def input_fn() -> tf.data.Dataset:
        _rows_an_epoch(file, data, stream)  # raises where there is none
        lines = _text_lines(file, data).map(lambda row, line: line) if data.bad_rows.rows(file.path) else (
            tf.data.TextLineDataset(file.path).take(reader.num_rows(file)))
        batches = _in_order(lines, stream).batch(stream.batch_size)
        tables = raw.make_tables(schema, data.vocabularies)
        parsed = batches.map(lambda rows: parse(rows, tables), num_parallel_calls=tf.data.experimental.AUTOTUNE)
        return parsed.prefetch(4)

    return input_fn


def rows_of_batch(file: reader.InputFile, data: Data, stream: Stream) -> List[int]:
    """The numbers (from 0) of the rows in the first batch of a stream of tf_input, found by reading it again."""
    with tf.Graph().as_default(), tf.Session() as session:
        numbers = _in_order(_text_lines(file, data), stream).map(lambda row, line: row).batch(stream.batch_size)
        return session.run(tf.data.make_one_shot_iterator(numbers).get_next()).tolist()


def _text_lines(file: reader.InputFile, data: Data) -> tf.data.Dataset:
    """The usable lines of a CSV file, each with its number from 0."""
    lines = tf.data.TextLineDataset(file.path).take(reader.num_rows(file))
    numbered = lines.apply(tf.data.experimental.enumerate_dataset())
    bad = sorted(data.bad_rows.rows(file.path))
    if not bad:
        return numbered
    return numbered.filter(lambda row, line: tf.reduce_all(tf.not_equal(row, tf.constant(bad, tf.int64))))


def _in_order(lines: tf.data.Dataset, stream: Stream) -> tf.data.Dataset:
    if stream.shards > 1:
        lines = lines.shard(stream.shards, stream.shard)
    if stream.shuffle_rows:
        lines = lines.shuffle(stream.shuffle_rows, seed=stream.seed, reshuffle_each_iteration=True)
    lines = lines.repeat(stream.epochs or None)
    return lines.skip(stream.start_row) if stream.start_row else lines


def _csv_default(column: Column) -> tf.Tensor:
    """What tf.io.decode_csv takes for an empty field; a label must be there."""
    if column.kind == "label":
        return tf.constant([], tf.int32)
    if column.kind == "identity":
        return tf.constant([int(column.default)])
    if column.kind == "number" and not column.is_list:
        return tf.constant([float(column.default)])
    return tf.constant([column.default if column.is_feature else ""])


def _make_encoder(file: reader.InputFile, data: Data) -> Encoder:
    return Encoder(file.path, data.schema, data.vocabularies, data.bad_rows)


def _usable_rows(file: reader.InputFile, data: Data) -> int:
    """Reads all rows of a file; returns how many can be used."""
    decoder = _make_encoder(file, data)
    return sum(len(decoder.encode(file.read(chunk, _used(data.schema))).rows) for chunk in file.chunks)


def _used(schema: Schema) -> List[str]:
    return [column.name for column in schema.columns if column.kind != "unused"]


def _make_decoder(file: reader.InputFile, data: Data) -> Callable[[Chunk, int, int], Block]:
    """Returns a function that decodes rows low to high of a chunk and remembers the last chunk it read."""
    decoder = _make_encoder(file, data)
    decoded: Dict[Chunk, Block] = {}

    def decode(chunk: Chunk, low: int, high: int) -> Block:
        if chunk not in decoded:
            decoded.clear()
            decoded[chunk] = decoder.encode(file.read(chunk, _used(data.schema)))
        block = decoded[chunk]
        first, last = np.searchsorted(block.rows, [chunk.first_row + low, chunk.first_row + high])
        return block if last - first == len(block.rows) else block.take(np.arange(first, last))

    return decode


def _rows_an_epoch(file: reader.InputFile, data: Data, stream: Stream) -> int:
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
        if stream.shuffle_rows:
            rng = np.random.default_rng([stream.seed, epoch, number])
            block = block.take(rng.permutation(len(block.rows)))
        skipped = min(skip, len(block.rows))
        skip -= skipped
        yield block.take(np.arange(skipped, len(block.rows))) if skipped else block


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


def _whole_batches(blocks: Iterator[Block], batch_size: int) -> Iterator[Block]:
    """The same rows in blocks of whole batches; only the last block may end with a smaller one."""
    rest: List[Block] = []
    for block in blocks:
        block = encoder.concat(rest + [block])
        whole = len(block.rows) // batch_size * batch_size
        if whole:
            yield block if whole == len(block.rows) else block.take(np.arange(whole))
        rest = [block.take(np.arange(whole, len(block.rows)))] if whole < len(block.rows) else []
    yield from rest


def _cut_batch(schema: Schema, block: Sequence[tf.Tensor], start: tf.Tensor, size: int) -> Tuple[Features, Features]:
    """The batch of a block's tensors (as columnar_input generates them) that begins at row `start`."""
    rows, labels, users, ids, numbers = [tensor[start:start + size] for tensor in block[:5]]
    features: Features = {c.name: column for c, column in zip(schema.scalars, tf.unstack(ids, axis=1))}
    features.update((c.name, column) for c, column in zip(schema.numbers, tf.unstack(numbers, axis=1)))
    for i, column in enumerate(schema.lists):
        values, splits, weights = block[5 + 3 * i:8 + 3 * i]
        splits = splits[start:start + size + 1]
        low, high = splits[0], splits[-1]
        batch = Ragged(values[low:high], splits - low, weights[low:high])
        features.update(zip(encoder.feature_names(column.name), batch))
    features[ROW], features[USER] = rows, users
    return features, {c.name: label for c, label in zip(schema.labels, tf.unstack(labels, axis=1))}

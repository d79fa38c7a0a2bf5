"""Files to batches: one columnar path for CSV and Parquet, and the path of a TF 1.15.5 user (--tf).

Columnar: a Python generator decodes whole chunks (common.pipeline.reader, common.pipeline.encoder),
mixes the rows of a window (common.pipeline.blocks) and hands blocks of many batches to tf.data,
which cuts them into batches in C++.
"""

from typing import Callable, Iterator, List, Optional, Tuple

import numpy as np
import tensorflow.compat.v1 as tf

from common.config.schema import ROW, USER, Column, Schema
from common.errors import BadInput
from common.pipeline import batches as batches_of
from common.pipeline import blocks as blocks_of
from common.pipeline import raw, reader, source
from common.pipeline.batches import Batch
from common.pipeline.blocks import Stream
from common.pipeline.features import Block, feature_names
from common.pipeline.raw import Features
from common.pipeline.reader import InputFile
from common.pipeline.source import Data

InputFn = Callable[[], tf.data.Dataset]
ReadBlocks = Callable[[], Iterator[Block]]

_BLOCKS_AHEAD = 8
_MAX_INT64 = np.iinfo(np.int64).max
_BATCHES_AHEAD = 4


def columnar_input(
    file: InputFile,
    data: Data,
    stream: Stream,
    ahead: bool = True,
    rows_taken: Callable[[], int] = lambda: 0,
    read_items: Optional[ReadBlocks] = None,
) -> InputFn:
    """An input_fn of ids.

    Its dataset's elements are (features, labels). features maps each column of one value a row to
    ids, int32 [B], or int64 [B] where the schema has keys; each number column to float32 [B]; the
    three names that feature_names gives a list column to the tensors of a Ragged; ROW to the rows'
    numbers in the file from 0, int64 [B]; USER to a number for each row's user, int64 [B]. labels
    maps each to float32 [B].

    Args:
      ahead: whether rows are read and decoded before they are asked for, within bounds.
      rows_taken: how many rows of the stream to leave out, asked for when a session starts to read.
      read_items: gives the rows in place of the stream, by items of which few are to be taken
        before they are used.
    """
    types = batches_of.tensor_types(data.schema)
    shapes = batches_of.tensor_shapes(data.schema)

    def read() -> Iterator[Block]:
        if read_items:
            return read_items()
        start_row = stream.start_row + rows_taken()
        rest = stream._replace(start_row=start_row)
        return blocks_of.read_blocks(file, data, rest)

    generate = _generator(read, data, stream.batch_size)

    def named(batch: Block) -> Batch:
        return _name_columns(batch, data.schema)

    def cut(*tensors: tf.Tensor) -> tf.data.Dataset:
        return batches_of.cut(tensors, stream.batch_size, named)

    # Autograph would parse the functions of the dataset, for a second, in vain.
    @tf.autograph.experimental.do_not_convert
    def input_fn() -> tf.data.Dataset:
        blocks_of.rows_an_epoch(file, data, stream)  # raises where there is none
        blocks = tf.data.Dataset.from_generator(generate, types, shapes)
        if not ahead:
            return blocks.flat_map(cut)
        blocks_ahead = 1 if read_items else _BLOCKS_AHEAD
        batches = blocks.prefetch(blocks_ahead).flat_map(cut)
        return batches.prefetch(_BATCHES_AHEAD)

    return input_fn


def _generator(
    read: ReadBlocks,
    data: Data,
    batch_size: int,
) -> Callable[[], Iterator[Tuple[np.ndarray, ...]]]:
    """A function that reads rows as tensors, in whole batches; its error goes to data.bad_rows."""
    def generate() -> Iterator[Tuple[np.ndarray, ...]]:
        try:
            for block in blocks_of.whole_batches(read(), batch_size):
                yield batches_of.to_tensors(block)
        except BadInput as error:
            data.bad_rows.error = error
            raise

    return generate


def _name_columns(batch: Block, schema: Schema) -> Batch:
    """The columns of a batch by name: (features, labels)."""
    features: Features = {ROW: batch.rows, USER: batch.users}
    for column, ids in zip(schema.scalars, batch.ids):
        features[column.name] = ids
    for column, numbers in zip(schema.numbers, batch.numbers):
        features[column.name] = numbers
    for column, ragged in zip(schema.lists, batch.lists):
        names = feature_names(column.name)
        features.update(zip(names, ragged))
    label_names = [label.name for label in schema.labels]
    return features, dict(zip(label_names, batch.labels))


def tf_input(file: InputFile, data: Data, stream: Stream, with_users: bool) -> InputFn:
    """An input_fn as a TF 1.15.5 user writes it: TextLineDataset, decode_csv, string_split.

    Its dataset's elements are (features, labels): features as raw.decode gives them as columns and,
    with_users, USER to int64 [B]; labels are float32 [B].
    """
    schema = data.schema

    def parse(lines: tf.Tensor, tables: raw.Tables) -> Batch:
        columns = _parse_csv(lines, schema)
        features = raw.decode(columns, schema, tables, as_columns=True)
        if with_users:
            users = columns[schema.user_column]
            features[USER] = tf.strings.to_hash_bucket_fast(users, _MAX_INT64)
        labels = {}
        for column in schema.labels:
            label = columns[column.name]
            labels[column.name] = tf.cast(label, tf.float32)
        return features, labels

    @tf.autograph.experimental.do_not_convert
    def input_fn() -> tf.data.Dataset:
        blocks_of.rows_an_epoch(file, data, stream)  # raises where there is none
        lines = _in_order(_usable_lines(file, data), stream)
        tables = raw.make_tables(schema, data.vocabularies)
        parsed = lines.batch(stream.batch_size).map(
            lambda batch: parse(batch, tables),
            num_parallel_calls=tf.data.experimental.AUTOTUNE,
        )
        return parsed.prefetch(_BATCHES_AHEAD)

    return input_fn


def _parse_csv(lines: tf.Tensor, schema: Schema) -> Features:
    """The columns that are used, by name."""
    names = source.used_columns(schema)
    defaults = [_csv_default(column) for column in schema.named(names)]
    numbered = enumerate(schema.columns)
    positions = [position for position, column in numbered if column.name in names]
    fields = tf.io.decode_csv(
        lines,
        defaults,
        schema.delimiter,
        use_quote_delim=False,
        select_cols=positions,
    )
    return dict(zip(names, fields))


def _csv_default(column: Column) -> tf.Tensor:
    """What tf.io.decode_csv takes for an empty field; a label must be there."""
    if column.kind == "label":
        return tf.constant([], tf.int32)
    if column.kind == "identity":
        return tf.constant([int(column.default)])
    if column.kind == "number" and not column.is_list:
        return tf.constant([float(column.default)])
    default = column.default if column.is_feature else ""
    return tf.constant([default])


def rows_of_batch(file: InputFile, data: Data, stream: Stream) -> List[int]:
    """The numbers (from 0) of the rows in the first batch of a stream of tf_input.

    They are found by reading it again.
    """
    with tf.Graph().as_default(), tf.Session() as session:
        lines = _in_order(_numbered_lines(file, data), stream)
        numbers = lines.map(lambda row, line: row)
        batches = numbers.batch(stream.batch_size)
        first = tf.data.make_one_shot_iterator(batches).get_next()
        return session.run(first).tolist()


def _all_lines(file: InputFile) -> tf.data.Dataset:
    """The lines of a CSV file that are rows."""
    lines = tf.data.TextLineDataset(file.path)
    return lines.take(reader.num_rows(file))


def _usable_lines(file: InputFile, data: Data) -> tf.data.Dataset:
    if not data.bad_rows.rows(file.path):
        return _all_lines(file)
    numbered = _numbered_lines(file, data)
    return numbered.map(lambda row, line: line)


def _numbered_lines(file: InputFile, data: Data) -> tf.data.Dataset:
    """The usable lines of a CSV file, each with its number from 0."""
    lines = _all_lines(file)
    numbered = lines.apply(tf.data.experimental.enumerate_dataset())
    bad = sorted(data.bad_rows.rows(file.path))
    if not bad:
        return numbered

    def is_usable(row: tf.Tensor, _: tf.Tensor) -> tf.Tensor:
        bad_rows = tf.constant(bad, tf.int64)
        return tf.reduce_all(tf.not_equal(row, bad_rows))

    return numbered.filter(is_usable)


def _in_order(lines: tf.data.Dataset, stream: Stream) -> tf.data.Dataset:
    if stream.shards > 1:
        lines = lines.shard(stream.shards, stream.shard)
    if stream.shuffle_rows:
        lines = lines.shuffle(stream.shuffle_rows, stream.seed, reshuffle_each_iteration=True)
    lines = lines.repeat(stream.epochs or None)
    return lines.skip(stream.start_row) if stream.start_row else lines

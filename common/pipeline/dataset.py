"""Files to batches: one columnar path for CSV and Parquet, and the path a TF 1.15.5 user would write (--tf).

Columnar: a Python generator decodes whole chunks (common.pipeline.reader,
common.pipeline.encoder), mixes the rows of a window
(common.pipeline.blocks) and hands blocks of many batches to tf.data, which cuts them into batches in C++.
"""

from typing import Callable, Iterator, List, Optional, Tuple

import numpy as np
import tensorflow.compat.v1 as tf

from common.config.schema import ROW, USER, Column, Schema
from common.errors import BadInput
from common.kernels import native
from common.pipeline import blocks as blocks_of
from common.pipeline import encoder, native_cut, raw, reader, source
from common.pipeline.blocks import Stream
from common.pipeline.encoder import Block
from common.pipeline.lists import Ragged
from common.pipeline.raw import Features
from common.pipeline.source import Data

InputFn = Callable[[], tf.data.Dataset]


def columnar_input(file: reader.InputFile, data: Data, stream: Stream, ahead: bool = True,
                   rows_taken: Callable[[], int] = lambda: 0,
                   read_items: Optional[Callable[[], Iterator[Block]]] = None) -> InputFn:
    """An input_fn of ids.

    Args:
      ahead: whether rows are read and decoded before they are asked for, within bounds.
      rows_taken: how many rows of the stream to leave out, asked for when a session starts to read.
      read_items: gives the rows in place of the stream, by items of which few are to be taken before they are used.

    Its dataset's elements are (features, labels). features maps each column of one value a row to ids, int32 [B], or
    int64 [B] where the schema has keys; each number column to float32 [B]; the three names that encoder.feature_names
    gives a list column to the tensors of a Ragged; ROW to the rows' numbers in the file from 0, int64 [B]; USER to a
    number for each row's user, int64 [B]. labels maps each to float32 [B].
    """
    types = [tf.int64, tf.float32, tf.int64, tf.as_dtype(data.schema.id_type), tf.float32]
    for column in data.schema.lists:
        types += [tf.as_dtype(column.id_type), tf.int64, tf.float32]
    shapes = ([None], [len(data.schema.labels), None], [None], [len(data.schema.scalars), None],
              [len(data.schema.numbers), None], *(3 * len(data.schema.lists) * [[None]]))

    def generate() -> Iterator[Tuple[np.ndarray, ...]]:
        try:
            rest = stream._replace(start_row=stream.start_row + rows_taken())
            read = read_items() if read_items else blocks_of.read_blocks(file, data, rest)
            for block in blocks_of.whole_batches(read, stream.batch_size):
                yield tuple(array.T for array in block[:5]) + tuple(
                    array for ragged in block.lists for array in ragged)
        except BadInput as error:
            data.bad_rows.error = error
            raise

    def batches(*tensors: tf.Tensor) -> tf.data.Dataset:
        block = Block(*tensors[:5], lists=tuple(  # type: ignore[misc]
            Ragged(*tensors[i:i + 3]) for i in range(5, len(tensors), 3)))
        num_rows = tf.shape(block.rows, out_type=tf.int64)[0]
        return tf.data.Dataset.range(0, num_rows, stream.batch_size).map(
            lambda start: _cut_batch(data.schema, block, start, stream.batch_size))

    @tf.autograph.experimental.do_not_convert  # would parse the functions of the dataset, for a second, in vain
    def input_fn() -> tf.data.Dataset:
        blocks_of.rows_an_epoch(file, data, stream)  # raises where there is none
        blocks = tf.data.Dataset.from_generator(generate, tuple(types), shapes)
        if not ahead:
            return blocks.flat_map(batches)
        return blocks.prefetch(1 if read_items else 8).flat_map(batches).prefetch(4)

    return input_fn


def tf_input(file: reader.InputFile, data: Data, stream: Stream, with_users: bool) -> InputFn:
    """An input_fn as a TF 1.15.5 user writes it: TextLineDataset, decode_csv, string_split.

    Its dataset's elements are (features, labels): features as raw.decode gives them as columns and, with_users, USER to
    int64 [B]; labels are float32 [B].
    """
    schema = data.schema
    names = source.used_columns(schema)
    positions = [i for i, column in enumerate(schema.columns) if column.name in names]

    def parse(lines: tf.Tensor, tables: raw.Tables) -> Tuple[Features, Features]:
        fields = tf.io.decode_csv(lines, [_csv_default(column) for column in schema.named(names)], schema.delimiter,
                                  use_quote_delim=False, select_cols=positions)
        columns = dict(zip(names, fields))
        features = raw.decode(columns, schema, tables, as_columns=True)
        if with_users:
            features[USER] = tf.strings.to_hash_bucket_fast(columns[schema.user_column], np.iinfo(np.int64).max)
        return features, {c.name: tf.cast(columns[c.name], tf.float32) for c in schema.labels}

    @tf.autograph.experimental.do_not_convert
    def input_fn() -> tf.data.Dataset:
        blocks_of.rows_an_epoch(file, data, stream)  # raises where there is none
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


def _cut_batch(schema: Schema, block: Block, start: tf.Tensor, size: int) -> Tuple[Features, Features]:
    """The named columns of the batch of a block (as cut.batch takes it) that begins at row `start`."""
    batch = (native_cut.batch if native.load().ops is not None else _cut_plain)(block, start, size)
    features: Features = {ROW: batch.rows, USER: batch.users}
    features.update((c.name, column) for c, column in zip(schema.scalars, batch.ids))
    features.update((c.name, column) for c, column in zip(schema.numbers, batch.numbers))
    for column, ragged in zip(schema.lists, batch.lists):
        features.update(zip(encoder.feature_names(column.name), ragged))
    return features, {c.name: label for c, label in zip(schema.labels, batch.labels)}


def _cut_plain(block: Block, start: tf.Tensor, size: int) -> Block:
    """What cut.batch gives, of TensorFlow's own ops."""
    rows, labels, users, ids, numbers = [tensor[..., start:start + size] for tensor in block[:5]]
    lists = []
    for values, row_splits, weights in block.lists:
        row_splits = row_splits[start:start + size + 1]
        low, high = row_splits[0], row_splits[-1]
        lists.append(Ragged(values[low:high], row_splits - low, weights[low:high]))
    return Block(rows, tf.unstack(labels), users, tf.unstack(ids), tf.unstack(numbers), tuple(lists))

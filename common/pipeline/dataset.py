"""Files to batches, columns at a time; common/pipeline/tf_path.py has the path of a TF 1.15.5 user.

A Python generator decodes whole chunks (common.formats.reader, common.pipeline.encoder),
mixes the rows of a window (common.pipeline.blocks) and hands blocks of many batches to tf.data,
which cuts them into batches in C++.
"""

from typing import Callable, Iterator, NamedTuple, Optional, Sequence, Tuple

import numpy as np
import tensorflow.compat.v1 as tf

from common.config.schema import ROW, USER, WEIGHT, Schema
from common.errors import BadInput
from common.formats.files import Files
from common.pipeline import batches as batches_of
from common.pipeline import blocks as blocks_of
from common.pipeline import row_order
from common.pipeline.batches import Batch
from common.pipeline.features import Block, feature_names
from common.pipeline.raw import Features
from common.pipeline.row_order import Stream
from common.pipeline.source import Data


class Begin(NamedTuple):
    """Where a session of training begins to read, which variables of its graph say.

    Attributes:
      place: tensors that a session gives to stream_of when it begins.
      stream_of: the rows from that place.
    """

    place: Sequence[tf.Tensor]
    stream_of: Callable[..., Stream]


InputFn = Callable[[], tf.data.Dataset]
ReadBlocks = Callable[..., Iterator[Optional[Block]]]

_BLOCKS_AHEAD = 8
_BATCHES_AHEAD = 4


def columnar_input(
    files: Files,
    data: Data,
    stream: Stream,
    ahead: bool = True,
    begin: Optional[Begin] = None,
    read_items: Optional[ReadBlocks] = None,
) -> InputFn:
    """An input_fn of ids.

    Its dataset's elements are (features, labels). features maps each column of one value a row to
    ids, int32 [B], or int64 [B] where the schema has keys; each number column to float32 [B]; the
    three names that feature_names gives a list column to the tensors of a Ragged; ROW to the rows'
    numbers in the file from 0, int64 [B]; USER, where the schema has users, to a number for each
    row's user, int64 [B]. labels maps each to float32 [B]. Both map WEIGHT, where rows have
    weights, to float32 [B].

    Args:
      ahead: whether rows are read and decoded before they are asked for, within bounds.
      begin: gives the rows of each session in place of the stream.
      read_items: gives the rows in place of the stream, as of a queue or a sample, by items of
        which few are to be taken before they are used.
    """
    types = batches_of.tensor_types(data.schema)
    shapes = batches_of.tensor_shapes(data.schema)

    def read(*place: object) -> Iterator[Optional[Block]]:
        if read_items:
            return read_items()
        rest = begin.stream_of(*place) if begin else stream
        return blocks_of.read_blocks(files, data, rest, ahead)

    generate = _generator(read, data, stream.batch_size)

    def named(batch: Block) -> Batch:
        return _name_columns(batch, data.schema)

    def cut(*tensors: tf.Tensor) -> tf.data.Dataset:
        return batches_of.cut(tensors, stream.batch_size, named)

    # Autograph would parse the functions of the dataset, for a second, in vain.
    @tf.autograph.experimental.do_not_convert
    def input_fn() -> tf.data.Dataset:
        bad_rows = data.bad_rows.rows(files.paths)
        row_order.check_shard(files, bad_rows, stream)
        place = tuple(begin.place) if begin else None
        blocks = tf.data.Dataset.from_generator(generate, types, shapes, place)
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
) -> Callable[..., Iterator[Tuple[np.ndarray, ...]]]:
    """A function that reads rows as tensors, in whole batches; its error goes to data.bad_rows."""
    def generate(*place: object) -> Iterator[Tuple[np.ndarray, ...]]:
        try:
            for block in blocks_of.whole_batches(read(*place), batch_size):
                yield batches_of.to_tensors(block)
        except BadInput as error:
            data.bad_rows.error = error
            raise

    return generate


def _name_columns(batch: Block, schema: Schema) -> Batch:
    """The columns of a batch by name: (features, labels)."""
    features: Features = {ROW: batch.rows}
    if schema.user_column:
        features[USER] = batch.users
    for column, ids in zip(schema.scalars, batch.ids):
        features[column.name] = ids
    for column, numbers in zip(schema.numbers, batch.numbers):
        features[column.name] = numbers
    for column, ragged in zip(schema.lists, batch.lists):
        names = feature_names(column.name)
        features.update(zip(names, ragged))
    labels = dict(zip(schema.targets, batch.labels))
    if WEIGHT in labels:
        features[WEIGHT] = labels[WEIGHT]
    return features, labels

"""Blocks of rows in tf.data: the tensors they become, and the batches these are cut into."""

from typing import Callable, Optional, Sequence, Tuple

import numpy as np
import tensorflow.compat.v1 as tf

from common.config.schema import Schema
from common.kernels import native
from common.pipeline import native_cut
from common.pipeline.features import Block, Ragged, make_block
from common.pipeline.raw import Features

Batch = Tuple[Features, Features]

_NUM_DENSE = len(Block._fields) - 1  # the fields before its lists
_NUM_LIST_TENSORS = len(Ragged._fields)


def tensor_types(schema: Schema) -> Tuple[tf.DType, ...]:
    """The types of the tensors that a block becomes."""
    types = [tf.int64, tf.float32, tf.int64, tf.as_dtype(schema.id_type), tf.float32]
    for column in schema.lists:
        types += [tf.as_dtype(column.id_type), tf.int64, tf.float32]
    return tuple(types)


def tensor_shapes(schema: Schema) -> Tuple[Sequence[Optional[int]], ...]:
    """The shapes of the tensors that a block becomes, their columns in rows."""
    rows = users = [None]
    labels = [len(schema.labels), None]
    ids = [len(schema.scalars), None]
    numbers = [len(schema.numbers), None]
    num_list_tensors = _NUM_LIST_TENSORS * len(schema.lists)
    lists = num_list_tensors * [[None]]
    return (rows, labels, users, ids, numbers, *lists)


def to_tensors(block: Block) -> Tuple[np.ndarray, ...]:
    """The arrays of a block, flat, each column of it in a row: as it lies in memory."""
    tensors = [array.T for array in block.dense]
    for ragged in block.lists:
        tensors.extend(ragged)
    return tuple(tensors)


def _from_tensors(tensors: Sequence[tf.Tensor]) -> Block:
    """A block of tensors as to_tensors gives them."""
    firsts = range(_NUM_DENSE, len(tensors), _NUM_LIST_TENSORS)
    lists = [Ragged(*tensors[first:first + _NUM_LIST_TENSORS]) for first in firsts]
    return make_block(tensors[:_NUM_DENSE], lists)


def cut(
    tensors: Sequence[tf.Tensor],
    batch_size: int,
    named: Callable[[Block], Batch],
) -> tf.data.Dataset:
    """The batches of a block.

    Args:
      tensors: the block's, as to_tensors gives them.
      named: gives the columns of a batch their names; its labels, ids and numbers are lists of one
        tensor [B] a column.
    """
    block = _from_tensors(tensors)
    num_rows = tf.shape(block.rows, out_type=tf.int64)[0]
    starts = tf.data.Dataset.range(0, num_rows, batch_size)
    has_ops = native.load().ops is not None
    cut_rows = native_cut.batch if has_ops else _cut_by_tensorflow
    return starts.map(lambda start: named(cut_rows(block, start, batch_size)))


def _cut_by_tensorflow(block: Block, start: tf.Tensor, size: int) -> Block:
    """What native_cut.batch gives, of TensorFlow's own ops."""
    end = start + size
    rows, labels, users, ids, numbers = [tensor[..., start:end] for tensor in block.dense]
    lists = [_cut_list(ragged, start, end) for ragged in block.lists]
    dense = [rows, tf.unstack(labels), users, tf.unstack(ids), tf.unstack(numbers)]
    return make_block(dense, lists)


def _cut_list(ragged: Ragged, start: tf.Tensor, end: tf.Tensor) -> Ragged:
    row_splits = ragged.row_splits[start:end + 1]
    low = row_splits[0]
    high = row_splits[-1]
    values = ragged.values[low:high]
    weights = ragged.weights[low:high]
    return Ragged(values, row_splits - low, weights)

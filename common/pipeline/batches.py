"""Blocks of rows in tf.data: the tensors they become, and the batches these are cut into."""

from typing import Callable, List, Optional, Sequence, Tuple

import numpy as np
import tensorflow.compat.v1 as tf

from common.config.schema import Schema
from common.kernels import native
from common.pipeline import native_cut
from common.pipeline.features import Block, Ragged, make_block
from common.pipeline.raw import Features

Batch = Tuple[Features, Features]

_NUM_DENSE = len(Block._fields) - 1  # the fields before its lists


def tensor_types(schema: Schema) -> Tuple[tf.DType, ...]:
    """The types of the tensors that a block becomes."""
    dense = Block(
        rows=tf.int64,
        labels=tf.float32,
        users=tf.int64,
        ids=tf.as_dtype(schema.id_type),
        numbers=tf.float32,
        lists=(),
    )
    types = list(dense.dense)
    for column in schema.lists:
        id_type = tf.as_dtype(column.id_type)
        ragged = Ragged(values=id_type, row_splits=tf.int64, weights=tf.float32)
        types.extend(ragged)
    return tuple(types)


def tensor_shapes(schema: Schema) -> Tuple[Sequence[Optional[int]], ...]:
    """The shapes of the tensors that a block becomes, their columns in rows."""
    rows = users = [None]
    labels = [len(schema.targets), None]
    ids = [len(schema.scalars), None]
    numbers = [len(schema.numbers), None]
    shapes: List[Sequence[Optional[int]]] = [rows, labels, users, ids, numbers]
    for _ in schema.lists:
        values = row_splits = weights = [None]
        shapes += [values, row_splits, weights]
    return tuple(shapes)


def to_tensors(block: Block) -> Tuple[np.ndarray, ...]:
    """The arrays of a block, flat, each column of it in a row: as it lies in memory."""
    tensors = [array.T for array in block.dense]
    for ragged in block.lists:
        tensors.extend(ragged)
    return tuple(tensors)


def _from_tensors(tensors: Sequence[tf.Tensor]) -> Block:
    """A block of tensors as to_tensors gives them."""
    dense = tensors[:_NUM_DENSE]
    flat = iter(tensors[_NUM_DENSE:])
    by_list = zip(flat, flat, flat)  # three for each list
    lists = [Ragged(*parts) for parts in by_list]
    return make_block(dense, lists)


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
    end = tf.size(block.rows, out_type=tf.int64)
    starts = tf.data.Dataset.range(0, end, batch_size)
    has_ops = native.load().ops is not None
    cut_rows = native_cut.batch if has_ops else _cut_by_tensorflow

    def cut_at(start: tf.Tensor) -> Batch:
        batch = cut_rows(block, start, batch_size)
        return named(batch)

    return starts.map(cut_at)


def _cut_by_tensorflow(block: Block, start: tf.Tensor, size: int) -> Block:
    """What native_cut.batch gives, of TensorFlow's own ops."""
    end = start + size
    dense = [tensor[..., start:end] for tensor in block.dense]
    lists = [_cut_list(ragged, start, end) for ragged in block.lists]
    batch = make_block(dense, lists)
    return batch._replace(
        labels=tf.unstack(batch.labels),
        ids=tf.unstack(batch.ids),
        numbers=tf.unstack(batch.numbers),
    )


def _cut_list(ragged: Ragged, start: tf.Tensor, end: tf.Tensor) -> Ragged:
    row_splits = ragged.row_splits[start:end + 1]
    low = row_splits[0]
    high = row_splits[-1]
    return Ragged(
        values=ragged.values[low:high],
        row_splits=row_splits - low,
        weights=ragged.weights[low:high],
    )

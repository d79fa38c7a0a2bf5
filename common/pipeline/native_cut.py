"""A batch cut from a block of rows in one native op."""

import tensorflow.compat.v1 as tf

from common.kernels import native
from common.pipeline.encoder import Block
from common.pipeline.lists import Ragged


def batch(block: Block, start: tf.Tensor, size: int) -> Block:
    """The `size` rows of a block from `start` on, or as many as there are.

    Args:
      block: its columns as tensors: labels [K, N], ids [C, N] and numbers [M, N] with K, C and M known, else as
        common.encoder.Block says.
      start: int64 scalar.

    Returns:
      the rows' columns; labels, ids and numbers as lists of one tensor [B] a column.

    Raises:
      tf.errors.InvalidArgumentError: at run time: start is outside of the block, its columns differ in their rows, or
        lists in their items and weights, or row_splits do not ascend within a list's items.
    """
    made = native.load().ops.zoo_cut_batch(
        start=start, rows=block.rows, users=block.users, labels=block.labels, ids=block.ids, numbers=block.numbers,
        values=[ragged.values for ragged in block.lists], row_splits=[ragged.row_splits for ragged in block.lists],
        weights=[ragged.weights for ragged in block.lists], size=size, K=block.labels.shape[0].value,
        C=block.ids.shape[0].value, M=block.numbers.shape[0].value)
    lists = zip(made.batch_values, made.batch_row_splits, made.batch_weights)
    return Block(made.batch_rows, made.batch_labels, made.batch_users, made.batch_ids, made.batch_numbers,
                 tuple(Ragged(*parts) for parts in lists))

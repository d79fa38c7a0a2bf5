"""A batch cut from a block of rows in one native op."""

import tensorflow.compat.v1 as tf

from common.kernels import native
from common.pipeline.features import Block, Ragged


def batch(block: Block, start: tf.Tensor, size: int) -> Block:
    """The `size` rows of a block from `start` on; fewer at its end.

    Args:
      block: its columns as tensors: labels [K, N], ids [C, N] and numbers [M, N] with K, C and M
        known, the others as in common.pipeline.encoder.Block.
      start: int64 scalar.

    Returns:
      the rows' columns; labels, ids and numbers as lists of one tensor [B] per column.

    Raises:
      tf.errors.InvalidArgumentError: at run time: start is outside of the block, its columns
        differ in their rows, lists in their items and weights, or row_splits do not ascend within
        a list's items.
    """
    ragged = block.lists
    num_labels, num_ids, num_numbers = [
        column.shape[0].value for column in (block.labels, block.ids, block.numbers)]
    cut = native.load().ops.zoo_cut_batch(
        start=start, rows=block.rows, users=block.users, labels=block.labels, ids=block.ids,
        numbers=block.numbers, values=[one.values for one in ragged],
        row_splits=[one.row_splits for one in ragged], weights=[one.weights for one in ragged],
        size=size, K=num_labels, C=num_ids, M=num_numbers)
    parts = zip(cut.batch_values, cut.batch_row_splits, cut.batch_weights)
    lists = tuple(Ragged(*fields) for fields in parts)
    return Block(cut.batch_rows, cut.batch_labels, cut.batch_users, cut.batch_ids,
                 cut.batch_numbers, lists)

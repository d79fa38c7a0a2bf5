"""Lists of embeddings, one list a row, over which attention is computed: ragged, or padded for
--tf.

Both have the same functions, so a model's attention is written once. [P] stands for the positions:
[V] in a ragged history, where only valid positions exist, [B, T] in a padded one, where a mask
tells them.
"""

from typing import NamedTuple, Tuple, Union

import tensorflow.compat.v1 as tf

from common.layers.gradients import Gradient, custom_gradient


class RaggedHistory(NamedTuple):
    """Lists of embeddings one after another, as ragged makes them.

    Attributes:
      items: float32 [V, D].
      row_splits: row i has the items row_splits[i] to before row_splits[i + 1], int64 [B + 1].
      rows: the row of each item, ascending, int64 [V].
      size: the number of rows B, int64 scalar.
    """

    items: tf.Tensor
    row_splits: tf.Tensor
    rows: tf.Tensor
    size: tf.Tensor

    def spread(self, values: tf.Tensor) -> tf.Tensor:
        """Repeats each row's vector at each of its positions: [B, H] to [P, H]."""
        @custom_gradient
        def gather(values: tf.Tensor) -> Tuple[tf.Tensor, Gradient]:
            return tf.gather(
                values, self.rows), self._sum  # gather's own gradient takes a detour over slices

        return gather(values)

    def softmax(self, scores: tf.Tensor) -> tf.Tensor:
        """Softmax of scores [P, 1] over the positions of each row, [P, 1]."""
        highest = tf.stop_gradient(tf.math.unsorted_segment_max(scores, self.rows, self.size))
        raised = tf.exp(scores - self.spread(highest))
        return raised / self.spread(self.sum(raised))

    def sum(self, values: tf.Tensor) -> tf.Tensor:
        """The sum of values [P, H] over the positions of each row, [B, H]; zeros for a row without
        positions.
        """
        @custom_gradient
        def add(values: tf.Tensor) -> Tuple[tf.Tensor, Gradient]:
            return self._sum(
                values), self.spread  # the sum's own gradient looks for rows that are not there

        return add(values)

    def lengths(self) -> tf.Tensor:
        """The number of positions of each row, float32 [B, 1]."""
        return self.sum(tf.ones_like(self.items[:, :1]))

    def _sum(self, values: tf.Tensor) -> tf.Tensor:
        return tf.math.unsorted_segment_sum(values, self.rows, self.size)


class PaddedHistory(NamedTuple):
    """Lists of embeddings padded to the longest.

    Attributes:
      items: float32 [B, T, D].
      mask: 1 at valid positions, else 0, float32 [B, T, 1].
    """

    items: tf.Tensor
    mask: tf.Tensor

    def spread(self, values: tf.Tensor) -> tf.Tensor:
        """Repeats each row's vector at each of its positions: [B, H] to [P, H]."""
        return tf.tile(tf.expand_dims(values, 1), [1, tf.shape(self.items)[1], 1])

    def softmax(self, scores: tf.Tensor) -> tf.Tensor:
        """Softmax of scores [P, 1] over the valid positions of each row, [P, 1]; 0 at the
        others.
        """
        masked = tf.where(self.mask > 0, scores, tf.fill(tf.shape(scores), -2.0 ** 32))
        return tf.nn.softmax(masked, axis=1) * self.mask

    def sum(self, values: tf.Tensor) -> tf.Tensor:
        """The sum of values [P, H] over the valid positions of each row, [B, H]."""
        return tf.reduce_sum(values * self.mask, axis=1)

    def lengths(self) -> tf.Tensor:
        """The number of valid positions of each row, float32 [B, 1]."""
        return tf.reduce_sum(self.mask, axis=1)


def ragged(items: tf.Tensor, row_splits: tf.Tensor) -> RaggedHistory:
    """The history of items [V, D] that row_splits [B + 1] divide."""
    rows = tf.RaggedTensor.from_row_splits(items, row_splits, validate=False).value_rowids()
    return RaggedHistory(items, row_splits, rows, tf.shape(row_splits, out_type=tf.int64)[0] - 1)


History = Union[RaggedHistory, PaddedHistory]

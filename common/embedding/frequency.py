"""How often ids were looked up in training, for tables that give frequent ids more room than rare
ones.
"""

from typing import NamedTuple, Sequence, Tuple

import tensorflow.compat.v1 as tf

from common.layers.gradients import Gradient, custom_gradient

_MOST_COUNTS = 1 << 20


class Counts(NamedTuple):
    """How often ids were looked up.

    Attributes:
      variable: int32 [slots].
      before: its value before a step, int32 [slots]: one read for all lookups, so that their order
        does not matter.
    """

    variable: tf.Variable
    before: tf.Tensor


def make_counts(size: int) -> Counts:
    """The counts of ids less than `size` in the current variable scope; beyond 2**20, ids share
    counts.
    """
    shape = [min(size, _MOST_COUNTS)]
    variable = tf.get_variable(
        "frequency", shape, tf.int32, tf.zeros_initializer(), trainable=False, use_resource=True)
    return Counts(variable, variable.read_value())


def seen(counts: Counts, ids: tf.Tensor) -> tf.Tensor:
    """How often each id [N] was looked up in the training steps before this one, int32 [N]."""
    with tf.colocate_with(counts.before):
        return tf.gather(counts.before, _places(counts, ids))


def counting(rows: tf.Tensor, counts: Counts, ids: tf.Tensor) -> tf.Tensor:
    """The rows [N, D] that were looked up at ids [N]; computing their gradient counts the ids."""
    @custom_gradient
    def identity(rows: tf.Tensor) -> Tuple[tf.Tensor, Gradient]:
        def gradient(upstream: tf.Tensor) -> tf.Tensor:
            with tf.control_dependencies([_add(counts, ids)]):
                return tf.identity(upstream)

        return tf.identity(rows), gradient

    return identity(rows)


def _add(counts: Counts, ids: tf.Tensor) -> tf.Operation:
    """Counts ids, after the step's read."""
    variable = counts.variable
    places = _places(counts, ids)
    # The gradient of an op would be computed where the op is; the counts stay on their server.
    beside_counts = tf.colocate_with(variable.handle, ignore_existing=True)
    with beside_counts, tf.control_dependencies([counts.before]):
        ones = tf.ones_like(places, tf.int32)
        return variable.scatter_add(tf.IndexedSlices(ones, places))


def reached(counts: tf.Tensor, limits: Sequence[int]) -> tf.Tensor:
    """How many of the limits each count [N] has reached, int32 [N]."""
    limit_row = tf.constant(list(limits), tf.int32, [1, len(limits)])
    has_reached = tf.greater_equal(tf.expand_dims(counts, 1), limit_row)  # [N, limits]
    return tf.reduce_sum(tf.cast(has_reached, tf.int32), axis=1)


def _places(counts: Counts, ids: tf.Tensor) -> tf.Tensor:
    return tf.math.floormod(ids, counts.variable.shape[0].value)

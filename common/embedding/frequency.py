"""How often ids were looked up in training, for tables that give frequent ids more room than rare ones."""

from typing import Sequence, Tuple

import tensorflow.compat.v1 as tf

from common.layers.gradients import Gradient, custom_gradient

_MOST_COUNTS = 1 << 20
_READS = ("__frequencies",)  # not a string, so that no MetaGraph holds it


def make_counts(size: int) -> tf.Variable:
    """The counts of ids less than `size`, int32, in the current variable scope; beyond 2**20, ids share counts."""
    return tf.get_variable("frequency", [min(size, _MOST_COUNTS)], tf.int32, tf.zeros_initializer(), trainable=False,
                           use_resource=True)


def seen(counts: tf.Variable, ids: tf.Tensor) -> tf.Tensor:
    """How often each id [N] was looked up in the training steps before this one, int32 [N].

    All lookups of a step see the same counts, whatever their order.
    """
    before = _read(counts)
    with tf.colocate_with(before):
        return tf.gather(before, _places(counts, ids))


def counting(rows: tf.Tensor, counts: tf.Variable, ids: tf.Tensor) -> tf.Tensor:
    """The rows [N, D] that were looked up at ids [N]; computing their gradient counts the ids."""
    before = _read(counts)

    @custom_gradient
    def identity(rows: tf.Tensor) -> Tuple[tf.Tensor, Gradient]:
        def gradient(upstream: tf.Tensor) -> tf.Tensor:
            places = _places(counts, ids)
            with tf.colocate_with(counts.handle, ignore_existing=True), tf.control_dependencies([before]):
                added = counts.scatter_add(tf.IndexedSlices(tf.ones_like(places, tf.int32), places))
            with tf.control_dependencies([added]):
                return tf.identity(upstream)

        return tf.identity(rows), gradient

    return identity(rows)


def reached(counts: tf.Tensor, limits: Sequence[int]) -> tf.Tensor:
    """How many of the limits each count [N] has reached, int32 [N]."""
    steps = tf.greater_equal(tf.expand_dims(counts, 1), tf.constant(list(limits), tf.int32, [1, len(limits)]))
    return tf.reduce_sum(tf.cast(steps, tf.int32), axis=1)


def _places(counts: tf.Variable, ids: tf.Tensor) -> tf.Tensor:
    return tf.math.floormod(ids, counts.shape[0].value)


def _read(counts: tf.Variable) -> tf.Tensor:
    """The counts as all lookups of a step see them."""
    reads = tf.get_collection_ref(_READS)
    for variable, read in reads:
        if variable is counts:
            return read
    reads.append((counts, counts.read_value()))
    return reads[-1][1]

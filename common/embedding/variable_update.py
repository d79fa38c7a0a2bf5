"""One update of an embedding variable by the gradients of all of its lookups in a step."""

from typing import List, NamedTuple, Optional, Sequence, Union

import tensorflow.compat.v1 as tf

from common.embedding.embedding_variable import EmbeddingVariable, Lookup, cut
from common.kernels.embedding import lookup as lookup_kernel
from common.kernels.embedding import table as native_table

Gradient = Union[None, tf.Tensor, tf.IndexedSlices]


class Merged(NamedTuple):
    """What a step changes in one variable, by all of its lookups.

    Attributes:
      keys: int64 [U], distinct.
      counts: int64 [U], how often each came.
      gradient: of their rows, float32 [U, D] or slices of it, which name each row once.
      initial: float32 [U, D], what rows of new keys start with; None for their defaults.
    """

    keys: tf.Tensor
    counts: tf.Tensor
    gradient: native_table.Gradient
    initial: Optional[tf.Tensor]


def update(
        variable: EmbeddingVariable,
        whole: Merged,
        step: tf.Tensor,
        rule: str,
        hyper: Sequence[object],
) -> tf.Operation:
    """Updates one variable by the merged gradients of its lookups.

    Args:
      step: int64 scalar, which becomes the keys' version.
      rule, hyper: as common.kernels.embedding.table.update takes them.
    """
    variable.updated = whole.keys
    parts = _cut(variable, whole)
    updates = []
    for handle, part in zip(variable.parts, parts):
        with tf.device(handle.device):
            updates.append(native_table.update(
                handle, part.keys, part.counts, part.gradient, step, rule, hyper, part.initial))
    return tf.group(updates)


def _cut(variable: EmbeddingVariable, whole: Merged) -> List[Merged]:
    """An update by the part of the keys."""
    keys = cut(variable, whole.keys, whole.keys)
    counts = cut(variable, whole.counts, whole.keys)
    gradients = cut(variable, whole.gradient, whole.keys)
    initials: Sequence[Optional[tf.Tensor]] = len(variable.parts) * [None]
    if whole.initial is not None:
        initials = cut(variable, whole.initial, whole.keys)
    return [Merged(*fields) for fields in zip(keys, counts, gradients, initials)]


def merge(lookups: Sequence[Lookup], gradients: Sequence[Gradient]) -> Merged:
    """The lookups of one variable and their gradients, each key once.

    Args:
      gradients: float32 [U, D] of each lookup's rows, or IndexedSlices of them, or None.
    """
    first = lookups[0]
    if len(lookups) > 1:
        return _merge_several(lookups, gradients)
    slices, = gradients
    is_whole = len(first.variable.parts) == 1
    if is_whole and isinstance(slices, tf.IndexedSlices) and lookup_kernel.is_of_lookups(slices):
        # The native lookup's gradient has only the rows that were read, and the native update takes
        # it as it is.
        gradient = lookup_kernel.summed(slices, first.rows)
    else:
        gradient = _dense(slices, first.rows)
    return Merged(first.keys, first.counts, gradient, first.initial)


def _merge_several(lookups: Sequence[Lookup], gradients: Sequence[Gradient]) -> Merged:
    keys = [lookup.keys for lookup in lookups]
    counts = [lookup.counts for lookup in lookups]
    distinct = native_table.distinct(keys, counts)
    num_keys = tf.size(distinct.keys)
    by_lookup = []
    for lookup, gradient, places in zip(lookups, gradients, distinct.places):
        dense = _dense(gradient, lookup.rows)
        by_lookup.append(tf.math.unsorted_segment_sum(dense, places, num_keys))
    initial = lookups[0].initial
    if initial is not None:
        initial = tf.dynamic_stitch(distinct.places, [lookup.initial for lookup in lookups])
    return Merged(distinct.keys, distinct.counts, tf.add_n(by_lookup), initial)


def _dense(gradient: Gradient, rows: tf.Tensor) -> tf.Tensor:
    """A gradient of rows [U, D], or None, as a tensor."""
    if gradient is None:
        return tf.zeros_like(rows)
    if not isinstance(gradient, tf.IndexedSlices):
        return gradient
    places = tf.expand_dims(tf.cast(gradient.indices, tf.int32), 1)
    return tf.scatter_nd(places, gradient.values, tf.shape(rows))

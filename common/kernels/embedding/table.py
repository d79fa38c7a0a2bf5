"""Native embedding tables, DeepRec's EmbeddingVariable: hash tables from keys to rows.

A row holds an embedding, the optimizer's slots, how often its key came and the step of its last
update. A table is a resource that a handle names; it must be made before it is used, which
common.embedding.embedding_variable does.
"""

from typing import List, NamedTuple, Optional, Sequence, Union

import tensorflow.compat.v1 as tf

from common.config.tables import Admission, Eviction
from common.kernels import native

Gradient = Union[tf.Tensor, tf.IndexedSlices]

RULES = ("gradientdescent", "adagrad", "adam", "adagraddecay")


class Contents(NamedTuple):
    """What a table holds: keys with rows [n], and keys that were not admitted yet [m].

    Attributes:
      keys: int64 [n].
      values: float32 [n, D].
      slots: float32 [n, S], or [0, 0] where they are not known.
      freqs, versions: int64 [n]: how often a key came, and the step of its last update, -1 if
        there was none.
      keys_filtered, freqs_filtered, versions_filtered: int64 [m].
      bloom: uint8 [counters].
    """

    keys: tf.Tensor
    values: tf.Tensor
    slots: tf.Tensor
    freqs: tf.Tensor
    versions: tf.Tensor
    keys_filtered: tf.Tensor
    freqs_filtered: tf.Tensor
    versions_filtered: tf.Tensor
    bloom: tf.Tensor


class Distinct(NamedTuple):
    """Distinct keys.

    Attributes:
      keys: int64 [U].
      counts: int64 [U], how often each came.
      places: int32 [N] each, the index of each key in `keys`.
    """

    keys: tf.Tensor
    counts: tf.Tensor
    places: List[tf.Tensor]


def handle(shared_name: str) -> tf.Tensor:
    """The handle of the table of that name on the current device."""
    return native.load().ops.zoo_table_handle_op(shared_name=shared_name)


def make(table: tf.Tensor, defaults: tf.Tensor, slots: Sequence[float],
         admission: Admission) -> tf.Operation:
    """Makes a table without keys, in place of any before.

    Args:
      defaults: float32 [R, D]: key k starts as row k % R.
      slots: what the slots of a row start with.
    """
    initial_slots = tf.constant(slots, tf.float32, [len(slots)])
    return native.load().ops.zoo_table_make(
        table, defaults, initial_slots, admit_at=admission.at,
        bloom_counters=admission.counters, bloom_hashes=admission.hashes)


def is_there(table: tf.Tensor) -> tf.Tensor:
    """Whether a table was made, bool scalar."""
    return native.load().ops.zoo_table_is_there(table)


def gather(table: tf.Tensor, keys: tf.Tensor, width: int) -> List[tf.Tensor]:
    """The values of keys int64 [N], float32 [N, width], and whether each has a row, bool [N].

    A key without a row gives its default; zeros if the table admits keys late. Nothing changes.
    """
    return list(native.load().ops.zoo_table_gather(table, keys, width=width))


def frequencies(table: tf.Tensor, keys: tf.Tensor) -> tf.Tensor:
    """How often keys int64 [N] were counted, int64 [N]."""
    return native.load().ops.zoo_table_frequency(table, keys)


def update(table: tf.Tensor, keys: tf.Tensor, counts: tf.Tensor, gradient: Gradient,
           step: tf.Tensor, rule: str, hyper: Sequence[object],
           initial: Optional[tf.Tensor] = None) -> tf.Operation:
    """Counts distinct keys [N]; updates the rows of those that have one or are admitted by this.

    Args:
      counts: int64 [N], how often each key came.
      gradient: float32 [N, D], or slices of one, none of which name the same key.
      step: int64 scalar, the version that the keys get.
      rule, hyper: of RULES, with its numbers: the rate; for adam the rate with the correction of
        the bias, beta1, beta2 and epsilon; for adagraddecay the rate, the discount, the initial
        accumulator and the discounts due.
      initial: float32 [N, D], what new rows start with instead of their defaults; they are not
        updated then.

    Raises:
      tf.errors.InvalidArgumentError: at run time: shapes do not fit, slices name a key that is not
        there or name one twice, or the table has not this rule's slots.
    """
    if not isinstance(gradient, tf.IndexedSlices):
        gradient = tf.IndexedSlices(gradient, tf.range(tf.size(keys)))
    places = tf.cast(gradient.indices, tf.int32)
    numbers = tf.stack([tf.cast(number, tf.float32) for number in hyper])
    if initial is None:
        initial = tf.zeros([0, 0])
    return native.load().ops.zoo_table_update(
        table, keys, counts, gradient.values, places, step, numbers, initial, rule=rule)


def mark(table: tf.Tensor, keys: tf.Tensor, generation: tf.Tensor) -> tf.Operation:
    """Marks the rows of keys int64 [N] with a generation, int32 scalar; later marks stay."""
    return native.load().ops.zoo_table_mark(table, keys, generation)


def export(table: tf.Tensor, step: tf.Tensor, since: object = 0,
           eviction: Eviction = Eviction()) -> Contents:
    """What a table holds at one moment, after eviction at a step, int64 scalar.

    Args:
      since: int32 scalar > 0 for only the rows that were marked from that generation on.
    """
    generation = tf.convert_to_tensor(since, tf.int32)
    fields = native.load().ops.zoo_table_export(
        table, step, generation, evict=eviction.rule, steps_to_live=eviction.steps_to_live,
        l2_threshold=eviction.l2_threshold)
    return Contents(*fields)


def restore(table: tf.Tensor, contents: Contents, part: int = 0, parts: int = 1,
            generation: object = 0) -> tf.Operation:
    """Sets the keys that belong to a part of a table: key % 1000 % parts, as in DeepRec.

    Args:
      generation: int32 scalar, what their rows are marked with.

    Raises:
      tf.errors.InvalidArgumentError: at run time: shapes do not fit the table.
    """
    mark_of_all = tf.convert_to_tensor(generation, tf.int32)
    return native.load().ops.zoo_table_import(
        table, *contents, mark_of_all, part=part, parts=parts)


def size(table: tf.Tensor) -> List[tf.Tensor]:
    """Keys with a row, keys that were not admitted yet, and bytes of memory; int64 scalars."""
    return list(native.load().ops.zoo_table_size(table))


def distinct(keys: Sequence[tf.Tensor], times: Sequence[tf.Tensor] = ()) -> Distinct:
    """The keys of several int64 [N], each once, in the order in which they first come.

    Args:
      times: int64 [N] each, how often each key counts; once by default.
    """
    fields = native.load().ops.zoo_distinct(list(keys), list(times))
    return Distinct(*fields)

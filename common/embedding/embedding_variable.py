"""Embedding variables: tables of keys that grow as keys come, after DeepRec's EmbeddingVariable, on stock TensorFlow.

A key without a row reads as row `key % 4096` of one random matrix, or as zeros where keys must be seen often before
they get a row. It gets its row in the first update that admits it. Tables live on the parameter servers, cut by key;
what leaves a worker names each key once.
"""

import zlib
from typing import Any, Callable, Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
import tensorflow.compat.v1 as tf
from tensorflow.python.ops import resources

from common.config.tables import Settings
from common.kernels.embedding import lookup as lookup_kernel
from common.kernels.embedding import table as native_table

DEFAULT_ROWS = 4096
_BUCKETS = 1000  # keys are cut by key % 1000 % parts, as DeepRec cuts them


class Slot(NamedTuple):
    """Numbers that an optimizer keeps for each key.

    Attributes:
      name: in checkpoints, behind the variable's.
      width: how many.
      initial: what each starts with.
    """

    name: str
    width: int
    initial: float


class EmbeddingVariable:
    """One table of a graph.

    Attributes:
      name: in checkpoints.
      width: of a value, D.
      stddev: of the rows that new keys start with.
      admission, eviction: which keys get rows and which lose them.
      parts: the handles of its parts.
      slots: what the optimizer keeps; set before a session is made.
      updated: the keys that a training step updates, int64 [U].
    """

    def __init__(self, name: str, width: int, stddev: float, settings: Settings, expected: int) -> None:
        self.name, self.width, self.stddev = name, width, stddev
        self.admission, self.eviction = settings.admission(expected), settings.eviction
        self.slots: Tuple[Slot, ...] = ()
        self.updated: Optional[tf.Tensor] = None
        self.parts: List[tf.Tensor] = []
        for part in range(settings.servers or 1):
            with tf.device("/job:ps/task:{}".format(part) if settings.servers else None):
                self.parts.append(native_table.handle("{}/part_{}".format(name, part)))

    def part_name(self, part: int) -> str:
        """The name of a part in checkpoints."""
        return "{}/part_{}".format(self.name, part) if len(self.parts) > 1 else self.name

    def make(self) -> tf.Operation:
        """Makes its parts without keys."""
        made = []
        for handle in self.parts:
            with tf.device(handle.device):
                made.append(native_table.make(handle, self.defaults(), [
                    slot.initial for slot in self.slots for _ in range(slot.width)], self.admission))
        return tf.group(made)

    def defaults(self) -> tf.Tensor:
        """What new keys start with, float32 [4096, D]: the same for the same graph's seed and name."""
        return _draw(self.name, self.width, self.stddev, tf.get_default_graph().seed or 0)


def _draw(name: str, width: int, stddev: float, seed: int) -> tf.Tensor:
    seeds = [seed, zlib.crc32(name.encode()) % (1 << 31)]
    return stddev * tf.random.stateless_truncated_normal([DEFAULT_ROWS, width], seeds)


def default_rows(name: str, width: int, stddev: float, seed: int) -> np.ndarray:
    """What new keys of the variable of that name start with under a graph's seed, float32 [4096, width]."""
    with tf.Graph().as_default(), tf.Session() as session:
        return session.run(_draw(name, width, stddev, seed))


class Lookup(NamedTuple):
    """Rows that a step read, whose gradient updates their variable.

    Attributes:
      variable: the table.
      keys: int64 [U], distinct.
      counts: int64 [U], how often each came.
      rows: float32 [U, D].
      initial: float32 [U, D], what rows of new keys start with instead of their defaults; else None.
    """

    variable: EmbeddingVariable
    keys: tf.Tensor
    counts: tf.Tensor
    rows: tf.Tensor
    initial: Optional[tf.Tensor] = None


def get(variables: Dict[str, EmbeddingVariable], name: str, width: int, stddev: float, settings: Settings,
        expected: int) -> EmbeddingVariable:
    """The embedding variable of that name in the current variable scope, made at its first use.

    Args:
      variables: those of the graph by full name; a new one is added.
      expected: about how many distinct keys it will hold.
    """
    full_name = "/".join(filter(None, [tf.get_variable_scope().name, name]))
    if full_name not in variables:
        with tf.init_scope():  # outside of the control dependencies of a slice of a batch
            variables[full_name] = EmbeddingVariable(full_name, width, stddev, settings, expected)
    return variables[full_name]


def look_up(variable: EmbeddingVariable, keys: tf.Tensor) -> Tuple[tf.Tensor, tf.Tensor]:
    """The rows of distinct keys int64 [U], float32 [U, D], and which keys have one, bool [U]. Changes nothing."""
    rows, admitted = zip(*_each_part(variable, keys, lambda handle, mine: native_table.gather(
        handle, mine, variable.width)))
    if len(variable.parts) == 1:
        return rows[0], admitted[0]
    places = cut(variable, tf.range(tf.size(keys)), keys)
    return tf.dynamic_stitch(places, rows), tf.dynamic_stitch(places, admitted)


def frequencies(variable: EmbeddingVariable, keys: tf.Tensor) -> tf.Tensor:
    """How often keys int64 [U] were counted, int64 [U]."""
    found = _each_part(variable, keys, native_table.frequencies)
    if len(found) == 1:
        return found[0]
    return tf.dynamic_stitch(cut(variable, tf.range(tf.size(keys)), keys), found)


def _each_part(variable: EmbeddingVariable, keys: tf.Tensor, ask: Callable[[tf.Tensor, tf.Tensor], Any]) -> List[Any]:
    """What ask(handle, keys) gives for each part with its keys, computed where the part is."""
    answers = []
    for handle, mine in zip(variable.parts, cut(variable, keys, keys)):
        with tf.device(handle.device):
            answers.append(ask(handle, mine))
    return answers


def cut(variable: EmbeddingVariable, values: tf.Tensor, keys: tf.Tensor) -> List[tf.Tensor]:
    """Values [U, ...] by the part of their keys [U]."""
    parts = len(variable.parts)
    if parts == 1:
        return [values]
    return tf.dynamic_partition(values, tf.cast(keys % _BUCKETS % parts, tf.int32), parts)


def update(lookups: Sequence[Lookup], gradients: Sequence[object], step: tf.Tensor, rule: str,
           hyper: Sequence[object]) -> tf.Operation:
    """Updates one variable by the gradients of its lookups.

    Args:
      gradients: float32 [U, D] of each lookup's rows, or IndexedSlices of them, or None.
      step: int64 scalar, which becomes the keys' version.
      rule, hyper: as common.kernels.embedding.table.update takes them.
    """
    variable = lookups[0].variable
    one, gradient = _as_one(lookups, gradients)
    variable.updated = one.keys
    by_part = [cut(variable, values, one.keys) for values in (one.keys, one.counts, gradient)]
    starts = cut(variable, one.initial, one.keys) if one.initial is not None else len(variable.parts) * [None]
    done = []
    for handle, mine, times, slope, start in zip(variable.parts, *by_part, starts):
        with tf.device(handle.device):
            done.append(native_table.update(handle, mine, times, slope, step, rule, hyper, start))
    return tf.group(done)


def _as_one(lookups: Sequence[Lookup], gradients: Sequence[object]) -> Tuple[Lookup, native_table.Gradient]:
    """Lookups of one variable as one of each key once, and its gradient, key by key; its rows are not joined."""
    first, slopes = lookups[0], gradients[0]
    if len(lookups) == len(first.variable.parts) == 1 and isinstance(slopes, tf.IndexedSlices) and (
            lookup_kernel.is_of_lookups(slopes)):
        return first, lookup_kernel.summed(slopes, first.rows)
    dense = [_dense(gradient, lookup.rows) for lookup, gradient in zip(lookups, gradients)]
    if len(lookups) == 1:
        return first, dense[0]
    merged = native_table.distinct([lookup.keys for lookup in lookups], [lookup.counts for lookup in lookups])
    gradient = tf.add_n([tf.math.unsorted_segment_sum(one, index, tf.size(merged.keys))
                         for one, index in zip(dense, merged.places)])
    initial = first.initial
    if initial is not None:
        initial = tf.dynamic_stitch(merged.places, [lookup.initial for lookup in lookups])
    return first._replace(keys=merged.keys, counts=merged.counts, initial=initial), gradient


def _dense(gradient: object, rows: tf.Tensor) -> tf.Tensor:
    """A gradient of rows [U, D], or None, as a tensor."""
    if gradient is None:
        return tf.zeros_like(rows)
    if not isinstance(gradient, tf.IndexedSlices):
        return gradient
    return tf.scatter_nd(tf.expand_dims(tf.cast(gradient.indices, tf.int32), 1), gradient.values, tf.shape(rows))


def register(variables: Iterable[EmbeddingVariable]) -> None:
    """Lets sessions make a graph's embedding variables, and wait for them; to be called once all slots are known."""
    for variable in variables:
        ready = []
        for handle in variable.parts:
            with tf.device(handle.device):
                ready.append(native_table.is_there(handle))
        resources.register_resource(variable.parts[0].op, variable.make(), tf.reduce_all(tf.stack(ready)))

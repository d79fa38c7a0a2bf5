"""Embedding variables: tables of keys that grow as keys come, after DeepRec's EmbeddingVariable, on
stock TensorFlow.

A key without a row reads as row `key % 4096` of one random matrix, or as zeros where keys must be
seen often before they get a row. It gets its row in the first update that admits it. Tables live on
the parameter servers, cut by key; what leaves a worker names each key once.
"""

import zlib
from typing import Any, Callable, Dict, Iterable, List, NamedTuple, Optional, Tuple

import numpy as np
import tensorflow.compat.v1 as tf

from common import tf_private
from common.config.tables import Settings
from common.embedding.table_spec import TableSpec
from common.kernels.embedding import table as native_table

DEFAULT_ROWS = 4096
_BUCKETS = 1000  # keys are cut by key % 1000 % parts, as DeepRec cuts them


class Slot(NamedTuple):
    """Numbers that an optimizer keeps for each key.

    Attributes:
      name: in checkpoints, behind the variable's.
      width: how many.
      initial: what each starts with.
      counts_steps: whether they count what is due by the global step, so that they mean nothing
        where that starts anew.
    """

    name: str
    width: int
    initial: float
    counts_steps: bool = False


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

    def __init__(self, name: str, spec: TableSpec, settings: Settings) -> None:
        self.name, self.width, self.stddev = name, spec.width, spec.stddev
        self.admission = settings.admission(spec.buckets)
        self.eviction = settings.eviction
        self.slots: Tuple[Slot, ...] = ()
        self.updated: Optional[tf.Tensor] = None
        self.parts: List[tf.Tensor] = []
        for part in range(settings.servers or 1):
            server = "/job:ps/task:{}".format(part) if settings.servers else None
            with tf.device(server):
                self.parts.append(native_table.handle("{}/part_{}".format(name, part)))

    def part_name(self, part: int) -> str:
        """The name of a part in checkpoints."""
        return "{}/part_{}".format(self.name, part) if len(self.parts) > 1 else self.name

    def make(self) -> tf.Operation:
        """Makes its parts without keys."""
        initial = [slot.initial for slot in self.slots for _ in range(slot.width)]
        parts = []
        for handle in self.parts:
            with tf.device(handle.device):
                parts.append(native_table.make(handle, self.defaults(), initial, self.admission))
        return tf.group(parts)

    def defaults(self) -> tf.Tensor:
        """What new keys start with, float32 [4096, D]: the same for the same graph's seed and
        name.
        """
        return _draw(self.name, self.width, self.stddev, tf.get_default_graph().seed or 0)


class Lookup(NamedTuple):
    """Rows that a step read, whose gradient updates their variable.

    Attributes:
      variable: the table.
      keys: int64 [U], distinct.
      counts: int64 [U], how often each came.
      rows: float32 [U, D].
      initial: float32 [U, D], what rows of new keys start with instead of their defaults; else
        None.
    """

    variable: EmbeddingVariable
    keys: tf.Tensor
    counts: tf.Tensor
    rows: tf.Tensor
    initial: Optional[tf.Tensor] = None


def _draw(name: str, width: int, stddev: float, seed: int) -> tf.Tensor:
    seeds = [seed, zlib.crc32(name.encode()) % (1 << 31)]
    return stddev * tf.random.stateless_truncated_normal([DEFAULT_ROWS, width], seeds)


def default_rows(name: str, width: int, stddev: float, seed: int) -> np.ndarray:
    """What new keys of the variable of that name start with under a graph's seed, float32 [4096,
    width].
    """
    with tf.Graph().as_default(), tf.Session() as session:
        return session.run(_draw(name, width, stddev, seed))


def full_name(spec: TableSpec) -> str:
    """The name of a table in checkpoints, with that of the current variable scope."""
    return "/".join(filter(None, [tf.get_variable_scope().name, spec.name]))


def get(
        variables: Dict[str, EmbeddingVariable],
        spec: TableSpec,
        settings: Settings,
) -> EmbeddingVariable:
    """The embedding variable of a spec in the current variable scope, made at its first use.

    Args:
      variables: those of the graph by full name; a new one is added.
      spec: it is expected to hold about as many distinct keys as its buckets.
    """
    name = full_name(spec)
    if name not in variables:
        # Outside of the control dependencies of a slice of a batch, or a session could not make it
        # before the slice.
        with tf.init_scope():
            variables[name] = EmbeddingVariable(name, spec, settings)
    return variables[name]


def look_up(variable: EmbeddingVariable, keys: tf.Tensor) -> Tuple[tf.Tensor, tf.Tensor]:
    """The rows of distinct keys int64 [U], float32 [U, D], and which keys have one, bool [U].
    Changes nothing.
    """
    def gather(handle: tf.Tensor, its_keys: tf.Tensor) -> List[tf.Tensor]:
        return native_table.gather(handle, its_keys, variable.width)

    rows, has_row = zip(*_of_each_part(variable, keys, gather))
    if len(variable.parts) == 1:
        return rows[0], has_row[0]
    places = cut(variable, tf.range(tf.size(keys)), keys)
    return tf.dynamic_stitch(places, rows), tf.dynamic_stitch(places, has_row)


def frequencies(variable: EmbeddingVariable, keys: tf.Tensor) -> tf.Tensor:
    """How often keys int64 [U] were counted, int64 [U]."""
    counts = _of_each_part(variable, keys, native_table.frequencies)
    if len(counts) == 1:
        return counts[0]
    places = cut(variable, tf.range(tf.size(keys)), keys)
    return tf.dynamic_stitch(places, counts)


def _of_each_part(
        variable: EmbeddingVariable,
        keys: tf.Tensor,
        read: Callable[[tf.Tensor, tf.Tensor], Any],
) -> List[Any]:
    """What read(handle, keys) gives for each part with its keys, computed where the part is."""
    answers = []
    for handle, its_keys in zip(variable.parts, cut(variable, keys, keys)):
        with tf.device(handle.device):
            answers.append(read(handle, its_keys))
    return answers


def cut(variable: EmbeddingVariable, values: tf.Tensor, keys: tf.Tensor) -> List[tf.Tensor]:
    """Values [U, ...] by the part of their keys [U]."""
    num_parts = len(variable.parts)
    if num_parts == 1:
        return [values]
    part = tf.cast(keys % _BUCKETS % num_parts, tf.int32)
    return tf.dynamic_partition(values, part, num_parts)


def register(variables: Iterable[EmbeddingVariable]) -> None:
    """Lets sessions make a graph's embedding variables, and wait for them; to be called once all
    slots are known.
    """
    for variable in variables:
        are_there = []
        for handle in variable.parts:
            with tf.device(handle.device):
                are_there.append(native_table.is_there(handle))
        is_ready = tf.reduce_all(tf.stack(are_there))
        # As a resource, so that TensorFlow's own session managers of all processes make it or wait
        # for it.
        tf_private.register_resource(variable.parts[0].op, variable.make(), is_ready)

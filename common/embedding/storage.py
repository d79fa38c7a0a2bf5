"""What stands behind the embedding of a hashed or vocabulary column instead of a table of fixed size.

ev: an embedding variable. adaptive: its rows for keys that were seen often, those of a small shared table for the
others. dynamic: the more often a key is seen, the more blocks of its embedding are its own; the others are zeros.
multihash: the sum of two small tables' rows, of the id's quotient and of its remainder.

Each gives the rows of a batch's distinct keys, which are then looked up as a table of their own.
"""

from typing import Callable, Dict, List, NamedTuple, Sequence, Tuple

import tensorflow.compat.v1 as tf

from common.config.schema import Column
from common.config.tables import Settings
from common.embedding import embedding_variable, lookup, served_table, sizes
from common.embedding.embedding_variable import Lookup
from common.embedding.graph_record import GraphRecord
from common.embedding.kinds import Kind
from common.embedding.table_spec import TableSpec
from common.kernels import native
from common.kernels.embedding import table as native_table
from common.layers import initializers


class _StorageFields(NamedTuple):
    kind: Kind = Kind.FIXED
    settings: Settings = Settings()
    often: int = 8
    exported: bool = False


class Storage(_StorageFields):
    """How the keys of hashed and vocabulary columns are stored.

    Attributes:
      kind: of table.
      settings: of embedding variables.
      often: how often a key must have been seen for a row of its own (adaptive) or a second block (dynamic).
      exported: whether an exported model reads them, with TensorFlow's own ops.

    Raises:
      ValueError: there are no native ops to store them so, or a Bloom filter is to count further than it can.
    """

    __slots__ = ()

    def __new__(cls, *args: object, **kwargs: object) -> "Storage":
        self = super().__new__(cls, *args, **kwargs)  # type: ignore[arg-type]
        if self.kind is not Kind.FIXED and native.load().ops is None:
            raise ValueError("embeddings of kind {!r} are native ops, and there are none: {}. Train on the tables of "
                             "fixed size.".format(self.kind.value, native.load().reason))
        if self.settings.filter == "cbf" and self.settings.filter_freq > 255:
            raise ValueError("--ev_filter cbf counts to 255. Got: --ev_filter_freq {}. Use --ev_filter counter.".format(
                self.settings.filter_freq))
        return self

    def holds(self, column: Column) -> bool:
        """Whether a column's keys are stored so."""
        return self.kind is not Kind.FIXED and column.may_grow


def rows_of_batch(spec: TableSpec, ids: Sequence[tf.Tensor], storage: Storage,
                  record: GraphRecord) -> Tuple[tf.Tensor, List[tf.Tensor]]:
    """The rows of a batch's distinct keys, float32 [U, D], and for each tensor of ids [N] which they are, int32.

    Training updates what stands behind the rows by their gradient.
    """
    ids = [tf.cast(one, tf.int64) for one in ids]
    if storage.exported:
        keys, index = tf.unique(tf.concat(ids, axis=0))
        return _KINDS[storage.kind](spec, keys, tf.ones_like(keys), storage, record), tf.split(
            index, [tf.size(one) for one in ids], num=len(ids))
    distinct = native_table.distinct(ids)
    rows = _KINDS[storage.kind](spec, distinct.keys, distinct.counts, storage, record)
    return tf.identity(rows), distinct.places  # on this process, wherever they come from


def _of_variable(spec: TableSpec, keys: tf.Tensor, counts: tf.Tensor, storage: Storage,
                 record: GraphRecord) -> tf.Tensor:
    """The rows of an embedding variable, noted for training."""
    if storage.exported:
        found, rows = served_table.look_up(record.served_tables, spec.name, keys, spec.width)
        waits = storage.settings.filter and storage.settings.filter_freq > 1
        missing = tf.zeros_like(rows) if waits else served_table.defaults(spec.name, keys, spec.width,
                                                                          spec.stddev)
        return tf.where(found, rows, missing)
    variable = embedding_variable.get(record.variables, spec.name, spec.width, spec.stddev, storage.settings,
                                      spec.buckets)
    rows, _ = embedding_variable.look_up(variable, keys)
    record.lookups.append(Lookup(variable, keys, counts, rows))
    return rows


def _adaptive(spec: TableSpec, keys: tf.Tensor, counts: tf.Tensor, storage: Storage,
              record: GraphRecord) -> tf.Tensor:
    """Rows of an embedding variable for keys that have one, else those of a shared table, with which theirs start."""
    buckets = sizes.num_shared(spec.buckets)
    shared = tf.get_variable(spec.name + "/hash_weights", [buckets, spec.width],
                             initializer=initializers.truncated_normal(spec.stddev, spec.seed_name))
    if storage.exported:
        found, own = served_table.look_up(record.served_tables, spec.name + "/ev_weights", keys, spec.width)
    else:
        settings = storage.settings._replace(filter="counter", filter_freq=storage.often)
        variable = embedding_variable.get(record.variables, spec.name + "/ev_weights", spec.width, spec.stddev,
                                          settings, spec.buckets)
        own, found = embedding_variable.look_up(variable, keys)
    hot, cold = tf.where(found)[:, 0], tf.where(tf.logical_not(found))[:, 0]
    common, = lookup.rows_of([shared], [tf.gather(keys, cold) % buckets])
    rows = tf.dynamic_stitch([tf.cast(hot, tf.int32), tf.cast(cold, tf.int32)], [tf.gather(own, hot), common])
    if not storage.exported:
        record.lookups.append(Lookup(variable, keys, counts, own, tf.stop_gradient(rows)))
    return rows


def _dynamic(spec: TableSpec, keys: tf.Tensor, counts: tf.Tensor, storage: Storage,
             record: GraphRecord) -> tf.Tensor:
    """Blocks side by side, each an embedding variable of its own; the first tells how often a key was seen."""
    blocks = sizes.num_blocks(spec.width)
    first = spec._replace(name=spec.name + "/block0", width=spec.width // blocks)
    parts = [_of_variable(first, keys, counts, storage, record)]
    if not storage.exported:
        seen = embedding_variable.frequencies(embedding_variable.get(
            record.variables, first.name, first.width, first.stddev, storage.settings, spec.buckets), keys)
    for block, limit in enumerate(sizes.block_limits(storage.often, blocks), 1):
        further = first._replace(name="{}/block{}".format(spec.name, block), stddev=0.0)
        if storage.exported:
            parts.append(_of_variable(further, keys, counts, storage, record))
            continue
        often = tf.where(seen >= limit)  # [O, 1]
        rows = _of_variable(further, tf.gather_nd(keys, often), tf.gather_nd(counts, often), storage, record)
        parts.append(tf.scatter_nd(often, rows, [tf.size(keys, out_type=tf.int64), further.width]))
    return tf.concat(parts, axis=1)


def _multihash(spec: TableSpec, keys: tf.Tensor, counts: tf.Tensor, storage: Storage,
               record: GraphRecord) -> tf.Tensor:
    """Row id // m of one table plus row id % m of another, m rows each."""
    size = sizes.side(spec.buckets)
    tables = [tf.get_variable("{}/multhash_{}".format(spec.name, letter), [size, spec.width],
                              initializer=initializers.truncated_normal(spec.stddev, spec.seed_name + letter))
              for letter in "QR"]
    quotients, remainders = lookup.rows_of(tables, [keys // size, keys % size])
    return quotients + remainders


_KINDS: Dict[Kind, Callable[[TableSpec, tf.Tensor, tf.Tensor, Storage, GraphRecord], tf.Tensor]] = {
    Kind.EV: _of_variable, Kind.ADAPTIVE: _adaptive, Kind.DYNAMIC: _dynamic, Kind.MULTIHASH: _multihash}

"""Storage that can replace a fixed-size embedding table: one function for each kind.

Each gives the rows of a batch's distinct keys, which are then looked up as a table of their own.
"""

import argparse
from typing import Callable, Dict, List, NamedTuple, Sequence, Tuple

import tensorflow.compat.v1 as tf

from common.config.flag_types import FEATURES, FlagParser, add_switch, positive
from common.config.schema import Column
from common.config.tables import Settings
from common.embedding import embedding_variable, gather, kinds, served_table, sizes
from common.embedding.embedding_variable import EmbeddingVariable, Lookup
from common.embedding.graph_record import GraphRecord
from common.embedding.kinds import Kind
from common.embedding.table_spec import TableSpec
from common.kernels import native
from common.kernels.embedding import table as native_table
from common.layers import initializers


def add_flags(parser: FlagParser) -> None:
    """Adds the flags of what replaces tables of fixed size."""
    group = parser.group(FEATURES)
    add_switch(group, "ev", False,
               "embedding variables, which grow with their keys, in place of fixed tables")
    add_switch(group, "adaptive_emb", False,
               "rows of their own for keys that are seen often, shared ones for the others")
    add_switch(group, "dynamic_ev", False,
               "embeddings that grow wider the more often their key is seen")
    group.add_argument(
        "--hot_freq", type=positive, default=8, metavar="N",
        help="how often a key must be seen to be hot: for --adaptive_emb a row of its own, for "
             "--dynamic_ev a second block (default 8)")
    add_switch(group, "multihash", False,
               "the sum of two small tables in place of each large one")


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
      often: how often a key must have been seen for a row of its own (ADAPTIVE) or a second block
        (DYNAMIC).
      exported: whether an exported model reads them, with TensorFlow's own ops.

    Raises:
      ValueError: there are no native ops to store them so, or a Bloom filter is to count further
        than it can.
    """

    __slots__ = ()

    def __new__(cls, *args: object, **kwargs: object) -> "Storage":
        self = super().__new__(cls, *args, **kwargs)  # type: ignore[arg-type]
        if self.kind is not Kind.FIXED and native.load().ops is None:
            raise ValueError(
                "embeddings of kind {!r} are native ops, and there are none: {}. Train on the "
                "tables of fixed size.".format(self.kind.value, native.load().reason))
        frequency = self.settings.filter_freq
        if self.settings.filter == "cbf" and frequency > 255:
            raise ValueError(
                "--ev_filter cbf counts to 255. Got: --ev_filter_freq {}. Use --ev_filter counter."
                .format(frequency))
        return self

    @classmethod
    def from_flags(cls, args: argparse.Namespace, settings: Settings) -> "Storage":
        """What flags say; raises ValueError as above."""
        flags = {kind.value: getattr(args, kind.value) for kind in Kind if kind.value}
        return cls(kinds.of_flags(flags), settings, args.hot_freq)

    def holds(self, column: Column) -> bool:
        """Whether a column's keys are stored so."""
        return self.kind is not Kind.FIXED and column.may_grow


class _Batch(NamedTuple):
    """A batch's distinct keys, and what stores them.

    Attributes:
      spec: of the table.
      keys: int64 [U].
      counts: how often each came, int64 [U].
      storage: how they are stored.
      record: of the graph.
    """

    spec: TableSpec
    keys: tf.Tensor
    counts: tf.Tensor
    storage: Storage
    record: GraphRecord


def rows_of_batch(
        spec: TableSpec,
        ids: Sequence[tf.Tensor],
        storage: Storage,
        record: GraphRecord,
) -> Tuple[tf.Tensor, List[tf.Tensor]]:
    """The rows of a batch's distinct keys, float32 [U, D], and for each tensor of ids [N] which
    they are, int32.

    Training updates the stored rows by the gradient of these.
    """
    ids = [tf.cast(one, tf.int64) for one in ids]
    backend = _BACKENDS[storage.kind]
    if storage.exported:
        keys, index = tf.unique(tf.concat(ids, axis=0))
        rows = backend(_Batch(spec, keys, tf.ones_like(keys), storage, record))
        sizes_of_ids = [tf.size(one) for one in ids]
        return rows, tf.split(index, sizes_of_ids, num=len(ids))
    distinct = native_table.distinct(ids)
    rows = backend(_Batch(spec, distinct.keys, distinct.counts, storage, record))
    # The identity is placed in this process, so that what looks rows up does not follow them to a
    # server.
    return tf.identity(rows), distinct.places


def _ev(batch: _Batch) -> tf.Tensor:
    """The rows of an embedding variable, float32 [U, D]."""
    return _served_rows(batch) if batch.storage.exported else _trained_rows(batch)


def _trained_rows(batch: _Batch) -> tf.Tensor:
    """The rows of an embedding variable, which the training step updates."""
    rows, _ = embedding_variable.look_up(_variable(batch), batch.keys)
    batch.record.lookups.append(Lookup(_variable(batch), batch.keys, batch.counts, rows))
    return rows


def _served_rows(batch: _Batch) -> tf.Tensor:
    """The same rows in an exported model."""
    has_row, rows = served_table.look_up(batch.record.served_tables, batch.spec, batch.keys)
    settings = batch.storage.settings
    if settings.filter and settings.filter_freq > 1:
        return tf.where(has_row, rows, tf.zeros_like(rows))
    return tf.where(has_row, rows, served_table.defaults(batch.spec, batch.keys))


def _variable(batch: _Batch) -> EmbeddingVariable:
    return embedding_variable.get(batch.record.variables, batch.spec, batch.storage.settings)


def _adaptive(batch: _Batch) -> tf.Tensor:
    """Rows of an embedding variable for keys that have one, else those of a shared table, with
    which theirs start.
    """
    spec, keys = batch.spec, batch.keys
    num_shared = sizes.num_shared(spec.buckets)
    initializer = initializers.truncated_normal(spec.stddev, spec.seed_name)
    shared = tf.get_variable(spec.name + "/hash_weights", [num_shared, spec.width],
                             initializer=initializer)
    settings = batch.storage.settings._replace(filter="counter", filter_freq=batch.storage.often)
    of_frequent = batch._replace(spec=spec._replace(name=spec.name + "/ev_weights"),
                                 storage=batch.storage._replace(settings=settings))
    if batch.storage.exported:
        is_hot, hot_rows = served_table.look_up(batch.record.served_tables, of_frequent.spec, keys)
    else:
        hot_rows, is_hot = embedding_variable.look_up(_variable(of_frequent), keys)
    rows = _hot_or_shared(keys, is_hot, hot_rows, shared)
    if not batch.storage.exported:
        start = tf.stop_gradient(rows)
        batch.record.lookups.append(
            Lookup(_variable(of_frequent), keys, batch.counts, hot_rows, start))
    return rows


def _hot_or_shared(
        keys: tf.Tensor,
        is_hot: tf.Tensor,
        hot_rows: tf.Tensor,
        shared: tf.Variable,
) -> tf.Tensor:
    """The rows of hot keys, and for the others those that they share, float32 [U, D]."""
    hot = tf.where(is_hot)[:, 0]
    cold = tf.where(tf.logical_not(is_hot))[:, 0]
    shared_ids = tf.gather(keys, cold) % shared.shape[0].value
    cold_rows, = gather.rows_of([shared], [shared_ids])
    places = [tf.cast(hot, tf.int32), tf.cast(cold, tf.int32)]
    return tf.dynamic_stitch(places, [tf.gather(hot_rows, hot), cold_rows])


def _dynamic(batch: _Batch) -> tf.Tensor:
    """Blocks side by side, each an embedding variable of its own; the first tells how often a key
    was seen.
    """
    first, *others = [batch._replace(spec=spec) for spec in _block_specs(batch.spec)]
    blocks = [_ev(first)]
    if batch.storage.exported:
        blocks += [_ev(other) for other in others]
        return tf.concat(blocks, axis=1)
    seen = embedding_variable.frequencies(_variable(first), batch.keys)
    limits = sizes.block_limits(batch.storage.often, len(others) + 1)
    blocks += [_rows_where(seen >= limit, other) for limit, other in zip(limits, others)]
    return tf.concat(blocks, axis=1)


def _block_specs(spec: TableSpec) -> List[TableSpec]:
    """The blocks of a row; all but the first start as zeros."""
    count = sizes.num_blocks(spec.width)
    block = spec._replace(width=spec.width // count)
    specs = [block._replace(name=spec.name + "/block0")]
    for place in range(1, count):
        name = "{}/block{}".format(spec.name, place)
        specs.append(block._replace(name=name, stddev=0.0))
    return specs


def _rows_where(is_frequent: tf.Tensor, batch: _Batch) -> tf.Tensor:
    """The rows of some of the keys, which are trained, and zeros for the others, float32 [U, D]."""
    places = tf.where(is_frequent)  # [O, 1]
    keys, counts = tf.gather_nd(batch.keys, places), tf.gather_nd(batch.counts, places)
    rows = _trained_rows(batch._replace(keys=keys, counts=counts))
    size = tf.size(batch.keys, out_type=tf.int64)
    return tf.scatter_nd(places, rows, [size, batch.spec.width])


def _multihash(batch: _Batch) -> tf.Tensor:
    """Row id // m of one table plus row id % m of another, m rows each."""
    spec, size = batch.spec, sizes.side(batch.spec.buckets)
    tables = []
    for letter in "QR":
        name = "{}/multhash_{}".format(spec.name, letter)
        initializer = initializers.truncated_normal(spec.stddev, spec.seed_name + letter)
        tables.append(tf.get_variable(name, [size, spec.width], initializer=initializer))
    quotients, remainders = gather.rows_of(tables, [batch.keys // size, batch.keys % size])
    return quotients + remainders


_BACKENDS: Dict[Kind, Callable[[_Batch], tf.Tensor]] = {
    Kind.EV: _ev,
    Kind.ADAPTIVE: _adaptive,
    Kind.DYNAMIC: _dynamic,
    Kind.MULTIHASH: _multihash,
}

"""DeepRec's own tables in place of fixed ones: which kind flags ask for, how one is made, and its
rows by id.

What DeepRec leaves to its caller, which ids are hot and how many blocks a row has, comes from how
often an id was seen in training (common.embedding.frequency).
"""

import zlib
from typing import Any, Dict, Mapping, NamedTuple, Optional

import tensorflow.compat.v1 as tf

from common.config.tables import Settings
from common.deeprec import symbols as deeprec
from common.embedding import frequency, kinds, sizes
from common.embedding.frequency import Counts
from common.embedding.kinds import Kind
from common.embedding.table_spec import TableSpec

_MOST_ROWS = 1 << 20  # of a table of fixed size


class DeepRecTables(NamedTuple):
    """Which of DeepRec's tables a run uses.

    Attributes:
      kind: of table, not FIXED.
      settings: of embedding variables.
      often: how often an id must have been seen for a row of its own (ADAPTIVE) or a second block
        (DYNAMIC).
    """

    kind: Kind
    settings: Settings = Settings()
    often: int = 8


class DeepRecTable(NamedTuple):
    """One of DeepRec's tables.

    Attributes:
      kind, often: of DeepRecTables.
      variable: DeepRec's.
      counts: how often ids were seen; None where that does not matter.
      shared: of ADAPTIVE, the rows that cold ids share, float32 [H, D].
      blocks: of DYNAMIC, the most blocks of a row.
      is_divided: whether several servers share it.
    """

    kind: Kind
    often: int
    variable: Any
    counts: Optional[Counts] = None
    shared: Optional[tf.Variable] = None
    blocks: int = 0
    is_divided: bool = False

    @property
    def combines(self) -> bool:
        """Whether `combined` takes it."""
        return self.kind is Kind.EV and not self.is_divided


def of_flags(flags: Mapping[str, Any], settings: Settings, often: int) -> Optional[DeepRecTables]:
    """The tables that flags ask for, a flag's name -> its value; None where DeepRec lacks what they
    need.

    Args:
      settings, often: of DeepRecTables.
    """
    kind = kinds.of_flags(flags)
    if kind is Kind.FIXED:
        return None
    needed = [option for option in ("ev_filter", "ev_elimination") if flags[option]]
    needed.append(kind.value)
    if kind is Kind.ADAPTIVE:
        needed.append(Kind.EV.value)
    if not all(deeprec.has(feature) for feature in needed):
        return None
    return DeepRecTables(kind, settings, often)


def get(tables: Dict[str, DeepRecTable], config: DeepRecTables, spec: TableSpec) -> DeepRecTable:
    """The table of a spec in the current variable scope, made at its first use.

    Args:
      tables: those of the graph by the scope of their variables; a new one is added. DeepRec's own
        memory of variables does not know what stands beside one.
    """
    with tf.variable_scope(spec.scope):
        scope = tf.get_variable_scope().name
        if scope not in tables:
            tables[scope] = _make(config, spec, scope)
        return tables[scope]


def _make(config: DeepRecTables, spec: TableSpec, scope: str) -> DeepRecTable:
    seed = zlib.crc32(scope.encode()) >> 1
    initializer = tf.truncated_normal_initializer(stddev=spec.stddev, seed=seed)
    kind, often = config.kind, config.often
    name = "embedding_weights"
    if kind is Kind.MULTIHASH:
        side = sizes.side(spec.buckets)
        return DeepRecTable(kind, often,
                            deeprec.multihash_variable(name, spec.width, side, initializer))
    if kind is Kind.DYNAMIC:
        blocks = sizes.num_blocks(spec.width)
        variable = deeprec.dynamic_variable(name, spec.width, blocks, initializer)
        return DeepRecTable(kind, often, variable, frequency.make_counts(spec.buckets),
                            blocks=blocks)
    counts = shared = None
    if kind is Kind.ADAPTIVE:
        name = "ev_weights"
        shape = [sizes.num_shared(min(spec.buckets, _MOST_ROWS)), spec.width]
        shared = tf.get_variable("hash_weights", shape, initializer=initializer)
        counts = frequency.make_counts(spec.buckets)
    variable = deeprec.embedding_variable(name, spec.width, initializer, config.settings,
                                          spec.buckets)
    is_divided = config.settings.servers > 1
    return DeepRecTable(kind, often, variable, counts, shared, is_divided=is_divided)


def rows(table: DeepRecTable, ids: tf.Tensor) -> tf.Tensor:
    """The rows of a table at ids: float32 [N, D] from int32 or int64 [N]."""
    ids = tf.cast(ids, tf.int64)
    if table.kind is Kind.MULTIHASH:
        return deeprec.multihash_rows(table.variable, ids)
    if table.counts is None:
        return deeprec.embedding_rows(table.variable, ids, table.is_divided)
    return _rows_by_frequency(table, table.counts, ids)


def _rows_by_frequency(table: DeepRecTable, counts: Counts, ids: tf.Tensor) -> tf.Tensor:
    """The rows of a table that gives frequent ids more room, which counts the ids that are
    trained.
    """
    seen = frequency.seen(counts, ids)
    if table.kind is Kind.DYNAMIC:
        limits = sizes.block_limits(table.often, table.blocks)
        blocks = 1 + frequency.reached(seen, limits)
        found = deeprec.dynamic_rows(table.variable, ids, blocks)
    else:
        is_hot = frequency.reached(seen, [table.often])
        found = deeprec.adaptive_rows(table.shared, table.variable, ids, is_hot)
    return frequency.counting(found, counts, ids)


def combined(
        table: DeepRecTable,
        items: tf.RaggedTensor,
        weights: tf.Tensor,
        combiner: str,
        fused: bool,
) -> tf.Tensor:
    """The sum or mean of the rows of each list, float32 [B, D], zeros for an empty one, where
    table.combines.

    Args:
      items: the lists' ids, [B, (items)].
      weights: how often each id stands in its list, float32 [V]; DeepRec's filters count each time.
      fused: in one op a list where DeepRec has it.
    """
    times = tf.cast(weights, tf.int32)
    owners = tf.repeat(items.value_rowids(), times)
    ids = tf.repeat(tf.cast(items.values, tf.int64), times)
    repeated = tf.RaggedTensor.from_value_rowids(ids, owners, items.nrows(), validate=False)
    return deeprec.embedding_lists(table.variable, repeated.to_sparse(), combiner, fused)

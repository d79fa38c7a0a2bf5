"""DeepRec's tables in place of fixed ones: which kind flags ask for, how one is made, and its rows by id.

What DeepRec leaves to its caller, which ids are hot and how many blocks a row has, comes from how often an id was seen
in training (common.embedding.frequency).
"""

import zlib
from typing import Any, Dict, Mapping, NamedTuple, Optional

import tensorflow.compat.v1 as tf

from common.config.tables import Settings
from common.deeprec import symbols as deeprec
from common.embedding import frequency, kinds, sizes
from common.embedding.kinds import Kind

_MOST_ROWS = 1 << 20  # of a table of fixed size


class DeepRecTables(NamedTuple):
    """Which of DeepRec's tables a run uses.

    Attributes:
      kind: of table, not FIXED.
      settings: of embedding variables.
      often: how often an id must have been seen for a row of its own (ADAPTIVE) or a second block (DYNAMIC).
    """

    kind: Kind
    settings: Settings = Settings()
    often: int = 8


class DeepRecTable(NamedTuple):
    """One of DeepRec's tables.

    Attributes:
      kind: of DeepRecTables.
      often: of DeepRecTables.
      variable: DeepRec's.
      counts: how often ids were seen, int32 [slots]; None where that does not matter.
      hashed: of ADAPTIVE, the rows that cold ids share, float32 [H, D].
      blocks: of DYNAMIC, the most blocks of a row.
      is_divided: whether several servers share it.
    """

    kind: Kind
    often: int
    variable: Any
    counts: Optional[tf.Variable] = None
    hashed: Optional[tf.Variable] = None
    blocks: int = 0
    is_divided: bool = False

    @property
    def combines(self) -> bool:
        """Whether `combined` takes it."""
        return self.kind is Kind.EV and not self.is_divided


def of_flags(flags: Mapping[str, Any], settings: Settings, often: int) -> Optional[DeepRecTables]:
    """The tables that flags ask for, a flag's name -> its value; None where DeepRec lacks what they need.

    Args:
      settings, often: of DeepRecTables.
    """
    kind = kinds.of_flags(flags)
    if kind is Kind.FIXED:
        return None
    needed = [kind.value] + [option for option in ("ev_filter", "ev_elimination") if flags[option]]
    if kind is Kind.ADAPTIVE:
        needed.append(Kind.EV.value)
    if not all(deeprec.has(feature) for feature in needed):
        return None
    return DeepRecTables(kind, settings, often)


def table(tables: Dict[str, DeepRecTable], config: DeepRecTables, dimension: int, buckets: int,
          stddev: float) -> DeepRecTable:
    """The table of the current variable scope, made at its first use.

    Args:
      tables: those of the graph by scope; a new one is added.
      dimension: the width D.
      buckets: ids are less than this.
      stddev: of the initial values, a truncated normal with a seed of the scope's name.
    """
    scope = tf.get_variable_scope().name
    if scope not in tables:
        initializer = tf.truncated_normal_initializer(stddev=stddev, seed=zlib.crc32(scope.encode()) >> 1)
        tables[scope] = _make(config, dimension, buckets, initializer)
    return tables[scope]


def _make(config: DeepRecTables, dimension: int, buckets: int, initializer: Any) -> DeepRecTable:
    name = "embedding_weights"
    if config.kind is Kind.MULTIHASH:
        side = sizes.side(buckets)
        return DeepRecTable(config.kind, config.often, deeprec.multihash_variable(name, dimension, side, initializer))
    if config.kind is Kind.DYNAMIC:
        blocks = sizes.num_blocks(dimension)
        return DeepRecTable(config.kind, config.often, deeprec.dynamic_variable(name, dimension, blocks, initializer),
                            frequency.make_counts(buckets), blocks=blocks)
    hashed = counts = None
    if config.kind is Kind.ADAPTIVE:
        size = sizes.num_shared(min(buckets, _MOST_ROWS))
        hashed = tf.get_variable("hash_weights", [size, dimension], initializer=initializer)
        counts, name = frequency.make_counts(buckets), "ev_weights"
    variable = deeprec.embedding_variable(name, dimension, initializer, config.settings, buckets)
    return DeepRecTable(config.kind, config.often, variable, counts, hashed, is_divided=config.settings.servers > 1)


def rows(of: DeepRecTable, ids: tf.Tensor) -> tf.Tensor:
    """The rows of a table at ids: float32 [N, D] from int32 or int64 [N]."""
    ids = tf.cast(ids, tf.int64)
    if of.kind is Kind.MULTIHASH:
        return deeprec.multihash_rows(of.variable, ids)
    if of.kind is Kind.EV:
        return deeprec.embedding_rows(of.variable, ids, of.is_divided)
    seen = frequency.seen(of.counts, ids)
    if of.kind is Kind.DYNAMIC:
        limits = sizes.block_limits(of.often, of.blocks)
        found = deeprec.dynamic_rows(of.variable, ids, 1 + frequency.reached(seen, limits))
    else:
        found = deeprec.adaptive_rows(of.hashed, of.variable, ids, frequency.reached(seen, [of.often]))
    return frequency.counting(found, of.counts, ids)


def combined(of: DeepRecTable, values: tf.Tensor, row_splits: tf.Tensor, weights: tf.Tensor, combiner: str,
             fused: bool) -> tf.Tensor:
    """The sum or mean of the rows of each list, float32 [B, D], zeros for an empty one, where of.combines.

    Args:
      values: ids [V] of the lists that row_splits [B + 1] divide.
      weights: how often each id stands in its list, float32 [V]; DeepRec's filters count each time.
      fused: in one op a list where DeepRec has it.
    """
    times = tf.cast(weights, tf.int32)
    lists = tf.RaggedTensor.from_row_splits(times, row_splits, validate=False)
    owners, size = tf.repeat(lists.value_rowids(), times), lists.nrows()
    items = tf.RaggedTensor.from_value_rowids(tf.repeat(tf.cast(values, tf.int64), times), owners, size, validate=False)
    return deeprec.embedding_lists(of.variable, items.to_sparse(), combiner, fused)

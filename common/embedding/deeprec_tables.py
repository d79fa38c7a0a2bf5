"""DeepRec's tables in place of fixed ones: which kind flags ask for, how one is made, and its rows by id.

What DeepRec leaves to its caller, which ids are hot and how many blocks a row has, comes from how often an id was seen
in training (common.embedding.frequency).
"""

import zlib
from typing import Any, Mapping, NamedTuple, Optional

import tensorflow.compat.v1 as tf

from common.config.tables import Settings
from common.deeprec import symbols as deeprec
from common.embedding import frequency, sizes

_MOST_ROWS = 1 << 20  # of a table of fixed size
_TABLES = ("__own_tables",)  # not a string, so that no MetaGraph holds it


class OwnTables(NamedTuple):
    """Which of DeepRec's tables a run uses.

    Attributes:
      kind: 'ev', 'adaptive_emb', 'dynamic_ev' or 'multihash'.
      settings: of embedding variables.
      often: how often an id must have been seen for a row of its own ('adaptive_emb') or a second block ('dynamic_ev').
    """

    kind: str
    settings: Settings = Settings()
    often: int = 8


class Table(NamedTuple):
    """One of DeepRec's tables.

    Attributes:
      kind: of OwnTables.
      often: of OwnTables.
      variable: DeepRec's.
      counts: how often ids were seen, int32 [slots]; None where that does not matter.
      hashed: of 'adaptive_emb', the rows that cold ids share, float32 [H, D].
      blocks: of 'dynamic_ev', the most blocks of a row.
      is_divided: whether several servers share it.
    """

    kind: str
    often: int
    variable: Any
    counts: Optional[tf.Variable] = None
    hashed: Optional[tf.Variable] = None
    blocks: int = 0
    is_divided: bool = False

    @property
    def combines(self) -> bool:
        """Whether `combined` takes it."""
        return self.kind == "ev" and not self.is_divided


def of_flags(wanted: Mapping[str, Any], settings: Settings, often: int) -> Optional[OwnTables]:
    """The tables that flags ask for, a flag's name -> its value; None where DeepRec lacks what they need.

    Args:
      settings, often: of OwnTables.
    """
    kinds = [kind for kind in ("multihash", "dynamic_ev", "adaptive_emb", "ev") if wanted[kind]]
    if not kinds:
        return None
    needed = [kinds[0]] + [part for part in ("ev_filter", "ev_elimination") if wanted[part]]
    if kinds[0] == "adaptive_emb":
        needed.append("ev")
    if not all(deeprec.has(part) for part in needed):
        return None
    return OwnTables(kinds[0], settings, often)


def table(own: OwnTables, dimension: int, buckets: int, stddev: float) -> Table:
    """The table of the current variable scope, made at its first use.

    Args:
      dimension: the width D.
      buckets: ids are less than this.
      stddev: of the initial values, a truncated normal with a seed of the scope's name.
    """
    scope, made_before = tf.get_variable_scope().name, tf.get_collection_ref(_TABLES)
    for name, made in made_before:
        if name == scope:
            return made
    initializer = tf.truncated_normal_initializer(stddev=stddev, seed=zlib.crc32(scope.encode()) >> 1)
    made_before.append((scope, _make(own, dimension, buckets, initializer)))
    return made_before[-1][1]


def _make(own: OwnTables, dimension: int, buckets: int, initializer: Any) -> Table:
    name = "embedding_weights"
    if own.kind == "multihash":
        side = sizes.side(buckets)
        return Table(own.kind, own.often, deeprec.multihash_variable(name, dimension, side, initializer))
    if own.kind == "dynamic_ev":
        blocks = sizes.num_blocks(dimension)
        return Table(own.kind, own.often, deeprec.dynamic_variable(name, dimension, blocks, initializer),
                     frequency.make_counts(buckets), blocks=blocks)
    hashed = counts = None
    if own.kind == "adaptive_emb":
        size = sizes.num_shared(min(buckets, _MOST_ROWS))
        hashed = tf.get_variable("hash_weights", [size, dimension], initializer=initializer)
        counts, name = frequency.make_counts(buckets), "ev_weights"
    variable = deeprec.embedding_variable(name, dimension, initializer, own.settings, buckets)
    return Table(own.kind, own.often, variable, counts, hashed, is_divided=own.settings.servers > 1)


def rows(of: Table, ids: tf.Tensor) -> tf.Tensor:
    """The rows of a table at ids: float32 [N, D] from int32 or int64 [N]."""
    ids = tf.cast(ids, tf.int64)
    if of.kind == "multihash":
        return deeprec.multihash_rows(of.variable, ids)
    if of.kind == "ev":
        return deeprec.embedding_rows(of.variable, ids, of.is_divided)
    seen = frequency.seen(of.counts, ids)
    if of.kind == "dynamic_ev":
        limits = sizes.block_limits(of.often, of.blocks)
        found = deeprec.dynamic_rows(of.variable, ids, 1 + frequency.reached(seen, limits))
    else:
        found = deeprec.adaptive_rows(of.hashed, of.variable, ids, frequency.reached(seen, [of.often]))
    return frequency.counting(found, of.counts, ids)


def combined(of: Table, values: tf.Tensor, row_splits: tf.Tensor, weights: tf.Tensor, combiner: str,
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

"""Rows of embedding tables by id, with as little traffic as can be where the tables live on
parameter servers.

What a worker asks of one server goes there as one tensor, each id once, and comes back as one for
each width of tables; so do the gradients.
"""

from typing import Dict, List, Optional, Sequence, Tuple, Union

import tensorflow.compat.v1 as tf

from common.embedding import deeprec_tables
from common.embedding.deeprec_tables import DeepRecTable
from common.layers.gradients import Gradient, custom_gradient
from common.tf_private import PartitionedVariable

TensorFlowTable = Union[tf.Variable, PartitionedVariable, tf.Tensor]
Table = Union[TensorFlowTable, DeepRecTable]


def rows_of(tables: Sequence[Table], ids: Sequence[tf.Tensor]) -> List[tf.Tensor]:
    """The rows of each table at its ids: float32 [N, D] from int32 or int64 [N].

    What a server is asked for comes as one tensor for each width D.
    """
    by_server: Dict[Tuple[str, Optional[int]], List[int]] = {}
    rows: Dict[int, tf.Tensor] = {}
    for place, table in enumerate(tables):
        if isinstance(table, DeepRecTable):
            rows[place] = deeprec_tables.rows(table, ids[place])
        else:
            by_server.setdefault((_server(table), table.shape[-1].value), []).append(place)
    for (server, _), places in by_server.items():
        its_tables = [tables[place] for place in places]
        its_ids = [ids[place] for place in places]
        answers = _fetch(server, its_tables, its_ids) if server else _look_up(its_tables, its_ids)
        rows.update(zip(places, answers))
    return [rows[place] for place in range(len(tables))]


def is_local(table: Table) -> bool:
    """Whether a table is one tensor of this process: a whole variable, or the rows of a batch."""
    if isinstance(table, (PartitionedVariable, DeepRecTable)):
        return False
    return "/job:ps" not in table.device


def _server(table: TensorFlowTable) -> str:
    """The parameter server that holds a table, "" where there is none or several hold slices of
    it.
    """
    device = "" if isinstance(table, PartitionedVariable) else table.device
    return device if "/job:ps" in device else ""


def _look_up(tables: Sequence[TensorFlowTable], ids: Sequence[tf.Tensor]) -> List[tf.Tensor]:
    """Each table on its own."""
    return [_look_up_one(table, its_ids) for table, its_ids in zip(tables, ids)]


def _look_up_one(table: TensorFlowTable, ids: tf.Tensor) -> tf.Tensor:
    """The rows of a table; of one in slices on several servers each id is asked for once."""
    is_sliced = isinstance(table, PartitionedVariable)
    if not is_sliced or "/job:ps" not in list(table)[0].device:
        return tf.nn.embedding_lookup(table, ids, "div")
    unique, places = tf.unique(ids)
    return _repeat(tf.nn.embedding_lookup(table, unique, "div"), places)


def _fetch(
        server: str,
        tables: Sequence[TensorFlowTable],
        ids: Sequence[tf.Tensor],
) -> List[tf.Tensor]:
    """The rows of several tables of one server."""
    unique, places = zip(*[tf.unique(its_ids) for its_ids in ids])
    sizes = tf.stack([tf.size(its_ids) for its_ids in unique])
    request = tf.concat([tf.cast(its_ids, tf.int32) for its_ids in unique], axis=0)
    with tf.device(server):
        parts = tf.split(request, sizes, num=len(tables))
        gathered = [tf.gather(table, part) for table, part in zip(tables, parts)]
        answer = tf.concat(gathered, axis=0)
    rows = tf.split(answer, sizes, num=len(tables))
    return [_repeat(part, where) for part, where in zip(rows, places)]


def _repeat(rows: tf.Tensor, places: tf.Tensor) -> tf.Tensor:
    """Row places[i] of rows [U, D] for each i, [N, D]; their gradients are summed before they
    leave.
    """
    @custom_gradient
    def gather(rows: tf.Tensor) -> Tuple[tf.Tensor, Gradient]:
        def gradient(upstream: tf.Tensor) -> tf.Tensor:
            # tf.gather's own gradient would send every repetition of a row to its server.
            return tf.math.unsorted_segment_sum(upstream, places, tf.shape(rows)[0])

        return tf.gather(rows, places), gradient

    return gather(rows)

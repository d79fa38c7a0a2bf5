"""Rows of embedding tables by id, with as little traffic as can be where the tables live on parameter servers.

What is asked of one server goes there as one tensor, each id once, and comes back as one; so do the gradients.
"""

from typing import Dict, List, Sequence, Tuple, Union

import tensorflow.compat.v1 as tf
from tensorflow.python.ops.variables import PartitionedVariable

from common.embedding import deeprec_tables
from common.layers.gradients import Gradient, custom_gradient

Table = Union[tf.Variable, PartitionedVariable, deeprec_tables.DeepRecTable]


def rows_of(tables: Sequence[Table], ids: Sequence[tf.Tensor]) -> List[tf.Tensor]:
    """The rows of each table at its ids: float32 [N, D] from int32 or int64 [N]."""
    by_server: Dict[str, List[int]] = {}
    rows: Dict[int, tf.Tensor] = {}
    for i, table in enumerate(tables):
        if isinstance(table, deeprec_tables.DeepRecTable):
            rows[i] = deeprec_tables.rows(table, ids[i])
        else:
            by_server.setdefault(_server(table), []).append(i)
    for server, members in by_server.items():
        fetch = _fetch if server else _look_up
        rows.update(zip(members, fetch(server, [tables[i] for i in members], [ids[i] for i in members])))
    return [rows[i] for i in range(len(tables))]


def is_local(table: Table) -> bool:
    """Whether a table is a variable, whole and in this process."""
    if isinstance(table, (PartitionedVariable, deeprec_tables.DeepRecTable)):
        return False
    return "/job:ps" not in table.device


def _server(table: Union[tf.Variable, PartitionedVariable]) -> str:
    """The parameter server that holds a table, "" where there is none or several hold slices of it."""
    device = "" if isinstance(table, PartitionedVariable) else table.device
    return device if "/job:ps" in device else ""


def _look_up(_: str, tables: Sequence[Table], ids: Sequence[tf.Tensor]) -> List[tf.Tensor]:
    """Each table on its own; of a table in slices on several servers each id is asked for once."""
    rows = []
    for table, wanted in zip(tables, ids):
        if isinstance(table, PartitionedVariable) and "/job:ps" in list(table)[0].device:
            unique, index = tf.unique(wanted)
            rows.append(_repeat(tf.nn.embedding_lookup(table, unique, "div"), index))
        else:
            rows.append(tf.nn.embedding_lookup(table, wanted, "div"))
    return rows


def _fetch(server: str, tables: Sequence[Table], ids: Sequence[tf.Tensor]) -> List[tf.Tensor]:
    """The rows of several tables of one server, all of one width."""
    unique, index = zip(*[tf.unique(wanted) for wanted in ids])
    sizes = tf.stack([tf.size(wanted) for wanted in unique])
    asked = tf.concat([tf.cast(wanted, tf.int32) for wanted in unique], axis=0)
    with tf.device(server):
        parts = tf.split(asked, sizes, num=len(tables))
        answer = tf.concat([tf.gather(table, part) for table, part in zip(tables, parts)], axis=0)
    rows = tf.split(answer, sizes, num=len(tables))
    return [_repeat(part, where) for part, where in zip(rows, index)]


def _repeat(rows: tf.Tensor, index: tf.Tensor) -> tf.Tensor:
    """Row index[i] of rows [U, D] for each i, [N, D]; their gradients are summed before they leave."""
    @custom_gradient
    def gather(rows: tf.Tensor) -> Tuple[tf.Tensor, Gradient]:
        return tf.gather(rows, index), lambda upstream: tf.math.unsorted_segment_sum(
            upstream, index, tf.shape(rows)[0])

    return gather(rows)

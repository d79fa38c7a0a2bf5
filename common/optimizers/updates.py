"""Which tables a training step updates by rows, for savers that save only those rows."""

from typing import List, NamedTuple, Sequence, Tuple

import tensorflow.compat.v1 as tf

from common.optimizers import catalog

# A model_fn returns an EstimatorSpec, which has no room for this, so the graph holds it. The key is
# a tuple because TensorFlow writes collections with string keys into every file of a graph.
_TABLE_UPDATES = ("table_updates",)


class RowUpdate(NamedTuple):
    """A table, or a slice of one, that a training step updates by rows.

    Attributes:
      table: [V, D].
      rows: those of a step, int [R]; they may repeat.
      slots: of the optimizer, [V, ...] each.
    """

    table: tf.Variable
    rows: tf.Tensor
    slots: List[tf.Variable]


class TableUpdates(NamedTuple):
    """The tables that have a sparse gradient.

    Attributes:
      by_rows: those that a step updates by rows.
      whole: those of which the optimizer moves all rows in each step.
      of_optimizer: all variables that the optimizer has made.
    """

    by_rows: Sequence[RowUpdate] = ()
    whole: Sequence[tf.Variable] = ()
    of_optimizer: Sequence[tf.Variable] = ()


def record(
        gradients: Sequence[Tuple[object, tf.Variable]],
        optimizer: tf.train.Optimizer,
        of_model: Sequence[tf.Variable] = ()) -> None:
    """Records what a step updates; to be called when the optimizer has made its slots.

    Args:
      of_model: the graph's variables before the optimizer made any.
    """
    by_rows = []
    for gradient, table in gradients:
        if isinstance(gradient, tf.IndexedSlices):
            slots = _slots(optimizer, table)
            by_rows.append(RowUpdate(table, gradient.indices, slots))
    updates = TableUpdates(by_rows=by_rows, of_optimizer=_made_since(of_model))
    if not catalog.moves_named_rows_only(optimizer):
        updates = updates._replace(by_rows=(), whole=[update.table for update in by_rows])
    tf.add_to_collection(_TABLE_UPDATES, updates)


def recorded() -> TableUpdates:
    """The tables that the default graph's training step updates; none where nothing trains."""
    records = tf.get_collection(_TABLE_UPDATES)
    return records[-1] if records else TableUpdates()


def _made_since(of_model: Sequence[tf.Variable]) -> List[tf.Variable]:
    known = {id(variable) for variable in of_model}
    return [variable for variable in tf.global_variables() if id(variable) not in known]


def _slots(optimizer: tf.train.Optimizer, table: tf.Variable) -> List[tf.Variable]:
    names = optimizer.get_slot_names()
    slots = [optimizer.get_slot(table, name) for name in names]
    return [slot for slot in slots if slot is not None]

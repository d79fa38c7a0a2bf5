"""Which tables a training step updates by rows, for whoever saves only those."""

from typing import List, NamedTuple, Sequence, Tuple

import tensorflow.compat.v1 as tf

from common.optimizers import catalog

_UPDATES = ("touched", "updates")

_WHOLE = ("touched", "whole")


class Update(NamedTuple):
    """A table, or a slice of one, that a training step updates by rows.

    Attributes:
      table: [V, D].
      rows: those of a step, int [R]; they may repeat.
      slots: of the optimizer, [V, ...] each.
    """

    table: tf.Variable
    rows: tf.Tensor
    slots: List[tf.Variable]


def note(gradients: Sequence[Tuple[object, tf.Variable]], optimizer: tf.train.Optimizer) -> None:
    """Notes the tables that a step updates by rows; to be called when the optimizer has made its slots."""
    by_rows = catalog.moves_named_rows_only(optimizer)
    for gradient, table in gradients:
        if not isinstance(gradient, tf.IndexedSlices):
            continue
        if not by_rows:
            tf.add_to_collection(_WHOLE, table)
            continue
        slots = [optimizer.get_slot(table, name) for name in optimizer.get_slot_names()]
        tf.add_to_collection(_UPDATES, Update(table, gradient.indices, [slot for slot in slots if slot is not None]))


def noted() -> List[Update]:
    """The tables that the graph's training step updates by rows."""
    return tf.get_collection(_UPDATES)


def whole_tables() -> List[tf.Variable]:
    """The tables of which an optimizer moves all rows in each step, so that increments hold them whole."""
    return tf.get_collection(_WHOLE)

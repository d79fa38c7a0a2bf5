"""The update of all embedding variables in a training step."""

from typing import Dict, List, Sequence, Tuple

import tensorflow.compat.v1 as tf

from common.embedding import variable_update
from common.embedding.embedding_variable import EmbeddingVariable, Lookup
from common.optimizers import catalog

LookupGradient = Tuple[Lookup, object]


def update_all(
        lookups: Sequence[LookupGradient],
        optimizer: str,
        learning_rate: float) -> List[tf.Operation]:
    """Updates the variables that were looked up; only rows of keys in the gradient move.

    To be called once for a graph, outside of variable scopes, whose names the optimizer's variables
    would get.

    Args:
      lookups: each with the gradient of its rows, None where the loss does not depend on them.
      optimizer: its name in the catalog.
    """
    table_rule = catalog.entry(optimizer).table_rule
    step = tf.cast(tf.train.get_or_create_global_step(), tf.int64)
    updates: List[tf.Operation] = []
    for variable, members in _by_variable(lookups).items():
        variable.slots = table_rule.slots(variable.width)
        rule, hyper, after = table_rule.update(variable, learning_rate, step)
        update = variable_update.update(
            [lookup for lookup, _ in members],
            [gradient for _, gradient in members],
            step,
            rule,
            hyper)
        updates.append(update)
        with tf.control_dependencies([update]):
            updates.extend(after())
    return updates


def _by_variable(
        lookups: Sequence[LookupGradient]) -> Dict[EmbeddingVariable, List[LookupGradient]]:
    """Lookups with their gradients by the variable that they read, in the order of first reads."""
    grouped: Dict[EmbeddingVariable, List[LookupGradient]] = {}
    for lookup, gradient in lookups:
        members = grouped.setdefault(lookup.variable, [])
        members.append((lookup, gradient))
    return grouped

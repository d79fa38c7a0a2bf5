"""The update of all embedding variables in a training step."""

from typing import Dict, List, NamedTuple, Sequence, Tuple, Union

import tensorflow.compat.v1 as tf

from common.embedding import variable_update
from common.embedding.embedding_variable import EmbeddingVariable, Lookup
from common.embedding.variable_update import Merged
from common.optimizers import catalog

LookupGradient = Tuple[Lookup, object]


class TableUpdate(NamedTuple):
    """What a step changes in one embedding variable.

    Attributes:
      variable: the table.
      merged: its keys, and the gradient of their rows.
    """

    variable: EmbeddingVariable
    merged: Merged

    @property
    def gradient(self) -> Union[tf.Tensor, tf.IndexedSlices]:
        """Of the rows of the keys, float32 [U, D] or slices of it, which name each row once."""
        return self.merged.gradient

    def with_gradient(self, gradient: Union[tf.Tensor, tf.IndexedSlices]) -> "TableUpdate":
        """The same with another gradient of these rows."""
        return self._replace(merged=self.merged._replace(gradient=gradient))


def merge(lookups: Sequence[LookupGradient]) -> List[TableUpdate]:
    """What lookups with the gradients of their rows change, by variable.

    Args:
      lookups: each with the gradient of its rows, None where the loss does not depend on them.
    """
    merged = []
    for variable, members in _by_variable(lookups).items():
        of_variable = [lookup for lookup, _ in members]
        gradients = [gradient for _, gradient in members]
        merged.append(TableUpdate(variable, variable_update.merge(of_variable, gradients)))
    return merged


def update_all(
        tables: Sequence[TableUpdate],
        optimizer: str,
        learning_rate: Union[float, tf.Tensor]) -> List[tf.Operation]:
    """Updates the variables that were looked up; only rows of keys in the gradient move.

    To be called once for a graph, outside of variable scopes, whose names the optimizer's variables
    would get.

    Args:
      tables: as `merge` gives them.
      optimizer: its name in the catalog.
      learning_rate: of this step.
    """
    table_rule = catalog.entry(optimizer).table_rule
    step = tf.cast(tf.train.get_or_create_global_step(), tf.int64)
    updates: List[tf.Operation] = []
    for variable, merged in tables:
        variable.slots = table_rule.slots(variable.width)
        rule, hyper, after = table_rule.update(variable, learning_rate, step)
        update = variable_update.update(variable, merged, step, rule, hyper)
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

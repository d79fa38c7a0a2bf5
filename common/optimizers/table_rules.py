"""How each optimizer updates embedding variables: what it keeps for each key, and the numbers of a step."""

from typing import Callable, Dict, List, NamedTuple, Sequence, Tuple

import tensorflow.compat.v1 as tf

from common.embedding import variable_update
from common.embedding.embedding_variable import EmbeddingVariable, Lookup, Slot

_BETA1, _BETA2, _EPSILON = 0.9, 0.999, 1e-8
_ACCUMULATOR, _DISCOUNT, _PERIOD = 0.1, 0.9, 100000
_SLOT_NAMES = {"adagrad": "Adagrad", "adam": "Adam", "adamasync": "AdamAsync", "adagraddecay": "AdagradDecay"}


class Rule(NamedTuple):
    """What updates a variable in one step.

    Attributes:
      name: of common.kernels.embedding.table.RULES.
      hyper: its numbers.
      after: what follows the update.
    """

    name: str
    hyper: Sequence[object]
    after: Callable[[], List[tf.Operation]] = list


def slots(optimizer: str, width: int) -> Tuple[Slot, ...]:
    """What an optimizer keeps for each key of a variable of that width, named as its slots of a tf.Variable."""
    if optimizer == "gradientdescent":
        return ()
    name = _SLOT_NAMES[optimizer]
    if optimizer == "adagrad":
        return (Slot(name, width, _ACCUMULATOR),)
    if optimizer == "adagraddecay":
        return (Slot(name, width, _ACCUMULATOR), Slot(name + "_1", 1, 0.0))
    return (Slot(name, width, 0.0), Slot(name + "_1", width, 0.0))


def update_all(lookups: Sequence[Tuple[Lookup, object]], optimizer: str, learning_rate: float) -> List[tf.Operation]:
    """Updates the variables that were looked up, as DeepRec's optimizers do: only rows of keys in the gradient move.

    To be called once for a graph, outside of variable scopes, whose names those of optimizers' variables would get.

    Args:
      lookups: each with the gradient of its rows, None where the loss does not depend on them.
    """
    step = tf.cast(tf.train.get_or_create_global_step(), tf.int64)
    of_variable: Dict[EmbeddingVariable, List[Tuple[Lookup, object]]] = {}
    for lookup, gradient in lookups:
        of_variable.setdefault(lookup.variable, []).append((lookup, gradient))
    done = []
    for variable, members in of_variable.items():
        variable.slots = slots(optimizer, variable.width)
        rule = _rule(variable, optimizer, learning_rate, step)
        updated = variable_update.update(
            [lookup for lookup, _ in members], [gradient for _, gradient in members], step, rule.name, rule.hyper)
        with tf.control_dependencies([updated]):
            done += [updated, *rule.after()]
    return done


def _rule(variable: EmbeddingVariable, optimizer: str, rate: float, step: tf.Tensor) -> Rule:
    if optimizer in ("gradientdescent", "adagrad"):
        return Rule(optimizer, [rate])
    if optimizer == "adagraddecay":
        return Rule(optimizer, [rate, _DISCOUNT, _ACCUMULATOR, (step + 1) // _PERIOD])
    name = "{}/{}/".format(variable.name, _SLOT_NAMES[optimizer])
    powers = [tf.get_variable(name + power, [], initializer=tf.constant_initializer(beta), trainable=False)
              for power, beta in (("beta1_power", _BETA1), ("beta2_power", _BETA2))]
    corrected = rate * tf.sqrt(1.0 - powers[1]) / (1.0 - powers[0])

    def move() -> List[tf.Operation]:
        is_moved = tf.constant(True) if optimizer == "adam" else tf.size(variable.updated) > 0
        return [power.assign(power * tf.where(is_moved, beta, 1.0)).op
                for power, beta in zip(powers, (_BETA1, _BETA2))]

    return Rule("adam", [corrected, _BETA1, _BETA2, _EPSILON], move)

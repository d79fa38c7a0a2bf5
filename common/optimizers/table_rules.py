"""What an optimizer does to embedding variables, as common.kernels.embedding.table updates them."""

from typing import Callable, List, NamedTuple, Sequence, Tuple, Union

import tensorflow.compat.v1 as tf

from common.embedding.embedding_variable import EmbeddingVariable, Slot

Slots = Tuple[Slot, ...]
Rate = Union[float, tf.Tensor]  # constant, or that of a step, scalar

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8


class Update(NamedTuple):
    """The update of one variable in one step.

    Attributes:
      rule: of common.kernels.embedding.table.RULES.
      hyper: the rule's numbers.
      after: makes the operations that follow the update.
    """

    rule: str
    hyper: Sequence[object]
    after: Callable[[], List[tf.Operation]] = list


class TableRule(NamedTuple):
    """How an optimizer updates embedding variables.

    Attributes:
      slots: what it keeps for each key, by the width of the rows. Their names are those of its
        slots of a tf.Variable.
      update: (variable, learning rate, global step int64 scalar) -> the update.
    """

    slots: Callable[[int], Slots]
    update: Callable[[EmbeddingVariable, Rate, tf.Tensor], Update]


def adam(slot_name: str, skips_empty_steps: bool) -> TableRule:
    """Adam with powers of beta1 and beta2 of each variable.

    Args:
      slot_name: of the first moments in checkpoints.
      skips_empty_steps: whether the powers stay as they are in a step that has no keys.
    """
    def slots(width: int) -> Slots:
        m = Slot(slot_name, width, 0.0)
        v = Slot(slot_name + "_1", width, 0.0)
        return m, v

    def update(variable: EmbeddingVariable, rate: Rate, _: tf.Tensor) -> Update:
        scope = "{}/{}/".format(variable.name, slot_name)
        power1 = _scalar(scope + "beta1_power", BETA1)
        power2 = _scalar(scope + "beta2_power", BETA2)
        bias1 = 1.0 - power1
        bias2 = 1.0 - power2
        corrected = rate * tf.sqrt(bias2) / bias1

        def after() -> List[tf.Operation]:
            if skips_empty_steps:
                num_keys = tf.size(variable.updated)
                moves = num_keys > 0
            else:
                moves = tf.constant(True)
            move1 = _multiply(power1, BETA1, moves)
            move2 = _multiply(power2, BETA2, moves)
            return [move1, move2]

        return Update("adam", [corrected, BETA1, BETA2, EPSILON], after)

    return TableRule(slots, update)


def _scalar(name: str, value: float) -> tf.Variable:
    """A variable that is saved as those of tf.Variable's optimizers are."""
    initializer = tf.constant_initializer(value)
    return tf.get_variable(name, [], initializer=initializer, trainable=False)


def _multiply(power: tf.Variable, beta: float, moves: tf.Tensor) -> tf.Operation:
    """Multiplies a power by its beta where the bool scalar is true."""
    factor = tf.where(moves, beta, 1.0)
    return power.assign(power * factor).op

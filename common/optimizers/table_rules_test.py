from typing import Dict, List

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from common.embedding.embedding_variable import Slot
from common.optimizers import catalog, table_rules


class Variable:
    """What a rule asks of an embedding variable."""

    name = "scope/t"

    def __init__(self, keys: List[int]) -> None:
        self.updated = tf.constant(keys, tf.int64)


EXPECTED: Dict[str, List[Slot]] = {
    "gradientdescent": [],
    "adagrad": [Slot("Adagrad", 4, 0.1)],
    "adagraddecay": [Slot("AdagradDecay", 4, 0.1),
                     Slot("AdagradDecay_1", 1, 0.0, counts_steps=True)],
    "adam": [Slot("Adam", 4, 0.0), Slot("Adam_1", 4, 0.0)],
    "adamasync": [Slot("AdamAsync", 4, 0.0), Slot("AdamAsync_1", 4, 0.0)]}


@pytest.mark.parametrize("optimizer", catalog.NAMES)
def test_slots_are_named_as_those_of_variables(optimizer: str) -> None:
    assert list(catalog.entry(optimizer).table_rule.slots(4)) == EXPECTED[optimizer]


@pytest.mark.parametrize("optimizer", ["gradientdescent", "adagrad"])
def test_the_learning_rate_is_all_that_a_step_needs(optimizer: str) -> None:
    with tf.Graph().as_default():
        update = catalog.entry(optimizer).table_rule.update(Variable([1]), 0.5, tf.constant(3))
        assert (update.rule, update.hyper, update.after()) == (optimizer, [0.5], [])


def test_accumulators_decay_by_the_global_step() -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        rule = catalog.entry("adagraddecay").table_rule
        for step, periods in ((99998, 0), (99999, 1), (200000, 2)):
            update = rule.update(Variable([1]), 0.5, tf.constant(step, tf.int64))
            assert update.hyper[:3] == [0.5, 0.9, 0.1]
            assert session.run(update.hyper[3]) == periods


@pytest.mark.parametrize("skips, keys, moves", [
    (False, [], True), (False, [7], True), (True, [], False), (True, [7], True)])
def test_powers_of_adam(skips: bool, keys: List[int], moves: bool) -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        rule = table_rules.adam("Adam", skips_empty_steps=skips)
        update = rule.update(Variable(keys), 0.5, tf.constant(0))
        names = [variable.op.name for variable in tf.global_variables()]
        assert names == ["scope/t/Adam/beta1_power", "scope/t/Adam/beta2_power"]
        assert not tf.trainable_variables()
        session.run(tf.global_variables_initializer())
        rate = session.run(update.hyper[0])
        assert rate == pytest.approx(0.5 * np.sqrt(1 - 0.999) / (1 - 0.9), rel=1e-4)
        session.run(update.after())
        powers = session.run(tf.global_variables())
        assert powers == pytest.approx([0.81, 0.998001] if moves else [0.9, 0.999])

"""The optimizers of --optimizer: one entry each. To add one, add its entry to ENTRIES.

The flags' choices, the table of who serves which flag and the benchmark read the entries.
"""

from typing import Callable, NamedTuple, Optional, Sequence, Type

import tensorflow.compat.v1 as tf

from common import tf_private
from common.deeprec import symbols as deeprec
from common.embedding.embedding_variable import EmbeddingVariable, Slot
from common.kernels.optimizers import update
from common.optimizers import table_rules
from common.optimizers.adagrad_decay import AdagradDecayOptimizer
from common.optimizers.adam_async import AdamAsyncOptimizer
from common.optimizers.native_updates import NativeDense, NativeRows
from common.optimizers.table_rules import Rate, Slots, TableRule, Update
from common.tf_private import AdamNumbers

_ACCUMULATOR, _DISCOUNT, _PERIOD = 0.1, 0.9, 100000


class Entry(NamedTuple):
    """One optimizer.

    Attributes:
      name: of --optimizer, and of DeepRec's optimizer in common.deeprec.symbols where it has one.
      make: (learning rate, whether native ops may update dense variables) -> the optimizer.
      table_rule: what it does to embedding variables.
      row_wise: the class whose sparse gradients change, of a table and its slots, just the rows
        that they name; None where all rows move.
      summary: what it does, for one that is not TensorFlow's.
    """

    name: str
    make: Callable[[Rate, bool], tf.train.Optimizer]
    table_rule: TableRule
    row_wise: Optional[Type[tf.train.Optimizer]] = None
    summary: str = ""


class _Adam(NativeDense, tf.train.AdamOptimizer):
    def _update_rows(self, grad: tf.IndexedSlices, var: tf.Variable) -> tf.Operation:
        numbers = tf_private.adam_numbers(self)
        m = self.get_slot(var, "m")
        v = self.get_slot(var, "v")
        rate = _bias_corrected(numbers)
        return update.adam(var, m, v, rate, grad, *numbers[1:4], all_rows=True)

    def _update_dense(
            self,
            variables: Sequence[tf.Variable],
            gradients: Sequence[tf.Tensor]) -> tf.Operation:
        numbers = tf_private.adam_numbers(self)
        m = self._slot_of_each(variables, "m")
        v = self._slot_of_each(variables, "v")
        rate = _bias_corrected(numbers)
        return update.adam_dense(variables, m, v, gradients, rate, *numbers[1:4])


def _bias_corrected(numbers: AdamNumbers) -> tf.Tensor:
    """The learning rate with the correction of the moments' bias in it, scalar."""
    corrected = numbers.rate * tf.sqrt(1.0 - numbers.beta2_power)
    return corrected / (1.0 - numbers.beta1_power)


class _Adagrad(NativeDense, tf.train.AdagradOptimizer):
    def _update_rows(self, grad: tf.IndexedSlices, var: tf.Variable) -> tf.Operation:
        accumulator = self.get_slot(var, "accumulator")
        return update.adagrad(var, accumulator, tf_private.adagrad_rate(self), grad)

    def _update_dense(
            self,
            variables: Sequence[tf.Variable],
            gradients: Sequence[tf.Tensor]) -> tf.Operation:
        accumulators = self._slot_of_each(variables, "accumulator")
        rate = tf_private.adagrad_rate(self)
        return update.adagrad_dense(variables, accumulators, gradients, rate)


def _adagrad_slots(width: int) -> Slots:
    return (Slot("Adagrad", width, _ACCUMULATOR),)


class _AdamAsync(NativeRows, AdamAsyncOptimizer):
    def _update_rows(self, grad: tf.IndexedSlices, var: tf.Variable) -> tf.Operation:
        return self.apply_rows_with(update.adam, grad, var)


def _make_adam_async(rate: Rate, _: bool) -> tf.train.Optimizer:
    step = tf.train.get_or_create_global_step()
    return deeprec.own_optimizer("adamasync", rate, step) or _AdamAsync(rate)


class _AdagradDecay(NativeDense, AdagradDecayOptimizer):
    def _update_rows(self, grad: tf.IndexedSlices, var: tf.Variable) -> tf.Operation:
        return self.apply_with(update.adagrad_decay, grad, var)

    def _update_dense(
            self,
            variables: Sequence[tf.Variable],
            gradients: Sequence[tf.Tensor]) -> tf.Operation:
        updates = []
        for variable, gradient in zip(variables, gradients):
            updates.append(self.apply_with(update.adagrad_decay, gradient, variable))
        return tf.group(*updates)


def _make_adagrad_decay(rate: Rate, native: bool) -> tf.train.Optimizer:
    step = tf.train.get_or_create_global_step()
    return deeprec.own_optimizer("adagraddecay", rate, step) or _AdagradDecay(
        rate, step, native=native)


def _adagrad_decay_slots(width: int) -> Slots:
    return (Slot("AdagradDecay", width, _ACCUMULATOR),
            Slot("AdagradDecay_1", 1, 0.0, counts_steps=True))


def _adagrad_decay_update(_: EmbeddingVariable, rate: Rate, step: tf.Tensor) -> Update:
    periods = (step + 1) // _PERIOD
    return Update("adagraddecay", [rate, _DISCOUNT, _ACCUMULATOR, periods])


ENTRIES = (
    Entry(
        name="adam",
        make=lambda rate, native: _Adam(rate, native=native),
        table_rule=table_rules.adam("Adam", skips_empty_steps=False)),
    Entry(
        name="adamasync",
        make=_make_adam_async,
        table_rule=table_rules.adam("AdamAsync", skips_empty_steps=True),
        row_wise=AdamAsyncOptimizer,
        summary="DeepRec's rule: sparse rows alone, powers of each variable"),
    Entry(
        name="adagraddecay",
        make=_make_adagrad_decay,
        table_rule=TableRule(_adagrad_decay_slots, _adagrad_decay_update),
        row_wise=AdagradDecayOptimizer,
        summary="DeepRec's rule: accumulators decay by global step"),
    Entry(
        name="adagrad",
        make=lambda rate, native: _Adagrad(rate, native=native),
        table_rule=TableRule(_adagrad_slots, lambda _, rate, step: Update("adagrad", [rate])),
        row_wise=tf.train.AdagradOptimizer),
    Entry(
        name="gradientdescent",
        make=lambda rate, native: tf.train.GradientDescentOptimizer(rate),
        table_rule=TableRule(
            lambda width: (), lambda _, rate, step: Update("gradientdescent", [rate])),
        row_wise=tf.train.GradientDescentOptimizer),
)

NAMES = tuple(entry.name for entry in ENTRIES)


def entry(name: str) -> Entry:
    """The optimizer of that name.

    Raises:
      ValueError: there is none.
    """
    if name not in NAMES:
        raise ValueError("optimizer must be one of {}. Got: {!r}.".format(", ".join(NAMES), name))
    return ENTRIES[NAMES.index(name)]


def make(name: str, learning_rate: Rate, native: bool = False) -> tf.train.Optimizer:
    """The optimizer of that name with its default settings.

    It is TensorFlow's, DeepRec's where that is installed, or ours.

    Args:
      native: whether native ops may take the place of TensorFlow's where gradients are dense; where
        they come from native lookups, they do.

    Raises:
      ValueError: there is no optimizer of that name.
    """
    return entry(name).make(learning_rate, native)


def moves_named_rows_only(optimizer: tf.train.Optimizer) -> bool:
    """Whether a sparse gradient changes, of a table and its slots, just the rows that it names.

    False also where that is not known, as of DeepRec's own optimizers.
    """
    row_wise = [entry.row_wise for entry in ENTRIES if entry.row_wise]
    return isinstance(optimizer, tuple(row_wise))

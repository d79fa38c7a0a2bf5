"""AdagradDecay: Adagrad whose accumulator is discounted at fixed periods of the global step, as DeepRec defines it.

With k = (global step + 1) // accumulator_decay_step, for a variable, or for each row that a sparse gradient names:

    if k > discounts so far: accumulator <- max(accumulator * accumulator_decay_rate, its initial value), at most once
    accumulator <- accumulator + g^2
    w <- w - learning_rate g / sqrt(accumulator)
"""

from typing import Callable, List, Union

import tensorflow.compat.v1 as tf
from tensorflow.python.ops import variables


class AdagradDecayOptimizer(tf.train.Optimizer):
    """Adagrad that forgets.

    Args:
      learning_rate: scales every change.
      global_step: the step that periods are counted in, an integer variable.
      initial_accumulator_value: where accumulators start, and what no discount goes below.
      accumulator_decay_step: steps of a period.
      accumulator_decay_rate: the discount.

    Raises:
      ValueError: a number out of its range.
    """

    def __init__(self, learning_rate: float, global_step: tf.Variable, initial_accumulator_value: float = 0.1,
                 accumulator_decay_step: int = 100000, accumulator_decay_rate: float = 0.9, use_locking: bool = False,
                 name: str = "AdagradDecay") -> None:
        for what, value in (("initial_accumulator_value", initial_accumulator_value),
                            ("accumulator_decay_step", accumulator_decay_step)):
            if value <= 0:
                raise ValueError("{} must be > 0. Got: {}.".format(what, value))
        if not 0 < accumulator_decay_rate < 1:
            raise ValueError("accumulator_decay_rate must be > 0 and < 1. Got: {}.".format(accumulator_decay_rate))
        super().__init__(use_locking, name)
        self._rate, self._global_step = learning_rate, global_step
        self._initial, self._period, self._discount = (
            initial_accumulator_value, accumulator_decay_step, accumulator_decay_rate)

    def _create_slots(self, var_list: List[tf.Variable]) -> None:
        for variable in var_list:
            self._get_or_make_slot_with_initializer(
                variable, tf.constant_initializer(self._initial), variable.shape, variable.dtype.base_dtype,
                "accumulator", self._name)
            shape = variable.shape[:1].concatenate([1] * (variable.shape.ndims - 1)) if variable.shape.ndims else []
            power = self._get_or_make_slot_with_initializer(
                variable, tf.zeros_initializer(), tf.TensorShape(shape), tf.int64, "accumulator_decay_power",
                self._name)
            info = power._get_save_slice_info()
            if info:  # a slice of a power is as wide as the variable's by default
                ones = [1] * (len(info.full_shape) - 1)
                power._set_save_slice_info(variables.Variable.SaveSliceInfo(
                    info.full_name, info.full_shape[:1] + ones, info.var_offset, info.var_shape[:1] + ones))

    def _periods(self) -> tf.Tensor:
        """How many discounts are due by now, int64 scalar."""
        return (tf.cast(self._global_step, tf.int64) + 1) // self._period

    def _step(self, grad: tf.Tensor, accumulator: tf.Tensor, power: tf.Tensor) -> List[tf.Tensor]:
        """The new accumulator and power, and what is subtracted from the weights."""
        due = self._periods() > power
        discounted = tf.maximum(accumulator * self._discount, self._initial)
        share = tf.cast(due, accumulator.dtype)
        accumulator = share * discounted + (1 - share) * accumulator + grad * grad
        return [accumulator, power + tf.cast(due, tf.int64), self._rate * grad * tf.rsqrt(accumulator)]

    def apply_with(self, kernel: Callable[..., tf.Operation], grad: Union[tf.Tensor, tf.IndexedSlices],
                   var: tf.Variable) -> tf.Operation:
        """Lets a kernel update a variable or distinct rows of it: (variable, accumulator, power, rate, periods,
        gradient, initial, discount) -> operation."""
        return kernel(var, self.get_slot(var, "accumulator"), self.get_slot(var, "accumulator_decay_power"),
                      self._rate, self._periods(), grad, self._initial, self._discount)

    def _apply_dense(self, grad: tf.Tensor, var: tf.Variable) -> tf.Operation:
        slots = [self.get_slot(var, name) for name in ("accumulator", "accumulator_decay_power")]
        accumulator, power, change = self._step(grad, *[tf.identity(slot) for slot in slots])
        return tf.group(slots[0].assign(accumulator, use_locking=self._use_locking),
                        slots[1].assign(power, use_locking=self._use_locking),
                        var.assign_sub(change, use_locking=self._use_locking))

    def _resource_apply_dense(self, grad: tf.Tensor, var: tf.Variable) -> tf.Operation:
        return self._apply_dense(grad, var)

    def _apply_sparse(self, grad: tf.IndexedSlices, var: tf.Variable) -> tf.Operation:
        return self._apply_rows(grad.values, var, grad.indices)

    def _resource_apply_sparse(self, grad: tf.Tensor, handle: tf.Variable, indices: tf.Tensor) -> tf.Operation:
        return self._apply_rows(grad, handle, indices)

    def _apply_rows(self, grad: tf.Tensor, var: tf.Variable, indices: tf.Tensor) -> tf.Operation:
        """Updates the rows of distinct indices [R] with their gradients [R, ...]."""
        slots = [self.get_slot(var, name) for name in ("accumulator", "accumulator_decay_power")]
        accumulator, power, change = self._step(grad, *[tf.gather(slot, indices) for slot in slots])
        return tf.group(tf.scatter_update(slots[0], indices, accumulator, self._use_locking),
                        tf.scatter_update(slots[1], indices, power, self._use_locking),
                        tf.scatter_sub(var, indices, change, self._use_locking))

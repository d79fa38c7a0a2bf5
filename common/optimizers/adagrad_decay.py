"""AdagradDecay: Adagrad whose accumulator is discounted periodically, as DeepRec defines it.

With k = (global step + 1) // accumulator_decay_step, for a variable, or for each row that a sparse
gradient names:

    if k > discounts so far, at most once in a step:
        accumulator <- max(accumulator * accumulator_decay_rate, its initial value)
    accumulator <- accumulator + g^2
    w <- w - learning_rate g / sqrt(accumulator)
"""

from typing import Callable, List, Tuple, Union

import tensorflow.compat.v1 as tf

from common import tf_private

_ACCUMULATOR, _POWER = "accumulator", "accumulator_decay_power"


class AdagradDecayOptimizer(tf.train.Optimizer):
    """Adagrad that forgets.

    Args:
      learning_rate: scales every change; a number, or that of a step, float32 scalar.
      global_step: the step that periods are counted in, an integer variable.
      initial_accumulator_value: where accumulators start, and what no discount goes below.
      accumulator_decay_step: steps of a period.
      accumulator_decay_rate: the discount.

    Raises:
      ValueError: a number out of its range.
    """

    def __init__(
            self,
            learning_rate: Union[float, tf.Tensor],
            global_step: tf.Variable,
            initial_accumulator_value: float = 0.1,
            accumulator_decay_step: int = 100000,
            accumulator_decay_rate: float = 0.9,
            use_locking: bool = False,
            name: str = "AdagradDecay") -> None:
        for what, value in (("initial_accumulator_value", initial_accumulator_value),
                            ("accumulator_decay_step", accumulator_decay_step)):
            if value <= 0:
                raise ValueError("{} must be > 0. Got: {}.".format(what, value))
        if not 0 < accumulator_decay_rate < 1:
            raise ValueError("accumulator_decay_rate must be > 0 and < 1. Got: {}.".format(
                accumulator_decay_rate))
        super().__init__(use_locking, name)
        self._rate = learning_rate
        self._global_step = global_step
        self._initial = initial_accumulator_value
        self._period = accumulator_decay_step
        self._discount = accumulator_decay_rate

    def _create_slots(self, var_list: List[tf.Variable]) -> None:
        for variable in var_list:
            self._get_or_make_slot_with_initializer(
                variable,
                tf.constant_initializer(self._initial),
                variable.shape,
                variable.dtype.base_dtype,
                _ACCUMULATOR,
                self._name)
            power = self._get_or_make_slot_with_initializer(
                variable,
                tf.zeros_initializer(),
                _power_shape(variable),
                tf.int64,
                _POWER,
                self._name)
            _narrow(power)

    def _periods(self) -> tf.Tensor:
        """How many discounts are due by now, int64 scalar."""
        return (tf.cast(self._global_step, tf.int64) + 1) // self._period

    def _state_of(self, variable: tf.Variable) -> Tuple[tf.Variable, tf.Variable]:
        """A variable's accumulator and its power, the number of discounts so far."""
        return self.get_slot(variable, _ACCUMULATOR), self.get_slot(variable, _POWER)

    def _step(self, grad: tf.Tensor, accumulator: tf.Tensor, power: tf.Tensor) -> List[tf.Tensor]:
        """The new accumulator and power, and what is subtracted from the weights."""
        is_due = self._periods() > power
        lower = accumulator * self._discount
        discounted = tf.maximum(lower, self._initial)
        share = tf.cast(is_due, accumulator.dtype)
        undiscounted = (1 - share) * accumulator
        old = share * discounted + undiscounted
        new = old + grad * grad
        new_power = power + tf.cast(is_due, tf.int64)
        change = self._rate * grad * tf.rsqrt(new)
        return [new, new_power, change]

    def apply_with(
            self,
            kernel: Callable[..., tf.Operation],
            grad: Union[tf.Tensor, tf.IndexedSlices],
            var: tf.Variable) -> tf.Operation:
        """Lets a kernel update a variable or distinct rows of it.

        Args:
          kernel: (variable, accumulator, power, rate, periods, gradient, initial, discount) ->
            operation.
        """
        accumulator, power = self._state_of(var)
        return kernel(
            var,
            accumulator,
            power,
            self._rate,
            self._periods(),
            grad,
            self._initial,
            self._discount)

    def _apply_dense(self, grad: tf.Tensor, var: tf.Variable) -> tf.Operation:
        accumulator, power = self._state_of(var)
        new_accumulator, new_power, change = self._step(
            grad, tf.identity(accumulator), tf.identity(power))
        locks = self._use_locking
        return tf.group(
            accumulator.assign(new_accumulator, use_locking=locks),
            power.assign(new_power, use_locking=locks),
            var.assign_sub(change, use_locking=locks))

    def _resource_apply_dense(self, grad: tf.Tensor, var: tf.Variable) -> tf.Operation:
        return self._apply_dense(grad, var)

    def _apply_sparse(self, grad: tf.IndexedSlices, var: tf.Variable) -> tf.Operation:
        return self._apply_rows(grad.values, var, grad.indices)

    def _resource_apply_sparse(
            self,
            grad: tf.Tensor,
            handle: tf.Variable,
            indices: tf.Tensor) -> tf.Operation:
        return self._apply_rows(grad, handle, indices)

    def _apply_rows(self, grad: tf.Tensor, var: tf.Variable, indices: tf.Tensor) -> tf.Operation:
        """Updates the rows of distinct indices [R] with their gradients [R, ...]."""
        accumulator, power = self._state_of(var)
        old_accumulator = tf.gather(accumulator, indices)
        old_power = tf.gather(power, indices)
        new_accumulator, new_power, change = self._step(grad, old_accumulator, old_power)
        locks = self._use_locking
        return tf.group(
            tf.scatter_update(accumulator, indices, new_accumulator, locks),
            tf.scatter_update(power, indices, new_power, locks),
            tf.scatter_sub(var, indices, change, locks))


def _power_shape(variable: tf.Variable) -> tf.TensorShape:
    """One power for each row of a variable [V, ...]: [V, 1, ...]; one for a scalar."""
    rank = variable.shape.ndims
    if not rank:
        return tf.TensorShape([])
    ones = [1] * (rank - 1)
    return variable.shape[:1].concatenate(ones)


def _narrow(power: tf.Variable) -> None:
    """Tells savers how wide a slice of a power is: TensorFlow gives it its variable's width."""
    place = tf_private.slice_of(power)
    if place:
        rank = len(place.full_shape)
        ones = [1] * (rank - 1)
        full_shape = place.full_shape[:1] + ones
        shape = place.shape[:1] + ones
        narrow = place._replace(full_shape=full_shape, shape=shape)
        tf_private.set_slice(power, narrow)

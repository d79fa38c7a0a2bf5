"""Updates of variables in native ops: of the rows that a sparse gradient names, each once, or of all numbers."""

from typing import List, Sequence, Tuple, Union

import tensorflow.compat.v1 as tf

from common.kernels import native


def serves(variable: tf.Variable) -> bool:
    """Whether native ops can update a variable: they are there, and it is a plain one of this process."""
    return (native.load().ops is not None and variable.dtype.base_dtype == tf.float32
            and "/job:ps" not in variable.device and variable.dtype._is_ref_dtype)


def adagrad(table: tf.Variable, accumulator: tf.Variable, rate: tf.Tensor, slices: tf.IndexedSlices) -> tf.Operation:
    """accumulator += g^2, table -= rate g / sqrt(accumulator) at the rows of slices: tables [V, D], rate a scalar.

    Raises:
      tf.errors.InvalidArgumentError: at run time: a row is outside of the table.
    """
    return native.load().ops.zoo_adagrad_rows(
        table._ref(), accumulator._ref(), rate, tf.cast(slices.indices, tf.int32), slices.values).op


def adam(table: tf.Variable, m: tf.Variable, v: tf.Variable, rate: tf.Tensor, slices: tf.IndexedSlices, beta1: float,
         beta2: float, epsilon: float, all_rows: bool = False) -> tf.Operation:
    """Adam's update at the rows of slices, with a rate, scalar, that has the correction of the bias in it.

    Args:
      all_rows: update all rows, with a gradient of 0 where slices name none, as tf.train.AdamOptimizer does.

    Raises:
      tf.errors.InvalidArgumentError: at run time: a row is outside of the table.
    """
    return native.load().ops.zoo_adam(
        table._ref(), m._ref(), v._ref(), rate, tf.cast(slices.indices, tf.int32), slices.values, beta1=beta1,
        beta2=beta2, epsilon=epsilon, all_rows=all_rows).op


def adagrad_dense(variables: Sequence[tf.Variable], accumulators: Sequence[tf.Variable], gradients: Sequence[tf.Tensor],
                  rate: tf.Tensor) -> tf.Operation:
    """Adagrad's update of variables by gradients of their shapes, all in one op; rate is a scalar.

    Raises:
      tf.errors.InvalidArgumentError: at run time: shapes differ.
    """
    return native.load().ops.zoo_adagrad_dense(_refs(variables), _refs(accumulators), gradients, rate)


def adam_dense(variables: Sequence[tf.Variable], m: Sequence[tf.Variable], v: Sequence[tf.Variable],
               gradients: Sequence[tf.Tensor], rate: tf.Tensor, beta1: float, beta2: float,
               epsilon: float) -> tf.Operation:
    """Adam's update of variables by gradients of their shapes, all in one op, with a rate as `adam` takes it.

    Raises:
      tf.errors.InvalidArgumentError: at run time: shapes differ.
    """
    return native.load().ops.zoo_adam_dense(_refs(variables), _refs(m), _refs(v), gradients, rate, beta1=beta1,
                                            beta2=beta2, epsilon=epsilon)


def moving_averages(averages: Sequence[tf.Variable], values: Sequence[tf.Tensor], rate: float) -> tf.Operation:
    """Moves averages towards values of their shapes by a share of what is between them, all in one op.

    Raises:
      tf.errors.InvalidArgumentError: at run time: shapes differ.
    """
    return native.load().ops.zoo_moving_average(_refs(averages), values, rate)


def moves(operation: tf.Operation) -> List[Tuple[tf.Tensor, tf.Tensor]]:
    """The averages that an operation of moving_averages moves, and what it subtracts from each."""
    count = operation.get_attr("N")
    averages, values, rate = operation.inputs[:count], operation.inputs[count:-1], operation.inputs[-1]
    return [(average, rate * (average - value)) for average, value in zip(averages, values)]


def adagrad_decay(variable: tf.Variable, accumulator: tf.Variable, power: tf.Variable, rate: float, periods: tf.Tensor,
                  gradient: Union[tf.Tensor, tf.IndexedSlices], initial: float, discount: float) -> tf.Operation:
    """AdagradDecay's update of a variable [V, ...] by a gradient of its shape or of some rows.

    common.optimizers.adagrad_decay has the rule.

    Args:
      power: discounts so far of each row, int64, V of them; 1 of a scalar.
      periods: discounts due by now, int64 scalar.

    Raises:
      tf.errors.InvalidArgumentError: at run time: a row is outside of the variable, or shapes do not fit.
    """
    sparse = isinstance(gradient, tf.IndexedSlices)
    rows = tf.cast(gradient.indices, tf.int32) if sparse else tf.zeros([0], tf.int32)
    return native.load().ops.zoo_adagrad_decay(
        variable._ref(), accumulator._ref(), power._ref(), rate, periods, rows,
        gradient.values if sparse else gradient, initial=initial, discount=discount, all_rows=not sparse).op


def _refs(variables: Sequence[tf.Variable]) -> List[tf.Tensor]:
    return [variable._ref() for variable in variables]

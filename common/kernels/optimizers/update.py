"""Updates of variables in native ops: of the rows that a sparse gradient names, or of all numbers.

Rules of updates are written once, in rules.h, for these ops and for embedding variables.
"""

from typing import List, Sequence, Tuple, Union

import tensorflow.compat.v1 as tf

from common import tf_private
from common.kernels import native

Tensors = Sequence[tf.Tensor]
Variables = Sequence[tf.Variable]
Rate = Union[float, tf.Tensor]


def serves(variable: tf.Variable) -> bool:
    """Whether native ops can update a variable: a plain one of this process, of float32.

    The ops change it through its reference, which a resource variable does not have.
    """
    is_local = "/job:ps" not in variable.device
    is_float = variable.dtype.base_dtype == tf.float32
    has_ops = native.load().ops is not None
    return has_ops and is_local and is_float and tf_private.is_reference(variable)


def adagrad(table: tf.Variable, accumulator: tf.Variable, rate: tf.Tensor,
            slices: tf.IndexedSlices) -> tf.Operation:
    """Adagrad's update at the rows of slices: accumulator += g^2, table -= rate g / sqrt of it.

    Args:
      table, accumulator: float32 [V, D].
      rate: a scalar.
      slices: of the gradient; each row once.

    Raises:
      tf.errors.InvalidArgumentError: at run time: a row is outside of the table.
    """
    rows = tf.cast(slices.indices, tf.int32)
    return native.load().ops.zoo_adagrad_rows(
        *_refs([table, accumulator]), rate, rows, slices.values).op


def adam(table: tf.Variable, m: tf.Variable, v: tf.Variable, rate: tf.Tensor,
         slices: tf.IndexedSlices, beta1: float, beta2: float, epsilon: float,
         all_rows: bool = False) -> tf.Operation:
    """Adam's update at the rows of slices.

    Args:
      rate: a scalar, with the correction of the bias in it.
      slices: of the gradient; each row once.
      all_rows: whether the other rows are updated too, with a gradient of 0, as by
        tf.train.AdamOptimizer.

    Raises:
      tf.errors.InvalidArgumentError: at run time: a row is outside of the table.
    """
    rows = tf.cast(slices.indices, tf.int32)
    return native.load().ops.zoo_adam(
        *_refs([table, m, v]), rate, rows, slices.values, beta1=beta1, beta2=beta2,
        epsilon=epsilon, all_rows=all_rows).op


def adagrad_dense(variables: Variables, accumulators: Variables, gradients: Tensors,
                  rate: tf.Tensor) -> tf.Operation:
    """Adagrad's update of variables by gradients of their shapes, all in one op.

    Args:
      rate: a scalar.

    Raises:
      tf.errors.InvalidArgumentError: at run time: shapes differ.
    """
    refs = _refs(variables)
    return native.load().ops.zoo_adagrad_dense(refs, _refs(accumulators), gradients, rate)


def adam_dense(variables: Variables, m: Variables, v: Variables, gradients: Tensors,
               rate: tf.Tensor, beta1: float, beta2: float, epsilon: float) -> tf.Operation:
    """Adam's update of variables by gradients of their shapes, all in one op.

    Args:
      rate: a scalar, with the correction of the bias in it.

    Raises:
      tf.errors.InvalidArgumentError: at run time: shapes differ.
    """
    refs = _refs(variables)
    return native.load().ops.zoo_adam_dense(
        refs, _refs(m), _refs(v), gradients, rate, beta1=beta1, beta2=beta2, epsilon=epsilon)


def moving_averages(averages: Variables, values: Tensors, rate: float) -> tf.Operation:
    """Moves each average towards its value by a share of the difference, all in one op.

    Args:
      values: of the averages' shapes.
      rate: the share.

    Raises:
      tf.errors.InvalidArgumentError: at run time: shapes differ.
    """
    return native.load().ops.zoo_moving_average(_refs(averages), values, rate)


def moves(operation: tf.Operation) -> List[Tuple[tf.Tensor, tf.Tensor]]:
    """The averages that an operation of moving_averages moves, and what it subtracts from each."""
    *inputs, rate = operation.inputs
    size = operation.get_attr("N")
    pairs = zip(inputs[:size], inputs[size:])
    return [(average, rate * (average - value)) for average, value in pairs]


def adagrad_decay(variable: tf.Variable, accumulator: tf.Variable, power: tf.Variable, rate: Rate,
                  periods: tf.Tensor, gradient: Union[tf.Tensor, tf.IndexedSlices], initial: float,
                  discount: float) -> tf.Operation:
    """AdagradDecay's update of a variable [V, ...] by a gradient of its shape or of some rows.

    common.optimizers.adagrad_decay describes the rule.

    Args:
      power: discounts so far of each row, int64, V of them; 1 of a scalar.
      periods: discounts due by now, int64 scalar.
      initial: the accumulator's initial value.

    Raises:
      tf.errors.InvalidArgumentError: at run time: a row is outside of the variable, or shapes do
        not fit.
    """
    is_sparse = isinstance(gradient, tf.IndexedSlices)
    rows, values = tf.zeros([0], tf.int32), gradient
    if is_sparse:
        rows, values = tf.cast(gradient.indices, tf.int32), gradient.values
    refs = _refs([variable, accumulator, power])
    return native.load().ops.zoo_adagrad_decay(
        *refs, rate, periods, rows, values, initial=initial, discount=discount,
        all_rows=not is_sparse).op


def _refs(variables: Variables) -> List[tf.Tensor]:
    return [tf_private.reference(variable) for variable in variables]

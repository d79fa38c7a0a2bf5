"""Updates of a table by a sparse gradient that names rows, each once, in native ops."""

import tensorflow.compat.v1 as tf

from common.kernels import native


def serves(variable: tf.Variable) -> bool:
    """Whether native ops can update a table: they are there, and the table is a plain variable of this process."""
    return (native.load().ops is not None and variable.dtype.base_dtype == tf.float32 and variable.shape.ndims == 2
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

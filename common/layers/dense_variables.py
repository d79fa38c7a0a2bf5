"""The variables of a dense layer: the same in every mode, as tf.layers.dense makes them."""

from typing import Callable, Optional, Tuple

import tensorflow.compat.v1 as tf

from common.layers import initializers
from common.layers.config import Dense


def dense_variables(
        width: int,
        units: int,
        name: str,
        config: Dense,
        bias: float = 0.0,
        dtype: tf.DType = tf.float32,
) -> Tuple[tf.Tensor, tf.Tensor]:
    """The kernel [width, units] and the bias [units] of a dense layer.

    Args:
      bias: its initial value.
    """
    kernel_initializer = glorot_of(name)
    bias_initializer = tf.constant_initializer(bias)
    with tf.variable_scope(name, partitioner=config.partitioner):
        kernel = tf.get_variable(
            "kernel", [width, units], dtype,
            initializer=kernel_initializer, regularizer=regularizer(config))
        offset = tf.get_variable("bias", [units], dtype, initializer=bias_initializer)
        # As tensors, since native ops do not take variables in slices.
        return tf.convert_to_tensor(kernel), tf.convert_to_tensor(offset)


def glorot_of(name: str) -> initializers.Initializer:
    """The initializer of the kernel of the layer of that name in the current variable scope."""
    scope = tf.get_variable_scope().name
    full_name = "/".join(filter(None, [scope, name]))
    return initializers.glorot_uniform(full_name)


def regularizer(config: Dense) -> Optional[Callable]:
    """What adds l2 * sum(kernel ** 2) / 2 to the loss, None for nothing."""
    return tf.keras.regularizers.l2(config.l2 / 2) if config.l2 else None

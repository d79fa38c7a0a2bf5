"""Optimizers by name, as the flags call them."""

import tensorflow.compat.v1 as tf

NAMES = ("adagrad", "adam", "gradientdescent")


def make(name: str, learning_rate: float) -> tf.train.Optimizer:
    """TensorFlow's own optimizer of that name with its default settings.

    Raises:
      ValueError: there is no optimizer of that name.
    """
    if name == "adagrad":
        return tf.train.AdagradOptimizer(learning_rate)
    if name == "adam":
        return tf.train.AdamOptimizer(learning_rate)
    if name == "gradientdescent":
        return tf.train.GradientDescentOptimizer(learning_rate)
    raise ValueError("optimizer must be one of {}. Got: {!r}.".format(", ".join(NAMES), name))

"""Optimizers by name, as the flags call them."""

import tensorflow.compat.v1 as tf

from common import deeprec
from common.adagrad_decay import AdagradDecayOptimizer
from common.adam_async import AdamAsyncOptimizer

NAMES = ("adam", "adamasync", "adagraddecay", "adagrad", "gradientdescent")


def make(name: str, learning_rate: float) -> tf.train.Optimizer:
    """The optimizer of that name with its default settings: TensorFlow's, DeepRec's where it is installed, or ours.

    Raises:
      ValueError: there is no optimizer of that name.
    """
    if name == "adam":
        return tf.train.AdamOptimizer(learning_rate)
    if name == "adagrad":
        return tf.train.AdagradOptimizer(learning_rate)
    if name == "gradientdescent":
        return tf.train.GradientDescentOptimizer(learning_rate)
    step = tf.train.get_or_create_global_step()
    if name == "adamasync":
        return deeprec.own_optimizer(name, learning_rate, step) or AdamAsyncOptimizer(learning_rate)
    if name == "adagraddecay":
        return deeprec.own_optimizer(name, learning_rate, step) or AdagradDecayOptimizer(learning_rate, step)
    raise ValueError("optimizer must be one of {}. Got: {!r}.".format(", ".join(NAMES), name))

"""Steps of a graph without a model, for tests of what sees them."""

from typing import Callable, List

import numpy as np
import tensorflow.compat.v1 as tf

from common.callbacks.callback import Callback, Hooks, Tensors

MakeHooks = Callable[[tf.Tensor, tf.Tensor], Hooks]


def train(make_hooks: MakeHooks, losses: List[float]) -> int:
    """Runs a step for each loss, with the hooks of make_hooks(loss, rows); returns the last
    step.
    """
    with tf.Graph().as_default():
        step = tf.train.get_or_create_global_step()
        value = tf.data.make_one_shot_iterator(tf.data.Dataset.from_tensor_slices(
            np.array(losses, np.float32))).get_next()
        rows = tf.constant([4, 7], tf.int64)
        added = make_hooks(value, rows)
        with tf.control_dependencies([value]):
            train_op = tf.assign_add(step, 1)
        with tf.train.MonitoredTrainingSession(hooks=added) as session:
            while not session.should_stop():
                last = session.run(train_op)
    return last


def train_with(callback: Callback, losses: List[float], features: Tensors) -> int:
    """Runs a step for each loss with the hooks of a callback, which changes the spec before."""
    def make(loss: tf.Tensor, rows: tf.Tensor) -> Hooks:
        mode = tf.estimator.ModeKeys.TRAIN
        spec = tf.estimator.EstimatorSpec(mode, loss=loss, train_op=tf.no_op())
        spec = callback.change(spec, features, mode)
        return callback.first_hooks() + callback.hooks(spec)

    return train(make, losses)


class FakeTrainer:
    """What a callback may ask of a trainer, answered without a run; attributes are set by tests.

    Attributes:
      calls: what the callback has asked for, in order.
    """

    def __init__(self, **attributes: object) -> None:
        self.calls: List[tuple] = []
        self.__dict__.update(attributes)

    def __getattr__(self, name: str) -> Callable[..., None]:
        if name.startswith("_"):
            raise AttributeError(name)

        def note(*args: object) -> None:
            self.calls.append((name, *args))

        return note

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from common import optimizers
from common.kernels import native as kernels


@pytest.mark.parametrize("native", [False, True])
@pytest.mark.parametrize("name, expected", [
    ("gradientdescent", 1 - 0.5 * 2.0), ("adagrad", 1 - 0.5 * 2.0 / np.sqrt(0.1 + 4.0)), ("adam", 1 - 0.5),
    ("adamasync", 1 - 0.5), ("adagraddecay", 1 - 0.5 * 2.0 / np.sqrt(0.1 + 4.0))])
def test_first_step_of_each(name: str, expected: float, native: bool) -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.get_variable("x", initializer=1.0)
        step = optimizers.make(name, 0.5, native).minimize(x ** 2)
        session.run(tf.global_variables_initializer())
        session.run(step)
        assert session.run(x) == pytest.approx(expected, abs=1e-5)


def test_unknown_name() -> None:
    with pytest.raises(ValueError, match="optimizer must be one of adam, adamasync, adagraddecay, adagrad, "
                                         "gradientdescent. Got: 'sgd'"):
        optimizers.make("sgd", 0.1)


@pytest.mark.parametrize("native", [False, pytest.param(True, marks=pytest.mark.skipif(
    kernels.load().ops is None, reason=kernels.load().reason))])
def test_native_ops_update_dense_variables_only_where_they_may(native: bool) -> None:
    with tf.Graph().as_default() as graph:
        x = tf.get_variable("x", [4, 3])
        optimizers.make("adagraddecay", 0.5, native).minimize(tf.reduce_sum(x ** 2))
        assert native == any(op.type == "ZooAdagradDecay" for op in graph.get_operations())

from typing import List

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from common.kernels import native as kernels
from common.optimizers import catalog


@pytest.mark.parametrize("native", [False, True])
@pytest.mark.parametrize("name, expected", [("gradientdescent", 1 - 0.5 * 2.0),
                                            ("adagrad", 1 - 0.5 * 2.0 / np.sqrt(0.1 + 4.0)),
                                            ("adam", 1 - 0.5), ("adamasync", 1 - 0.5),
                                            ("adagraddecay", 1 - 0.5 * 2.0 / np.sqrt(0.1 + 4.0))])
def test_first_step_of_each(name: str, expected: float, native: bool) -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.get_variable("x", initializer=1.0)
        step = catalog.make(name, 0.5, native).minimize(x ** 2)
        session.run(tf.global_variables_initializer())
        session.run(step)
        assert session.run(x) == pytest.approx(expected, abs=1e-5)


def test_unknown_name() -> None:
    with pytest.raises(ValueError,
                       match="optimizer must be one of adam, adamasync, adagraddecay, adagrad, "
                       "gradientdescent. Got: 'sgd'"):
        catalog.make("sgd", 0.1)


NEEDS_OPS = pytest.mark.skipif(kernels.load().ops is None, reason=kernels.load().reason)


@pytest.mark.parametrize("native", [False, pytest.param(True, marks=NEEDS_OPS)])
@pytest.mark.parametrize("name, op_type", [
    ("adagrad", "ZooAdagradDense"), ("adam", "ZooAdamDense"), ("adagraddecay", "ZooAdagradDecay")])
def test_native_ops_update_dense_variables_only_where_they_may(name: str, op_type: str,
                                                               native: bool) -> None:
    with tf.Graph().as_default() as graph:
        x = tf.get_variable("x", [4, 3])
        with tf.device("/job:ps/task:0"):
            remote = tf.get_variable("remote", [4, 3])
        catalog.make(name, 0.5, native).minimize(tf.reduce_sum((x + remote) ** 2))
        updated = [
            tensor.op for op in graph.get_operations() if op.type == op_type for tensor in op.inputs
        ]
        assert (x.op in updated) == native and remote.op not in updated


@NEEDS_OPS
@pytest.mark.parametrize("name", ["adagrad", "adam", "adagraddecay"])
def test_constraints_hold_and_resource_variables_are_trained(name: str) -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        kept = tf.get_variable("kept", initializer=1.0, constraint=lambda x: tf.maximum(x, 0.75))
        resource = tf.get_variable("resource", initializer=1.0, use_resource=True)
        step = catalog.make(name, 0.5, True).minimize(kept ** 2 + resource ** 2)
        session.run(tf.global_variables_initializer())
        session.run(step)
        assert session.run(kept) == 0.75 and session.run(resource) < 0.6


@NEEDS_OPS
@pytest.mark.parametrize("name", ["adagrad", "adam"])
@pytest.mark.parametrize("shapes",
                         [[[]], [[1], [0, 3], [7, 3]], [[16383], [16384], [16385], [200, 400], []]])
def test_one_op_updates_variables_as_one_op_each(name: str, shapes: List[List[int]]) -> None:
    def trained(native: bool) -> List[np.ndarray]:
        rng = np.random.default_rng(3)
        with tf.Graph().as_default(), tf.Session() as session:
            weights = [
                tf.get_variable("w{}".format(i),
                                initializer=rng.standard_normal(shape).astype(np.float32))
                for i, shape in enumerate(shapes)
            ]
            loss = tf.add_n([tf.reduce_sum((weight - 3.0) ** 4) for weight in weights])
            step = tf.train.get_or_create_global_step()
            train = catalog.make(name, 0.1, native).minimize(loss, step)
            session.run(tf.global_variables_initializer())
            for _ in range(4):
                session.run(train)
            return session.run(tf.global_variables())

    for ours, theirs in zip(trained(True), trained(False)):
        np.testing.assert_allclose(ours, theirs, rtol=2e-5, atol=1e-6)

from typing import List

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from common.kernels import native, norm

EPSILON = 1e-3


def run(batch: int, widths: List[int], relu: bool, fused: bool, threads: int = 0) -> List[np.ndarray]:
    """Outputs, statistics and gradients of normalisations of random inputs."""
    rng = np.random.default_rng(batch)
    config = tf.ConfigProto(intra_op_parallelism_threads=threads, use_per_session_threads=True)
    with tf.Graph().as_default(), tf.Session(config=config) as session:
        inputs = [tf.constant(rng.normal(3, 2, [batch, h]), tf.float32) for h in widths]
        gammas, betas = [[tf.constant(rng.standard_normal(h), tf.float32) for h in widths] for _ in range(2)]
        upstream = [tf.constant(rng.standard_normal([batch, h]), tf.float32) for h in widths]
        if fused:
            outputs, means, variances = norm.normalise(inputs, gammas, betas, EPSILON, relu)
        else:
            means, variances = zip(*[tf.nn.moments(x, [0]) for x in inputs])
            outputs = [tf.nn.batch_normalization(x, m, v, b, g, EPSILON)
                       for x, m, v, b, g in zip(inputs, means, variances, betas, gammas)]
            outputs = [tf.nn.relu(y) for y in outputs] if relu else outputs
        gradients = tf.gradients(outputs, inputs + gammas + betas, upstream)
        return session.run(list(outputs) + list(means) + list(variances) + gradients)


@pytest.mark.parametrize("batch", [1, 2, 7, 512])
@pytest.mark.parametrize("widths", [[1], [3, 64], [65, 130, 7]])
@pytest.mark.parametrize("relu", [False, True])
def test_is_what_tensorflows_ops_compute(batch: int, widths: List[int], relu: bool) -> None:
    for ours, theirs in zip(*[run(batch, widths, relu, fused) for fused in (True, False)]):
        assert ours.shape == theirs.shape
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-3 if batch > 1 else 0.3)


def test_the_number_of_threads_changes_nothing() -> None:
    one, *others = [run(300, [600, 64, 1], True, True, threads) for threads in (1, 2, 3, 16)]
    for other in others:
        for ours, theirs in zip(one, other):
            np.testing.assert_array_equal(ours, theirs)


def test_an_empty_batch_gives_empty_outputs() -> None:
    assert run(0, [3], True, True)[0].shape == (0, 3)


@pytest.mark.parametrize("shapes, message", [
    (([2], [2], [2]), r"x must be \[B, H\]. Got: \[2\]"),
    (([2, 3], [2], [3]), r"gamma must be of shape \[3\]. Got: \[2\]"),
    (([2, 3], [3], [4]), r"beta must be of shape \[3\]. Got: \[4\]"),
])
def test_inputs_that_do_not_fit(shapes: tuple, message: str) -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        x, gamma, beta = [tf.placeholder_with_default(tf.ones(shape), None) for shape in shapes]
        with pytest.raises(tf.errors.InvalidArgumentError, match=message):
            session.run(norm.normalise([x], [gamma], [beta], EPSILON, True)[0])


def test_epsilon_is_not_negative() -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        with pytest.raises(tf.errors.InvalidArgumentError, match="epsilon must be >= 0. Got: -1"):
            session.run(norm.normalise([tf.ones([2, 3])], [tf.ones([3])], [tf.ones([3])], -1.0, True)[0])


def test_gradients_that_do_not_fit() -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        matrix, vector = tf.ones([2, 3]), tf.ones([3])
        made = native.load().ops.zoo_norm_grad(
            x=[matrix], gamma=[vector], mean=[vector], variance=[vector], beta=[vector], dy=[tf.ones([3, 3])],
            epsilon=EPSILON, relu=True)
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"dy must be of shape \[2,3\]. Got: \[3,3\]"):
            session.run(made.dx)

from typing import Dict, List

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from common import layers
from common.kernels import native
from common.kernels.layers import norm

EPSILON = 1e-3


def run(batch: int, widths: List[int], relu: bool, fused: bool,
        shared: bool = False) -> List[np.ndarray]:
    """Outputs, statistics and gradients of normalisations of random inputs; with shared, the
    gradients of the outputs.

    Only where nobody else takes these, those of the inputs can be computed in their place.
    """
    rng = np.random.default_rng(batch)
    fed: Dict[tf.Tensor, np.ndarray] = {}

    def feed(values: np.ndarray) -> tf.Tensor:
        fed[tf.placeholder(tf.float32, values.shape)] = values
        return list(fed)[-1]

    with tf.Graph().as_default(), tf.Session() as session:
        inputs = [feed(rng.normal(3, 2, [batch, h])) for h in widths]
        gammas, betas = [[feed(rng.standard_normal(h)) for h in widths] for _ in range(2)]
        upstream = [2.0 * feed(rng.standard_normal([batch, h])) for h in widths]
        if fused:
            outputs, means, variances = norm.normalise(inputs, gammas, betas, EPSILON, relu)
        else:
            means, variances = zip(*[tf.nn.moments(x, [0]) for x in inputs])
            outputs = [tf.nn.batch_normalization(x, m, v, b, g, EPSILON)
                       for x, m, v, b, g in zip(inputs, means, variances, betas, gammas)]
            outputs = [tf.nn.relu(y) for y in outputs] if relu else outputs
        gradients = tf.gradients(outputs, inputs + gammas + betas, upstream)
        return session.run(
            [*outputs, *means, *variances, *gradients, *(upstream if shared else [])], fed)


@pytest.mark.parametrize("batch", [1, 2, 7, 512])
@pytest.mark.parametrize("widths", [[1], [3, 64], [65, 130, 7], [600]])
@pytest.mark.parametrize("relu", [False, True])
def test_is_what_tensorflows_ops_compute(batch: int, widths: List[int], relu: bool) -> None:
    for ours, theirs in zip(*[run(batch, widths, relu, fused) for fused in (True, False)]):
        assert ours.shape == theirs.shape
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-3 if batch > 1 else 0.3)


def test_gradients_that_others_take_too_are_left_as_they_are() -> None:
    alone, (*together, upstream) = run(9, [70], True, True), run(9, [70], True, True, shared=True)
    for ours, theirs in zip(alone, together):
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(upstream, run(9, [70], True, False, shared=True)[-1])


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("batch", [0, 1, 300])
def test_outputs_are_made_as_bfloat16_too(batch: int, relu: bool) -> None:
    widths, rng = [65, 130, 7], np.random.default_rng(batch)
    with tf.Graph().as_default(), tf.Session() as session:
        inputs = [tf.constant(rng.normal(3, 2, [batch, h]), tf.float32) for h in widths]
        gammas, betas = [[tf.constant(rng.standard_normal(h), tf.float32)
                          for h in widths]
                         for _ in range(2)]
        plain, made = [norm.normalise(inputs, gammas, betas, EPSILON, relu, shortened)[0]
                       for shortened in (False, True)]
        shortened = made[0].op.outputs[3 * len(widths):]
        gradients = [tf.gradients(outputs, inputs + gammas + betas) for outputs in (plain, made)]
        for pair in zip(*session.run([list(plain) + gradients[0], list(made) + gradients[1]])):
            np.testing.assert_array_equal(*pair)
        for pair in zip(*session.run([[tf.cast(y, tf.float32) for y in shortened],
                                      [layers.round_to_bf16(y) for y in plain]])):
            np.testing.assert_array_equal(*pair)


def test_as_many_outputs_as_inputs_are_made_as_bfloat16() -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        made = native.load().ops.zoo_norm(x=[tf.ones([2, 3])], gamma=[tf.ones([3])],
                                          beta=[tf.ones([3])], epsilon=EPSILON, relu=True,
                                          outputs_shortened=2)
        with pytest.raises(tf.errors.InvalidArgumentError,
                           match="there must be 1 tensors of y_shortened. Got: 2"):
            session.run(made)


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
            session.run(
                norm.normalise([tf.ones([2, 3])], [tf.ones([3])], [tf.ones([3])], -1.0, True)[0])


def test_gradients_that_do_not_fit() -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        matrix, vector = tf.ones([2, 3]), tf.ones([3])
        made = native.load().ops.zoo_norm_grad(x=[matrix], gamma=[vector], mean=[vector],
                                               variance=[vector], beta=[vector],
                                               dy=[tf.ones([3, 3])], epsilon=EPSILON, relu=True)
        with pytest.raises(tf.errors.InvalidArgumentError,
                           match=r"dy must be of shape \[2,3\]. Got: \[3,3\]"):
            session.run(made.dx)

from typing import List

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from common.kernels import native
from common.kernels.layers import dice

pytestmark = pytest.mark.skipif(native.load().ops is None, reason=native.load().reason)


@pytest.mark.parametrize("batch, width", [(0, 3), (1, 1), (7, 5), (64, 16), (300, 200), (130, 33)])
def test_is_what_tensorflows_ops_compute(batch: int, width: int) -> None:
    rng = np.random.default_rng(batch)
    with tf.Graph().as_default(), tf.Session() as session:
        x, z, dy = [
            tf.constant(3 * rng.standard_normal([batch, width]), tf.float32) for _ in range(3)
        ]
        alpha = tf.constant(rng.standard_normal(width), tf.float32)
        share = tf.sigmoid(z)
        by_hand = (share + (1 - share) * alpha) * x
        results = [
            session.run([y] + tf.gradients(y, [x, z, alpha], dy))
            for y in (dice.dice(x, z, alpha), by_hand)
        ]
    for ours, theirs in zip(*results):
        assert ours.shape == theirs.shape
        np.testing.assert_allclose(ours,
                                   theirs,
                                   rtol=1e-4,
                                   atol=1e-5 * max(1.0,
                                                   np.abs(theirs).max(initial=0.0)))


@pytest.mark.parametrize("shapes, message", [
    (([4], [4], [4]), r"x must be \[B, H\]. Got: \[4\]"),
    (([2, 4], [2, 4], [3]), r"alpha must be of shape \[4\]. Got: \[3\]"),
    (([2, 4], [3, 4], [4]), r"z must be of shape \[2,4\]. Got: \[3,4\]"),
])
def test_inputs_that_do_not_fit(shapes: List[List[int]], message: str) -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        values = [tf.placeholder_with_default(tf.ones(shape), None) for shape in shapes]
        with pytest.raises(tf.errors.InvalidArgumentError, match=message):
            session.run(dice.dice(*values))


@pytest.mark.parametrize("shapes, message", [
    (([4], [4], [4], [4]), r"x must be \[B, H\]. Got: \[4\]"),
    (([2, 4], [3], [2, 4], [2, 4]), r"alpha must be of shape \[4\]. Got: \[3\]"),
    (([2, 4], [4], [2, 3], [2, 4]), r"share must be of shape \[2,4\]. Got: \[2,3\]"),
    (([2, 4], [4], [2, 4], [4, 2]), r"dy must be of shape \[2,4\]. Got: \[4,2\]"),
])
def test_gradients_that_do_not_fit(shapes: List[List[int]], message: str) -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        x, alpha, share, dy = [tf.ones(shape) for shape in shapes]
        with pytest.raises(tf.errors.InvalidArgumentError, match=message):
            session.run(native.load().ops.zoo_dice_grad(x=x, alpha=alpha, share=share, dy=dy))

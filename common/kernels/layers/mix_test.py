from typing import List

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from common.kernels import native
from common.kernels.layers import mix


def run(batch: int, width: int, members: List[List[int]], fused: bool) -> List[np.ndarray]:
    """Outputs and gradients of mixtures of random experts."""
    rng = np.random.default_rng(batch + width)

    def random(*shape: int) -> tf.Tensor:
        return tf.constant(rng.standard_normal(shape), tf.float32)

    with tf.Graph().as_default(), tf.Session() as session:
        experts = [
            random(batch, width) for _ in range(1 + max(max(indices) for indices in members))
        ]
        logits = [20 * random(batch, len(indices)) for indices in members]
        if fused:
            outputs = mix.mix(experts, logits, members)
        else:
            outputs = [
                tf.einsum("be,beh->bh", tf.nn.softmax(gate),
                          tf.stack([experts[i]
                                    for i in indices], axis=1))
                for gate, indices in zip(logits, members)
            ]
        upstream = [random(batch, width) for _ in members]
        return session.run(list(outputs) + tf.gradients(outputs, experts + logits, upstream))


@pytest.mark.parametrize("batch, width", [(0, 3), (1, 1), (7, 64), (130, 13)])
@pytest.mark.parametrize("members",
                         [[[0]], [[0, 1], [1, 0]], [[0, 1, 4], [2, 3, 4], [0, 1, 2, 3, 4]]])
def test_is_what_tensorflows_ops_compute(batch: int, width: int, members: List[List[int]]) -> None:
    for ours, theirs in zip(*[run(batch, width, members, fused) for fused in (True, False)]):
        assert ours.shape == theirs.shape
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("shapes, members, message", [
    (([2, 3], [2, 4], [2, 2]), [[0, 1]],
     r"experts must be \[B, H\] of one shape. Got: \[2,3\] and \[2,4\]"),
    (([2, 3], [2, 3], [3, 2]), [[0, 1]], r"logits must be \[2, experts\]. Got: \[3,2\]"),
    (([2, 3], [2, 3], [2, 3]), [[0, 1]], "the gates have 3 logits a row and 2 members"),
    (([2, 3], [2, 3], [2, 2]), [[0, 2]], "members must be of 0 to 1. Got: 2"),
])
def test_inputs_that_do_not_fit(shapes: tuple, members: List[List[int]], message: str) -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        first, second, logits = [
            tf.placeholder_with_default(tf.ones(shape), None) for shape in shapes
        ]
        with pytest.raises(tf.errors.InvalidArgumentError, match=message):
            session.run(mix.mix([first, second], [logits], members))


def test_gradients_that_do_not_fit() -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        made = native.load().ops.zoo_mix_grad(
            expert=[tf.ones([2, 3])], logits=[tf.ones([2, 1])], dy=[tf.ones([2, 2])], members=[0])
        with pytest.raises(tf.errors.InvalidArgumentError,
                           match=r"dy must be of shape \[2,3\]. Got: \[2,2\]"):
            session.run(made.dexpert)

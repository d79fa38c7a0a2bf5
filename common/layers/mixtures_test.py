import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from common import layers
from common.config.toggles import Toggles
from common.layers import Dense


@pytest.mark.parametrize("fused", [False, True])
def test_mix_weights_experts_with_a_softmax(fused: bool) -> None:
    rng = np.random.default_rng(4)
    experts, gate = rng.standard_normal([3, 5, 2]), rng.standard_normal([5, 3])
    with tf.Graph().as_default(), tf.Session() as session:
        got = session.run(
            layers.mix([tf.constant(e, tf.float32) for e in experts],
                       [tf.constant(gate, tf.float32)], [range(3)], Dense(
                           Toggles(op_fusion=fused))))[0]
    weights = np.exp(gate) / np.exp(gate).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(got, np.einsum("be,ebh->bh", weights, experts), rtol=1e-5, atol=1e-6)

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from common import layers


def to_bf16(x: np.ndarray) -> np.ndarray:
    """Rounds float32 to the nearest bfloat16, ties to even, by its bits."""
    bits = x.astype(np.float32).view(np.uint32).astype(np.uint64)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000).astype(np.uint32).view(np.float32)


@pytest.mark.parametrize("shape", [(0, 3, 2), (1, 1, 1), (7, 5, 3)])
def test_bf16_matmul_rounds_the_inputs_of_all_three_products(shape: tuple) -> None:
    batch, width, units = shape
    rng = np.random.default_rng(1)
    x, kernel, upstream = [rng.standard_normal(s).astype(np.float32) for s in (
        [batch, width], [width, units], [batch, units])]
    with tf.Graph().as_default(), tf.Session() as session:
        inputs = [tf.constant(x), tf.constant(kernel)]
        product = layers.bf16_matmul(*inputs)
        got = session.run([product] + tf.gradients(product, inputs, grad_ys=tf.constant(upstream)))
    xr, kr, ur = to_bf16(x), to_bf16(kernel), to_bf16(upstream)
    for value, expected in zip(got, [xr @ kr, ur @ kr.T, xr.T @ ur]):
        np.testing.assert_allclose(value, expected, rtol=1e-5, atol=1e-6)


def test_round_to_bf16_is_to_nearest_even() -> None:
    values = np.concatenate([np.random.default_rng(2).standard_normal(1000),
                             [1 + 2 ** -8, 1 + 3 * 2 ** -8, 0, -0.0, 1e38]])
    with tf.Graph().as_default(), tf.Session() as session:
        got = session.run(layers.round_to_bf16(tf.constant(values, tf.float32)))
    np.testing.assert_array_equal(got, to_bf16(values))

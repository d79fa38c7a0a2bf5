from typing import List, Sequence

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from common import layers
from common.kernels import dense, native

FLOAT, ROUNDED = "float", "rounded"


def run(batch: int, width: int, units: Sequence[int], input_of: Sequence[int], relu: bool, kept: str,
        fused: bool) -> List[np.ndarray]:
    """Outputs and all gradients of layers on random inputs."""
    rng = np.random.default_rng(batch + width)

    def random(*shape: int) -> tf.Tensor:
        return tf.constant(rng.standard_normal(shape), tf.float32)

    with tf.Graph().as_default(), tf.Session() as session:
        inputs = [random(batch, width) for _ in range(max(input_of) + 1)]
        kernels, biases = [random(width, h) for h in units], [random(h) for h in units]
        upstream = [random(batch, h) for h in units]
        if fused:
            outputs = dense.dense(inputs, kernels, biases, input_of, relu, kept)
        else:
            product = tf.matmul if kept == FLOAT else layers.bf16_matmul
            outputs = [product(inputs[i], k) + b for i, k, b in zip(input_of, kernels, biases)]
            outputs = [tf.nn.relu(y) for y in outputs] if relu else outputs
        return session.run(list(outputs) + tf.gradients(outputs, inputs + kernels + biases, upstream))


@pytest.mark.parametrize("batch", [0, 1, 7, 128, 300])
@pytest.mark.parametrize("width, units, input_of", [
    (1, [1], [0]), (5, [3, 4], [0, 0]), (130, [17, 1, 129], [1, 0, 1]), (288, [256], [0])])
@pytest.mark.parametrize("relu, kept", [(True, FLOAT), (False, FLOAT), (False, ROUNDED)])
def test_is_what_tensorflows_ops_compute(batch: int, width: int, units: List[int], input_of: List[int], relu: bool,
                                         kept: str) -> None:
    results = [run(batch, width, units, input_of, relu, kept, fused) for fused in (True, False)]
    for ours, theirs in zip(*results):
        assert ours.shape == theirs.shape
        # The sums of biases' gradients take unrounded numbers in both.
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4 * max(1.0, np.abs(theirs).max(initial=0.0)))


def test_an_input_that_no_layer_takes_has_a_gradient_of_zeros() -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        inputs, kernel = [tf.ones([3, 2]), tf.ones([3, 2])], tf.ones([2, 2])
        outputs = dense.dense(inputs, [kernel], [tf.zeros([2])], [1], True, FLOAT)
        unused, used = session.run(tf.gradients(outputs, inputs))
    assert not unused.any() and used.all()


def test_the_number_of_threads_changes_nothing() -> None:
    def outputs(threads: int) -> List[np.ndarray]:
        config = tf.ConfigProto(intra_op_parallelism_threads=threads, use_per_session_threads=True)
        rng = np.random.default_rng(1)
        with tf.Graph().as_default(), tf.Session(config=config) as session:
            x, k, b = [tf.constant(rng.standard_normal(s), tf.float32) for s in ([700, 200], [200, 90], [90])]
            y = dense.dense([x], [k], [b], [0], True, FLOAT)
            return session.run(list(y) + tf.gradients(y, [x, k, b]))

    for one, four in zip(outputs(1), outputs(4)):
        np.testing.assert_array_equal(one, four)


@pytest.mark.parametrize("shapes, input_of, message", [
    (([2, 3], [4, 5], [5]), [0], r"x \[B, I\] and kernel \[I, H\] do not fit. Got: \[2,3\] and \[4,5\]"),
    (([2, 3, 1], [3, 5], [5]), [0], r"do not fit. Got: \[2,3,1\]"),
    (([2, 3], [3, 5], [4]), [0], r"bias must be of shape \[5\]. Got: \[4\]"),
    (([2, 3], [3, 5], [5]), [1], "input_of must be of 0 to 0. Got: 1"),
    (([2, 3], [3, 5], [5]), [0, 0], "input_of must name an input for each of 1 layers. Got: 2"),
])
def test_inputs_that_do_not_fit(shapes: tuple, input_of: List[int], message: str) -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        values = [tf.placeholder_with_default(tf.ones(shape), None) for shape in shapes]
        with pytest.raises((tf.errors.InvalidArgumentError, ValueError), match=message):
            session.run(dense.dense(values[:1], values[1:2], values[2:], input_of, True, FLOAT))


def test_gradients_that_do_not_fit() -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        x, kernel, y, dy = [tf.ones(shape) for shape in ([2, 3], [3, 5], [2, 5], [2, 4])]
        made = native.load().ops.zoo_dense_grad(
            x=[x], kernel=[kernel], y=[y], dy=[dy], input_of=[0], relu=True, precision=FLOAT)
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"dy must be of shape \[2,5\]. Got: \[2,4\]"):
            session.run(made.dx)


def test_precision_follows_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    assert dense.precision(False) == "float"
    for has, right, expected in ((True, True, "bfloat16"), (True, False, "rounded"), (False, True, "rounded")):
        monkeypatch.setattr(native, "has_bfloat16", lambda has=has: has)
        monkeypatch.setattr(dense, "is_right", lambda kept, right=right: right)
        assert dense.precision(True) == expected


def test_what_onednn_makes_of_bfloat16_is_tried() -> None:
    assert dense.is_right("float") and dense.is_right("rounded")
    assert dense.is_right("bfloat16") or not native.has_bfloat16()

import subprocess
import sys
from typing import List, Sequence

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from common import layers
from common.kernels import dense, mix, native, norm

FLOAT, ROUNDED, BFLOAT16 = "float", "rounded", "bfloat16"
needs_bfloat16 = pytest.mark.skipif(not native.has_bfloat16(), reason="this CPU has no bfloat16 products")


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
@pytest.mark.parametrize("relu, kept", [
    (True, FLOAT), (False, FLOAT), (False, ROUNDED), *[pytest.param(relu, BFLOAT16, marks=needs_bfloat16)
                                                       for relu in (True, False)]])
def test_is_what_tensorflows_ops_compute(batch: int, width: int, units: List[int], input_of: List[int], relu: bool,
                                         kept: str) -> None:
    results = [run(batch, width, units, input_of, relu, kept, fused) for fused in (True, False)]
    for ours, theirs in zip(*results):
        assert ours.shape == theirs.shape
        # The sums of biases' gradients take unrounded numbers in both.
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4 * max(1.0, np.abs(theirs).max(initial=0.0)))


@needs_bfloat16
@pytest.mark.parametrize("batch, width", [(0, 4), (3, 5), (129, 40), (300, 96)])
def test_a_layer_takes_what_the_one_before_shortened(batch: int, width: int) -> None:
    rng = np.random.default_rng(batch)
    x, first, second = [rng.standard_normal(shape).astype(np.float32)
                        for shape in ([batch, width], [width, 70], [70, 3])]
    results = []
    for kept in (BFLOAT16, ROUNDED):
        with tf.Graph().as_default() as graph, tf.Session() as session:
            given = [tf.constant(value) for value in (x, first, second)]
            hidden, = dense.dense(given[:1], [given[1]], [tf.zeros([70])], [0], True, kept)
            y, = dense.dense([hidden], [given[2]], [tf.zeros([3])], [0], True, kept)
            results.append(session.run([hidden, y] + tf.gradients(y, given)))
            shortened = [op.inputs[0] for op in graph.get_operations() if op.type == "ZooShorten"]
        assert shortened == (given[:1] if kept == BFLOAT16 else [])
    for ours, theirs in zip(*results):
        np.testing.assert_allclose(ours, theirs, rtol=1e-2, atol=1e-2 * max(1.0, np.abs(theirs).max(initial=0.0)))


@needs_bfloat16
def test_shortened_as_tensorflow_does() -> None:
    bits = np.random.default_rng(0).integers(0, 1 << 32, 100003, np.uint32)
    values = np.concatenate([bits.view(np.float32), np.float32([0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, 3.4e38])])
    with tf.Graph().as_default(), tf.Session() as session:
        ours, theirs = session.run([tf.cast(native.load().ops.zoo_shorten(x=values), tf.float32),
                                    tf.cast(tf.cast(values, tf.bfloat16), tf.float32)])
    normal = (np.abs(values) >= np.finfo(np.float32).tiny) | (values == 0)
    np.testing.assert_array_equal(np.isnan(ours), np.isnan(values))
    normal &= ~np.isnan(values)
    np.testing.assert_array_equal(ours[normal], theirs[normal])
    assert (np.abs(ours[~normal & ~np.isnan(values)]) <= np.finfo(np.float32).tiny).all()


def test_an_input_that_no_layer_takes_has_a_gradient_of_zeros() -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        inputs, kernel = [tf.ones([3, 2]), tf.ones([3, 2])], tf.ones([2, 2])
        outputs = dense.dense(inputs, [kernel], [tf.zeros([2])], [1], True, FLOAT)
        unused, used = session.run(tf.gradients(outputs, inputs))
    assert not unused.any() and used.all()


_PROGRAM = """
import hashlib, sys
import numpy as np
from common import threads
from common.kernels import attention, dense, lookup, mix, norm
import tensorflow.compat.v1 as tf
threads.start(int(sys.argv[1]))
rng = np.random.default_rng(1)
with tf.Graph().as_default(), tf.Session() as session:
    # variables, as ops on constants are computed before a session's threads are asked
    given = [tf.Variable(rng.standard_normal(s), dtype=tf.float32) for s in (
        [700, 600], [600, 90], [90], [700, 2], [50, 8], [600], [200, 9], [36, 5], [5], [5, 1], [1])]
    x, k, b, g, table, c, query, k1, b1, k2, b2 = [variable.read_value() for variable in given]
    n, = norm.normalise([x], [c], [c], 0.1, False)[0]
    y, = dense.dense([n], [k], [b], [0], True, "float")
    z, = norm.normalise([y], [b], [b], 0.1, False)[0]
    m, = mix.mix([y, z], [g], [[0, 1]])
    e = lookup.lookup([table], 9 * [lookup.Lookup(0, tf.constant(rng.integers(0, 50, 700), tf.int32))])
    items = tf.reshape(x[:, :9], [700, 9])
    splits = tf.constant(np.cumsum([0] + [1, 11, 0, 2] * 50), tf.int64)
    a, total = attention.attend(query, items, splits, [k1, k2], [b1, b2], "float")
    goals = [m, e, a, total]
    outputs = goals + [tf.convert_to_tensor(d) for d in tf.gradients(goals, given)]
    session.run(tf.global_variables_initializer())
    print(hashlib.sha256(b"".join(value.tobytes() for value in session.run(outputs))).hexdigest())
"""


def test_the_number_of_threads_changes_nothing() -> None:
    digests = {subprocess.run([sys.executable, "-W", "ignore", "-c", _PROGRAM, threads], stdout=subprocess.PIPE,
                              check=True).stdout for threads in ("1", "4")}
    assert len(digests) == 1


@pytest.mark.parametrize("relu", [False, True])
def test_nan_stays_nan(relu: bool) -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.constant([[np.nan, 1.0], [1.0, 1.0]], tf.float32)
        y, = dense.dense([x], [tf.ones([2, 3])], [tf.zeros([3])], [0], relu, FLOAT)
        z, = norm.normalise([x], [tf.ones([2])], [tf.zeros([2])], 0.1, relu)[0]
        m, = mix.mix([x], [tf.ones([2, 1])], [[0]])
        got = session.run([y, z, m] + tf.gradients([y, z, m], x))
    assert np.isnan(got[0][0]).all() and not np.isnan(got[0][1]).any()
    assert np.isnan(got[1][:, 0]).all() and np.isnan(got[2][0, 0]) and np.isnan(got[3]).any()


@pytest.mark.parametrize("shapes, input_of, message", [
    (([2, 3], [4, 5], [5]), [0], r"x \[B, I\] and kernel \[I, H\] do not fit. Got: \[2,3\] and \[4,5\]"),
    (([2, 3, 1], [3, 5], [5]), [0], r"x must be \[B, I\]. Got: \[2,3,1\]"),
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

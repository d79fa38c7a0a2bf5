import subprocess
import sys
from typing import Dict, List, Sequence

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from common import layers
from common.kernels import native
from common.kernels.layers import dense, mix, norm

FLOAT, ROUNDED, BFLOAT16 = "float", "rounded", "bfloat16"
needs_bfloat16 = pytest.mark.skipif(not native.has_bfloat16(),
                                    reason="this CPU has no bfloat16 products")


def run(batch: int, width: int, units: Sequence[int], input_of: Sequence[int], relu: bool,
        precision: str, fused: bool, shared: bool = False) -> List[np.ndarray]:
    """Outputs and all gradients of layers on random inputs; with shared, the gradients of the
    outputs too.

    Only where nobody else takes these, those before the relus can be computed in their place.
    """
    rng = np.random.default_rng(batch + width)
    fed: Dict[tf.Tensor, np.ndarray] = {}

    def random(*shape: int) -> tf.Tensor:
        fed[tf.placeholder(tf.float32, shape)] = rng.standard_normal(shape)
        return list(fed)[-1]

    with tf.Graph().as_default(), tf.Session() as session:
        inputs = [random(batch, width) for _ in range(max(input_of) + 1)]
        kernels, biases = [random(width, h) for h in units], [random(h) for h in units]
        upstream = [2.0 * random(batch, h) for h in units]
        if fused:
            outputs = dense.dense(inputs, kernels, biases, input_of, relu, precision)
        else:
            product = tf.matmul if precision == FLOAT else layers.bf16_matmul
            outputs = [product(inputs[i], k) + b for i, k, b in zip(input_of, kernels, biases)]
            outputs = [tf.nn.relu(y) for y in outputs] if relu else outputs
        gradients = tf.gradients(outputs, inputs + kernels + biases, upstream)
        return session.run(list(outputs) + gradients + (upstream if shared else []), fed)


@pytest.mark.parametrize("batch", [0, 1, 7, 128, 300])
@pytest.mark.parametrize("width, units, input_of", [
    (1, [1], [0]), (5, [3, 4], [0, 0]), (130, [17, 1, 129], [1, 0, 1]), (288, [256], [0])])
@pytest.mark.parametrize(
    "relu, precision",
    [(True, FLOAT), (False, FLOAT), (False, ROUNDED),
     *[pytest.param(relu, BFLOAT16, marks=needs_bfloat16) for relu in (True, False)]])
def test_is_what_tensorflows_ops_compute(batch: int, width: int, units: List[int],
                                         input_of: List[int], relu: bool, precision: str) -> None:
    results = [
        run(batch, width, units, input_of, relu, precision, fused) for fused in (True, False)
    ]
    for ours, theirs in zip(*results):
        assert ours.shape == theirs.shape
        # The sums of biases' gradients take unrounded numbers in both.
        np.testing.assert_allclose(ours, theirs, rtol=1e-4,
                                   atol=1e-4 * max(1.0,
                                                   np.abs(theirs).max(initial=0.0)))


@pytest.mark.parametrize(
    "precision", [FLOAT, ROUNDED, pytest.param(BFLOAT16, marks=needs_bfloat16)])
def test_gradients_that_others_take_too_are_left_as_they_are(precision: str) -> None:
    alone = run(9, 40, [33, 5], [0, 0], True, precision, True)
    together = run(9, 40, [33, 5], [0, 0], True, precision, True, shared=True)
    for ours, theirs in zip(alone, together):
        np.testing.assert_array_equal(ours, theirs)
    for ours, theirs in zip(together[-2:],
                            run(9, 40, [33, 5], [0, 0], True, precision, False, shared=True)[-2:]):
        np.testing.assert_array_equal(ours, theirs)


@needs_bfloat16
@pytest.mark.parametrize("batch, width", [(0, 4), (3, 5), (129, 40), (300, 96)])
def test_a_layer_takes_what_the_one_before_shortened(batch: int, width: int) -> None:
    rng = np.random.default_rng(batch)
    x, first, second = [rng.standard_normal(shape).astype(np.float32)
                        for shape in ([batch, width], [width, 70], [70, 3])]
    results = []
    for precision in (BFLOAT16, ROUNDED):
        with tf.Graph().as_default() as graph, tf.Session() as session:
            given = [tf.constant(value) for value in (x, first, second)]
            hidden, = dense.dense(given[:1], [given[1]], [tf.zeros([70])], [0], True, precision)
            y, = dense.dense([hidden], [given[2]], [tf.zeros([3])], [0], True, precision)
            results.append(session.run([hidden, y] + tf.gradients(y, given)))
            shortened = [op.inputs[0] for op in graph.get_operations() if op.type == "ZooShorten"]
        assert shortened == (given[:1] if precision == BFLOAT16 else [])
    for ours, theirs in zip(*results):
        np.testing.assert_allclose(ours, theirs, rtol=1e-2,
                                   atol=1e-2 * max(1.0,
                                                   np.abs(theirs).max(initial=0.0)))


@needs_bfloat16
@pytest.mark.parametrize("by_norms", [False, True])
def test_each_layer_takes_what_belongs_to_its_input(by_norms: bool) -> None:
    with tf.Graph().as_default():
        x, kernels, biases = [tf.ones([3, 4])] * 2, [tf.ones([4, 4])] * 2, [tf.ones([4])] * 2
        made = norm.normalise(x, biases, biases, 0.1, False, True)[0] if by_norms else (
            dense.dense(x[:1], kernels, biases, [0, 0], True, BFLOAT16))
        crossed, = {y.op for y in dense.dense(made[::-1], kernels, biases, [0, 1], True, BFLOAT16)}
        first = (3 if by_norms else 1) * 2  # of the outputs that are bfloat16
        assert list(
            crossed.inputs)[2:4] == [made[0].op.outputs[first + 1], made[0].op.outputs[first]]
        statistics = norm.normalise([tf.ones([3, 4])], biases[:1], biases[:1], 0.1, False, True)[1]
        taken = dense.dense([tf.reshape(statistics[0], [1, 4])], kernels[:1], biases[:1], [0], True,
                            BFLOAT16)[0].op
        assert taken.inputs[1].op.type == "ZooShorten"


@pytest.mark.parametrize("count", [0, 1, 31, 32, 33, 100003])
def test_shortened_as_tensorflow_does(count: int) -> None:
    bits = np.random.default_rng(0).integers(0, 1 << 32, count, np.uint32)
    special = np.array(
        [0.0, -0.0, np.inf, -np.inf, np.nan, -np.nan, 1.0, 3.4e38, 1e-40, 1.00390625, 1.01171875])
    for parts in ([bits.view(np.float32), special], [special, bits.view(np.float32)]):
        values = np.concatenate(parts).astype(np.float32)
        with tf.Graph().as_default(), tf.Session() as session:
            ours, theirs = session.run([
                tf.cast(native.load().ops.zoo_shorten(x=values), tf.float32),
                tf.cast(tf.cast(values, tf.bfloat16), tf.float32)
            ])
        np.testing.assert_array_equal(np.isnan(ours), np.isnan(values))
        small = np.abs(values) < np.finfo(np.float32).tiny
        np.testing.assert_array_equal(ours[~small], theirs[~small])
        assert (np.abs(ours[small]) <= np.finfo(np.float32).tiny).all()


def test_an_input_that_no_layer_takes_has_a_gradient_of_zeros() -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        inputs, kernel = [tf.ones([3, 2]), tf.ones([3, 2])], tf.ones([2, 2])
        outputs = dense.dense(inputs, [kernel], [tf.zeros([2])], [1], True, FLOAT)
        unused, used = session.run(tf.gradients(outputs, inputs))
    assert not unused.any() and used.all()


_PROGRAM = """
import hashlib, sys
import numpy as np
from common.kernels.embedding import lookup
from common.kernels.layers import attention, dense, dice, mix, norm
from common.process import threads
import tensorflow.compat.v1 as tf
threads.start(int(sys.argv[1]))
precision = sys.argv[2]
rng = np.random.default_rng(1)
with tf.Graph().as_default(), tf.Session() as session:
    # variables, as ops on constants are computed before a session's threads are asked
    given = [tf.Variable(rng.standard_normal(s), dtype=tf.float32) for s in (
        [700, 600], [600, 90], [90], [700, 2], [50, 8], [600], [200, 9], [36, 5], [5], [5, 1], [1])]
    x, k, b, g, table, c, query, k1, b1, k2, b2 = [variable.read_value() for variable in given]
    n, = norm.normalise([x], [c], [c], 0.1, False)[0]
    y, = dense.dense([n], [k], [b], [0], True, precision)
    z, = norm.normalise([dice.dice(y, y + 1, b)], [b], [b], 0.1, True, precision == "bfloat16")[0]
    m, = mix.mix([y, z], [g], [[0, 1]])
    ids = tf.constant(rng.integers(0, 50, 700), tf.int32)
    e = lookup.lookup([table], 9 * [lookup.Lookup(0, ids)])
    items = tf.reshape(x[:, :9], [700, 9])
    splits = tf.constant(np.cumsum([0] + [1, 11, 0, 2] * 50), tf.int64)
    a, total = attention.attend(query, items, splits, [k1, k2], [b1, b2], precision)
    goals = [m, e, a, total]
    outputs = goals + [tf.convert_to_tensor(d) for d in tf.gradients(goals, given)]
    session.run(tf.global_variables_initializer())
    print(hashlib.sha256(b"".join(value.tobytes() for value in session.run(outputs))).hexdigest())
"""


@pytest.mark.slow
@pytest.mark.parametrize("precision", [FLOAT, pytest.param(BFLOAT16, marks=needs_bfloat16)])
def test_the_number_of_threads_changes_nothing(precision: str) -> None:
    digests = {subprocess.run([sys.executable, "-W", "ignore", "-c", _PROGRAM, threads, precision],
                              stdout=subprocess.PIPE, check=True).stdout for threads in ("1", "4")}
    assert len(digests) == 1


@pytest.mark.parametrize(
    "precision", [FLOAT, ROUNDED, pytest.param(BFLOAT16, marks=needs_bfloat16)])
@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("column", [0, 33])
def test_nan_stays_nan(column: int, relu: bool, precision: str) -> None:
    values = np.ones([2, 35], np.float32)
    values[0, column] = np.nan
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.constant(values)
        z, = norm.normalise([x], [tf.ones([35])], [tf.zeros([35])], 0.1, relu,
                            precision == BFLOAT16)[0]
        y, = dense.dense([x], [tf.ones([35, 3])], [tf.zeros([3])], [0], relu, precision)
        over, = dense.dense([y], [tf.ones([3, 2])], [tf.zeros([2])], [0], relu, precision)
        m, = mix.mix([x], [tf.ones([2, 1])], [[0]])
        got = session.run([y, over, z, m] + tf.gradients([over, z, m], x))
    for of_layer in got[:2]:
        assert np.isnan(of_layer[0]).all() and not np.isnan(of_layer[1]).any()
    assert np.isnan(got[2][:, column]).all() and np.isnan(got[3][0, column]) and np.isnan(
        got[4]).any()


@pytest.mark.parametrize("shapes, input_of, message", [
    (([2, 3], [4, 5], [5]), [0],
     r"x \[B, I\] and kernel \[I, H\] do not fit. Got: \[2,3\] and \[4,5\]"),
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
        with pytest.raises(tf.errors.InvalidArgumentError,
                           match=r"dy must be of shape \[2,5\]. Got: \[2,4\]"):
            session.run(made.dx)


@pytest.mark.parametrize("change, message", [
    (dict(x_shortened=[]), "there must be 1 tensors of x_shortened. Got: 0"),
    (dict(x_shortened=[(3, 2)]), r"x_shortened must be of shape \[2,3\]. Got: \[3,2\]"),
    (dict(kernels_shortened=0), "there must be 1 tensors of kernel_shortened. Got: 0"),
    (dict(outputs_shortened=2), "there must be 1 tensors of y_shortened. Got: 2"),
    (dict(precision=FLOAT), "there must be 0 tensors of x_shortened. Got: 1"),
])
def test_shortened_tensors_that_do_not_fit(change: dict, message: str) -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        given = dict(
            dict(x_shortened=[(2, 3)], kernels_shortened=1, outputs_shortened=1,
                 precision=BFLOAT16), **change)
        shortened = [tf.placeholder_with_default(tf.ones(shape, tf.bfloat16), None)
                     for shape in given.pop("x_shortened")]
        made = native.load().ops.zoo_dense(x=[tf.ones([2, 3])], x_shortened=shortened,
                                           kernel=[tf.ones([3, 5])], bias=[tf.ones([5])],
                                           input_of=[0], relu=True, **given)
        with pytest.raises(tf.errors.InvalidArgumentError, match=message):
            session.run(made)


@pytest.mark.parametrize("dtype, outputs, message", [
    (tf.float32, 1, "T must be bfloat16 where the precision is, and there alone. Got: T float"),
    (tf.bfloat16, 0, "there must be 1 tensors of y. Got: 0"),
])
def test_gradients_of_shortened_tensors_that_do_not_fit(dtype: tf.DType, outputs: int,
                                                        message: str) -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        x, kernel, y = [tf.ones(shape, dtype) for shape in ([2, 3], [3, 5], [2, 5])]
        made = native.load().ops.zoo_dense_grad(x=[x], kernel=[kernel], y=outputs * [y],
                                                dy=[tf.ones([2, 5])], input_of=[0], relu=True,
                                                precision=BFLOAT16)
        with pytest.raises(tf.errors.InvalidArgumentError, match=message):
            session.run(made)


def test_precision_follows_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    assert dense.precision(False) == "float"
    cases = [(True, True, "bfloat16"), (True, False, "rounded"), (False, True, "rounded")]
    for has, right, expected in cases:
        monkeypatch.setattr(native, "has_bfloat16", lambda has=has: has)
        monkeypatch.setattr(dense, "is_right", lambda precision, right=right: right)
        assert dense.precision(True) == expected


def test_what_onednn_makes_of_bfloat16_is_tried() -> None:
    assert dense.is_right("float") and dense.is_right("rounded")
    assert dense.is_right("bfloat16") or not native.has_bfloat16()

from typing import Dict, List, Optional

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from common import layers
from common.config.toggles import Toggles
from common.deeprec import recorded_api
from common.kernels import native
from common.layers import Dense

PLAIN, COMMUNITY, BF16 = Dense(Toggles()), Dense(Toggles(tf=True)), Dense(Toggles(bf16=True))


def run_mlp(config: Dense, x: np.ndarray, weights: Optional[Dict[str, np.ndarray]] = None) -> tuple:
    """Output, gradients and initial variables of an MLP with 7 and 3 hidden units."""
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(3)
        inputs = tf.constant(x, tf.float32)
        outputs = layers.mlp(inputs, [7, 3], "net", config)
        variables = tf.trainable_variables()
        gradients = tf.gradients(tf.reduce_sum(outputs ** 2), [inputs] + variables)
        session.run(tf.global_variables_initializer())
        for variable in variables:
            if weights:
                variable.load(weights[variable.op.name], session)
        return session.run([outputs, gradients, {v.op.name: v for v in variables}])


def to_bf16(x: np.ndarray) -> np.ndarray:
    """Rounds float32 to the nearest bfloat16, ties to even, by its bits."""
    bits = x.astype(np.float32).view(np.uint32).astype(np.uint64)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000).astype(np.uint32).view(np.float32)


X = np.random.default_rng(0).standard_normal([5, 4])


def test_mlp_is_the_same_in_every_mode() -> None:
    outputs, gradients, variables = run_mlp(PLAIN, X)
    assert sorted(variables) == ["net/dense_0/bias", "net/dense_0/kernel", "net/dense_1/bias", "net/dense_1/kernel"]
    for config in (COMMUNITY, BF16):
        others = run_mlp(config, X)
        assert {n: v.tolist() for n, v in others[2].items()} == {n: v.tolist() for n, v in variables.items()}
        tolerance = 3e-2 if config is BF16 else 1e-6
        np.testing.assert_allclose(others[0], outputs, rtol=tolerance, atol=tolerance)
        for ours, theirs in zip(gradients, others[1]):
            np.testing.assert_allclose(theirs, ours, rtol=10 * tolerance, atol=10 * tolerance)


def test_mlp_against_numpy() -> None:
    outputs, _, v = run_mlp(PLAIN, X)
    hidden = np.maximum(X @ v["net/dense_0/kernel"] + v["net/dense_0/bias"], 0)
    expected = np.maximum(hidden @ v["net/dense_1/kernel"] + v["net/dense_1/bias"], 0)
    np.testing.assert_allclose(outputs, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("toggles", [Toggles(), Toggles(tf=True), Toggles(op_fusion=True),
                                     Toggles(op_fusion=True, bf16=True)])
def test_layers_on_one_input_are_those_made_one_by_one(toggles: Toggles) -> None:
    def run(names: List[List[str]]) -> tuple:
        with tf.Graph().as_default(), tf.Session() as session:
            tf.set_random_seed(3)
            x = tf.constant(X, tf.float32)
            outputs = sum([layers.mlps(len(group) * [x], len(group) * [[7, 3]], group, Dense(toggles))
                           for group in names], [])
            gradients = tf.gradients(tf.reduce_sum(tf.stack(outputs) ** 2), [x] + tf.trainable_variables())
            session.run(tf.global_variables_initializer())
            return (*session.run([outputs, gradients]), [v.op.name for v in tf.trainable_variables()])

    together, alone = run([["a", "b", "c"]]), run([["a"], ["b"], ["c"]])
    by_name = [dict(zip(["x"] + result[2], result[1])) for result in (together, alone)]
    assert sorted(by_name[0]) == sorted(by_name[1]) and len(by_name[0]) == 1 + 3 * 4
    tolerance = 2e-2 if toggles.bf16 else 1e-5
    np.testing.assert_allclose(together[0], alone[0], rtol=tolerance, atol=tolerance)
    for name in by_name[0]:
        np.testing.assert_allclose(by_name[0][name], by_name[1][name], rtol=tolerance, atol=10 * tolerance)


def test_op_fusion_makes_one_op_of_layers_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    def operations(on: bool) -> List[str]:
        with tf.Graph().as_default() as graph:
            layers.dense_group(3 * [tf.ones([2, 4])], [5, 5, 2], ["a", "b", "c"], Dense(Toggles(op_fusion=on)))
            return [op.type for op in graph.get_operations()]

    assert [operations(True).count(name) for name in ("ZooDense", "MatMul")] == [1, 0]
    assert [operations(False).count(name) for name in ("ZooDense", "MatMul")] == [0, 3]
    monkeypatch.setattr(native, "load", lambda: native.Native(None, "a reason"))
    assert [operations(True).count(name) for name in ("ZooDense", "MatMul")] == [0, 3]


@pytest.mark.parametrize("fused", [False, True])
def test_mix_weights_experts_with_a_softmax(fused: bool) -> None:
    rng = np.random.default_rng(4)
    experts, gate = rng.standard_normal([3, 5, 2]), rng.standard_normal([5, 3])
    with tf.Graph().as_default(), tf.Session() as session:
        got = session.run(layers.mix([tf.constant(e, tf.float32) for e in experts], [tf.constant(gate, tf.float32)],
                                     [range(3)], Dense(Toggles(op_fusion=fused))))[0]
    weights = np.exp(gate) / np.exp(gate).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(got, np.einsum("be,ebh->bh", weights, experts), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("fused, resource", [(False, False), (True, False), (True, True)])
def test_batch_norm_against_numpy_and_its_running_means(fused: bool, resource: bool) -> None:
    x = np.random.default_rng(5).normal(3, 2, [64, 4]).astype(np.float32)
    with tf.Graph().as_default(), tf.Session() as session:
        with tf.variable_scope("", reuse=tf.AUTO_REUSE, use_resource=resource):
            config = Dense(Toggles(op_fusion=fused))
            training, evaluating = [layers.batch_norm(tf.constant(x), "norm", layers.Norm(mode), config)
                                    for mode in (True, False)]
        session.run(tf.global_variables_initializer())
        np.testing.assert_allclose(session.run(training), (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-3), atol=1e-4)
        np.testing.assert_allclose(session.run(evaluating), x / np.sqrt(1 + 1e-3), rtol=1e-5)
        for _ in range(300):
            session.run(tf.get_collection(tf.GraphKeys.UPDATE_OPS))
        np.testing.assert_allclose(session.run(evaluating), session.run(training), atol=0.02)


@pytest.mark.skipif(native.load().ops is None, reason=native.load().reason)
def test_a_native_op_moves_running_means_of_this_process_only() -> None:
    with tf.Graph().as_default():
        for name, device in (("here", ""), ("there", "/job:ps/task:0")):
            with tf.device(device):
                layers.batch_norm(tf.ones([2, 3]), name, layers.Norm(True), Dense(Toggles(op_fusion=True)))
        updates = [getattr(update, "op", update) for update in tf.get_collection(tf.GraphKeys.UPDATE_OPS)]
        assert [op.type for op in updates] == ["ZooMovingAverage", "AssignSub", "AssignSub"]


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


@pytest.mark.parametrize("partitioner", [None, layers.partitioner(16)])
def test_bf16_of_deeprec_has_the_same_variables_and_nearly_the_same_values(partitioner: object,
                                                                           monkeypatch: pytest.MonkeyPatch) -> None:
    config = BF16._replace(partitioner=partitioner)
    outputs, gradients, variables = run_mlp(config, X)
    module = recorded_api.install(monkeypatch)
    kept = run_mlp(config, X)
    assert [given["dtype"] for given in module.of("variable_scope.keep_weights")] == 2 * [tf.float32]
    np.testing.assert_allclose(kept[0], outputs, rtol=0.03, atol=0.01)
    assert kept[2].keys() == variables.keys()
    for name in variables:
        np.testing.assert_array_equal(kept[2][name], variables[name])
    for got, expected in zip(kept[1], gradients):
        assert got.dtype == np.float32
        np.testing.assert_allclose(got, expected, rtol=0.1, atol=0.1)


@pytest.mark.parametrize("toggles", [Toggles(), Toggles(tf=True)])
def test_l2_is_half_the_squares_of_the_kernels(toggles: Toggles) -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        layers.mlp(tf.constant(X, tf.float32), [7, 3], "net", Dense(toggles, l2=0.3))
        session.run(tf.global_variables_initializer())
        penalty, kernels = session.run([tf.losses.get_regularization_loss(),
                                        [v for v in tf.trainable_variables() if "kernel" in v.name]])
    assert penalty == pytest.approx(0.15 * sum(np.sum(kernel ** 2) for kernel in kernels), rel=1e-5)


def test_logit_starts_at_the_base_rate_and_stays_fp32() -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        outputs = layers.logit(tf.constant(X, tf.float32), "out", 0.01, BF16)
        session.run(tf.global_variables_initializer())
        kernel, bias = session.run(tf.trainable_variables())
        np.testing.assert_allclose(session.run(outputs), (X @ kernel + bias)[:, 0], rtol=1e-5)
    assert 1 / (1 + np.exp(-bias[0])) == pytest.approx(0.01)


@pytest.mark.parametrize("toggles", [Toggles(), Toggles(tf=True), Toggles(bf16=True)])
def test_partitioner_slices_and_no_two_slices_start_alike(toggles: Toggles) -> None:
    config = Dense(toggles, partitioner=layers.partitioner(1 << 10))
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.ones([2, 64])
        y = layers.dense(x, 16, "wide", config)
        slices: List[tf.Variable] = [v for v in tf.trainable_variables() if "kernel" in v.name]
        assert [v.shape.as_list() for v in slices] == [[16, 16]] * 4
        session.run(tf.global_variables_initializer())
        values = session.run(slices)
        assert session.run(y).shape == (2, 16)
    assert len({value.tobytes() for value in values}) == 4
    assert layers.partitioner(0) is None

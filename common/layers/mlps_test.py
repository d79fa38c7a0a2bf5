from typing import Dict, List, Optional

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from common import layers
from common.config.toggles import Toggles
from common.deeprec import recorded_api
from common.layers import Dense

PLAIN, COMMUNITY, BF16 = Dense(Toggles()), Dense(Toggles(tf=True)), Dense(Toggles(bf16=True))
X = np.random.default_rng(0).standard_normal([5, 4])


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


def test_mlp_is_the_same_in_every_mode() -> None:
    outputs, gradients, variables = run_mlp(PLAIN, X)
    assert sorted(variables) == [
        "net/dense_0/bias", "net/dense_0/kernel", "net/dense_1/bias", "net/dense_1/kernel"
    ]
    for config in (COMMUNITY, BF16):
        others = run_mlp(config, X)
        assert {n: v.tolist()
                for n, v in others[2].items()} == {n: v.tolist()
                                                   for n, v in variables.items()}
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
            outputs = sum([
                layers.mlps(len(group) * [x],
                            len(group) * [[7, 3]], group, Dense(toggles)) for group in names
            ], [])
            gradients = tf.gradients(tf.reduce_sum(tf.stack(outputs) ** 2),
                                     [x] + tf.trainable_variables())
            session.run(tf.global_variables_initializer())
            return (*session.run([outputs, gradients]), [
                v.op.name for v in tf.trainable_variables()
            ])

    together, alone = run([["a", "b", "c"]]), run([["a"], ["b"], ["c"]])
    by_name = [dict(zip(["x"] + result[2], result[1])) for result in (together, alone)]
    assert sorted(by_name[0]) == sorted(by_name[1]) and len(by_name[0]) == 1 + 3 * 4
    tolerance = 2e-2 if toggles.bf16 else 1e-5
    np.testing.assert_allclose(together[0], alone[0], rtol=tolerance, atol=tolerance)
    for name in by_name[0]:
        np.testing.assert_allclose(by_name[0][name], by_name[1][name], rtol=tolerance,
                                   atol=10 * tolerance)


@pytest.mark.parametrize("partitioner", [None, layers.partitioner(16)])
def test_bf16_of_deeprec_has_the_same_variables_and_nearly_the_same_values(
        partitioner: object,
        monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = BF16._replace(partitioner=partitioner)
    outputs, gradients, variables = run_mlp(config, X)
    module = recorded_api.install(monkeypatch)
    kept = run_mlp(config, X)
    assert [given["dtype"]
            for given in module.of("variable_scope.keep_weights")] == 2 * [tf.float32]
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
        penalty, kernels = session.run([
            tf.losses.get_regularization_loss(),
            [v for v in tf.trainable_variables() if "kernel" in v.name]
        ])
    assert penalty == pytest.approx(0.15 * sum(np.sum(kernel ** 2) for kernel in kernels), rel=1e-5)

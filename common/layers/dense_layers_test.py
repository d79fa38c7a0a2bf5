from typing import List

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from common import layers
from common.config.toggles import Toggles
from common.kernels import native
from common.layers import Dense

X = np.random.default_rng(0).standard_normal([5, 4])


def test_op_fusion_makes_one_op_of_layers_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    def operations(on: bool) -> List[str]:
        with tf.Graph().as_default() as graph:
            layers.dense_group(3 * [tf.ones([2, 4])], [5, 5, 2], ["a", "b", "c"],
                               Dense(Toggles(op_fusion=on)))
            return [op.type for op in graph.get_operations()]

    assert [operations(True).count(name) for name in ("ZooDense", "MatMul")] == [1, 0]
    assert [operations(False).count(name) for name in ("ZooDense", "MatMul")] == [0, 3]
    monkeypatch.setattr(native, "load", lambda: native.Native(None, "a reason"))
    assert [operations(True).count(name) for name in ("ZooDense", "MatMul")] == [0, 3]


def test_logit_starts_at_the_base_rate_and_stays_fp32() -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        outputs = layers.logit(tf.constant(X, tf.float32), "out", 0.01, Dense(Toggles(bf16=True)))
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

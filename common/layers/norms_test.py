import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from common import layers
from common.config.toggles import Toggles
from common.kernels import native
from common.layers import Dense


@pytest.mark.parametrize("fused, resource", [(False, False), (True, False), (True, True)])
def test_batch_norm_against_numpy_and_its_running_means(fused: bool, resource: bool) -> None:
    x = np.random.default_rng(5).normal(3, 2, [64, 4]).astype(np.float32)
    with tf.Graph().as_default(), tf.Session() as session:
        with tf.variable_scope("", reuse=tf.AUTO_REUSE, use_resource=resource):
            config = Dense(Toggles(op_fusion=fused))
            training, evaluating = [
                layers.batch_norm(tf.constant(x), "norm", layers.Norm(mode), config)
                for mode in (True, False)
            ]
        session.run(tf.global_variables_initializer())
        np.testing.assert_allclose(session.run(training),
                                   (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-3), atol=1e-4)
        np.testing.assert_allclose(session.run(evaluating), x / np.sqrt(1 + 1e-3), rtol=1e-5)
        for _ in range(300):
            session.run(tf.get_collection(tf.GraphKeys.UPDATE_OPS))
        np.testing.assert_allclose(session.run(evaluating), session.run(training), atol=0.02)


@pytest.mark.skipif(native.load().ops is None, reason=native.load().reason)
def test_a_native_op_moves_running_means_of_this_process_only() -> None:
    with tf.Graph().as_default():
        for name, device in (("here", ""), ("there", "/job:ps/task:0")):
            with tf.device(device):
                layers.batch_norm(tf.ones([2, 3]), name, layers.Norm(True),
                                  Dense(Toggles(op_fusion=True)))
        updates = [
            getattr(update, "op", update) for update in tf.get_collection(tf.GraphKeys.UPDATE_OPS)
        ]
        assert [op.type for op in updates] == ["ZooMovingAverage", "AssignSub", "AssignSub"]

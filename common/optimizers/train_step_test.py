import pytest
import tensorflow.compat.v1 as tf

from common.optimizers import train_step
from common.optimizers.train_step import Training


def test_loss_is_computed_before_any_variable_changes() -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.get_variable("x", initializer=1.0)
        training = Training("gradientdescent", 0.1)
        spec = train_step.train_spec(lambda features, labels: 3.0 * x.value() ** 2, {}, {},
                                     training)
        session.run(tf.global_variables_initializer())
        assert session.run([spec.loss, spec.train_op])[0] == pytest.approx(3.0)
        assert session.run([x, tf.train.get_global_step()]) == [pytest.approx(0.4), 1]


def test_all_gradients_are_computed_before_any_variable_changes() -> None:
    """Ancestors of each update, as an order that holds only under load cannot be seen otherwise."""
    with tf.Graph().as_default() as graph:
        kernels = [tf.get_variable("kernel_{}".format(i), [3, 3]) for i in range(3)]
        hidden = tf.ones([2, 3])
        for kernel in kernels:
            hidden = tf.tanh(tf.matmul(hidden, kernel))
        train_step.train_spec(lambda *_: tf.reduce_sum(hidden), {}, {},
                              Training("gradientdescent", 0.1))
        updates = [op for op in graph.get_operations() if op.type == "ApplyGradientDescent"]
        reads = {op for op in graph.get_operations() if op.type == "MatMul"}

    def ancestors(op: tf.Operation) -> set:
        found, open_ops = set(), [op]
        while open_ops:
            for before in [tensor.op
                           for tensor in open_ops[-1].inputs] + open_ops.pop().control_inputs:
                if before not in found:
                    found.add(before)
                    open_ops.append(before)
        return found

    assert len(updates) == 3 and len(reads) >= 3 + 5
    for update in updates:
        assert reads <= ancestors(update)

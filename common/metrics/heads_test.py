import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from common.metrics import heads, measures
from common.metrics.heads import Task
from common.optimizers import train_step
from common.optimizers.train_step import Training


def test_predictions_are_exact_for_small_probabilities() -> None:
    logits = np.array([-60.0, -20.0, -8.0, 0.0, 3.0, 40.0], np.float32)
    with tf.Graph().as_default(), tf.Session() as session:
        got = session.run(heads.predict_spec([Task("a", tf.constant(logits))]).predictions["a"])
    np.testing.assert_allclose(got, 1 / (1 + np.exp(-logits.astype(np.float64))), rtol=1e-5)


def test_eval_metrics_are_those_of_all_batches_and_of_the_tasks_rows() -> None:
    rng = np.random.default_rng(0)
    labels = (rng.random(100) < 0.4).astype(np.float32)
    logits, users = rng.standard_normal(100).astype(np.float32), rng.integers(0, 9, 100)
    with tf.Graph().as_default(), tf.Session() as session:
        label, logit, user = tf.data.make_one_shot_iterator(
            tf.data.Dataset.from_tensor_slices((labels, logits, users)).batch(33)).get_next()
        spec = heads.eval_spec(tf.constant(0.0), [Task("all", logit, label, by_user=True),
                                                  Task("some", logit, label, rows=user > 3)], user)
        for _ in range(4):
            session.run([update for _, update in spec.eval_metric_ops.values()])
        results = session.run({name: value for name, (value, _) in spec.eval_metric_ops.items()})
    by_task = heads.task_metrics(results, ["all", "some"])
    some = users > 3
    assert by_task["all"] == pytest.approx(measures.evaluate(labels, logits, users, by_user=True))
    assert by_task["some"] == pytest.approx(measures.evaluate(labels[some], logits[some], users[some]))


def test_loss_is_computed_before_any_variable_changes() -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.get_variable("x", initializer=1.0)
        training = Training("gradientdescent", 0.1)
        spec = train_step.train_spec(lambda features, labels: 3.0 * x.value() ** 2, {}, {}, training)
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
        train_step.train_spec(lambda *_: tf.reduce_sum(hidden), {}, {}, Training("gradientdescent", 0.1))
        updates = [op for op in graph.get_operations() if op.type == "ApplyGradientDescent"]
        reads = {op for op in graph.get_operations() if op.type == "MatMul"}

    def ancestors(op: tf.Operation) -> set:
        found, open_ops = set(), [op]
        while open_ops:
            for before in [tensor.op for tensor in open_ops[-1].inputs] + open_ops.pop().control_inputs:
                if before not in found:
                    found.add(before)
                    open_ops.append(before)
        return found

    assert len(updates) == 3 and len(reads) >= 3 + 5
    for update in updates:
        assert reads <= ancestors(update)

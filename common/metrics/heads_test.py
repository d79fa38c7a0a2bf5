import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from common.config.schema import USER, WEIGHT, Column, Schema
from common.metrics import heads, measures
from common.metrics.heads import Task


def test_predictions_are_exact_for_small_probabilities() -> None:
    logits = np.array([-60.0, -20.0, -8.0, 0.0, 3.0, 40.0], np.float32)
    with tf.Graph().as_default(), tf.Session() as session:
        got = session.run(heads.predict_spec([Task("a", tf.constant(logits))]).predictions["a"])
    np.testing.assert_allclose(got, 1 / (1 + np.exp(-logits.astype(np.float64))), rtol=1e-5)


def test_without_users_there_is_no_gauc_and_rows_are_independent() -> None:
    labels, logits = np.array([0, 1, 0, 1], np.float32), np.array([-1, 2, 1, 0.5], np.float32)
    with tf.Graph().as_default(), tf.Session() as session:
        task = Task("all", tf.constant(logits), tf.constant(labels))
        spec = heads.eval_spec(tf.constant(0.0), [task], {})
        session.run([update for _, update in spec.eval_metric_ops.values()])
        results = session.run({name: value for name, (value, _) in spec.eval_metric_ops.items()})
    assert heads.task_metrics(results, ["all"])["all"] == pytest.approx(
        measures.evaluate(labels, logits))


def test_the_loss_is_the_mean_by_the_rows_weights() -> None:
    losses = [tf.constant([1.0, 5.0, 3.0]), tf.constant([3.0, 7.0, 5.0])]
    with tf.Session() as session:
        found = []
        for weights in ([1.0, 1.0, 1.0], [0.0, 1.0, 3.0], [0.0, 0.0, 0.0]):
            labels = {WEIGHT: tf.constant(weights)}
            found.append(session.run([heads.mean_loss(losses, labels),
                                      heads.mean_loss(losses[0], labels)]))
        assert found == [[4.0, 3.0], [4.5, 3.5], [0.0, 0.0]]
        assert session.run(heads.mean_loss(losses, {})) == 4.0


def test_metrics_are_by_the_rows_weights() -> None:
    labels, logits = np.array([0, 1, 0, 1], np.float32), np.array([-1, 2, 1, 0.5], np.float32)
    weights = np.array([1, 2, 0.5, 3], np.float32)
    with tf.Graph().as_default(), tf.Session() as session:
        task = Task("all", tf.constant(logits), tf.constant(labels))
        spec = heads.eval_spec(tf.constant(0.0), [task], {WEIGHT: tf.constant(weights)})
        session.run([update for _, update in spec.eval_metric_ops.values()])
        results = session.run({name: value for name, (value, _) in spec.eval_metric_ops.items()})
    assert heads.task_metrics(results, ["all"])["all"] == pytest.approx(
        measures.evaluate(labels, logits, weights=weights))


def test_tasks_of_labels_are_named_by_the_schema() -> None:
    columns = (Column("u", "hash", 9), Column("a", "label"), Column("b", "label", task="t"))
    schema = Schema("s", columns, "", "", "u", "")
    tasks = heads.of_labels(schema, {"b": "logit b", "a": "logit a"}, {"a": "a", "b": "b"})
    assert tasks == [Task("a", "logit a", "a"), Task("t", "logit b", "b")]
    assert heads.of_labels(schema, {"b": "logit b", "a": "logit a"}, None)[1].label is None


def test_eval_metrics_are_those_of_all_batches_and_of_the_tasks_rows() -> None:
    rng = np.random.default_rng(0)
    labels = (rng.random(100) < 0.4).astype(np.float32)
    logits, users = rng.standard_normal(100).astype(np.float32), rng.integers(0, 9, 100)
    with tf.Graph().as_default(), tf.Session() as session:
        label, logit, user = tf.data.make_one_shot_iterator(
            tf.data.Dataset.from_tensor_slices((labels, logits, users)).batch(33)).get_next()
        spec = heads.eval_spec(tf.constant(0.0), [Task("all", logit, label),
                                                  Task("some", logit, label, rows=user > 3)],
                               {USER: user})
        for _ in range(4):
            session.run([update for _, update in spec.eval_metric_ops.values()])
        results = session.run({name: value for name, (value, _) in spec.eval_metric_ops.items()})
    by_task = heads.task_metrics(results, ["all", "some"])
    some = users > 3
    assert by_task["all"] == pytest.approx(measures.evaluate(labels, logits, users, by_user=True))
    assert by_task["some"] == pytest.approx(
        measures.evaluate(labels[some], logits[some], users[some]))

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from common.embedding import frequency


def test_all_lookups_of_a_step_see_the_counts_of_the_steps_before() -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        counts, table = frequency.make_counts(10), tf.get_variable("table", [10, 2])
        batches = [tf.constant(ids, tf.int64) for ids in ([3, 3, 0], [3], [])]
        seen = [frequency.seen(counts, ids) for ids in batches]
        rows = tf.concat(
            [frequency.counting(tf.gather(table, ids), counts, ids) for ids in batches], axis=0)
        gradient, = tf.gradients(rows, [table])
        session.run(tf.global_variables_initializer())
        for step in range(5):
            (first, second, third), slopes = session.run([seen, gradient])
            assert (first.tolist(), second.tolist(), third.tolist()) == ([3 * step, 3 * step,
                                                                          step], [3 * step], [])
            assert slopes.indices.tolist() == [3, 3, 0, 3] and (slopes.values == 1).all()
        session.run(rows)  # without gradients nothing is counted
        assert session.run(counts.variable).tolist() == [5, 0, 0, 15] + 6 * [0]


@pytest.mark.parametrize("server", ["", "/job:ps/task:0"])
def test_counts_live_where_the_variable_does(server: str) -> None:
    with tf.Graph().as_default() as graph, tf.device("/job:worker/task:0"):
        with tf.device(server or None):
            counts = frequency.make_counts(10)
        ids, table = tf.constant([1], tf.int64), tf.get_variable("table", [10, 2])
        rows = frequency.counting(tf.gather(table, ids), counts, ids)
        tf.gradients(rows, [table], colocate_gradients_with_ops=True)
        added, = [op for op in graph.get_operations() if op.type == "ResourceScatterAdd"]
        assert added.device == counts.variable.handle.device


def test_many_ids_share_counts() -> None:
    with tf.Graph().as_default():
        assert frequency.make_counts(1 << 40).variable.shape.as_list() == [1 << 20]


def test_reached() -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        got = session.run(frequency.reached(tf.constant([0, 3, 4, 64, 99]), [4, 16, 64]))
        np.testing.assert_array_equal(got, [0, 0, 1, 3, 3])
        assert session.run(frequency.reached(tf.constant([5]), [])).tolist() == [0]

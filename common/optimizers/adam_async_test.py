from typing import Callable, Dict, List, Tuple

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from common import layers
from common.optimizers.adam_async import AdamAsyncOptimizer

GOLDEN = {
    "dense": [(0.9000003, 2.0999998), (0.8082223, 2.1670056), (0.7372776, 2.2188012),
              (0.7468662, 2.2612290)], "sparse": [(0.9000003, 2.0999998), (0.8082223, 2.0999998),
                                                  (0.8082223, 2.0999998), (0.8143624, 2.0999998)],
    "rmsprop": [(-2.1606977, 5.1618824), (-8.0053256, 5.1618824), (-8.0053256, 5.1618824),
                (-10.7843189, 5.1618824)]
}
POWERS = {"dense": 0.59049, "sparse": 0.6561, "rmsprop": 0.9}
GRADIENTS: List[Dict[int, float]] = [{0: 0.1, 1: -0.2}, {0: 0.3}, {}, {0: -0.4}]


def power_of(session: tf.Session) -> float:
    found = [v for v in tf.global_variables() if v.op.name.endswith("beta1_power")]
    assert len(found) == 1
    return session.run(found[0])


@pytest.mark.parametrize("resource", [False, True])
@pytest.mark.parametrize("kind", sorted(GOLDEN))
def test_documented_values(kind: str, resource: bool) -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        w = tf.get_variable("w", initializer=tf.constant([[1.0], [2.0]]), use_resource=resource)
        indices, values = tf.placeholder(tf.int64, [None]), tf.placeholder(tf.float32, [None, 1])
        slices = tf.IndexedSlices(values, indices, tf.constant([2, 1], tf.int64))
        gradient = tf.unsorted_segment_sum(values, indices, 2) if kind == "dense" else slices
        step = AdamAsyncOptimizer(0.1, apply_sparse_rmsprop=kind == "rmsprop").apply_gradients(
            [(gradient, w)])
        session.run(tf.global_variables_initializer())
        for gradients, expected in zip(GRADIENTS, GOLDEN[kind]):
            session.run(
                step,
                {indices: list(gradients), values: np.reshape(list(gradients.values()), [-1, 1])})
            np.testing.assert_allclose(session.run(w)[:, 0], expected, rtol=2e-6)
        assert power_of(session) == pytest.approx(POWERS[kind], rel=1e-6)


def lazy_adam(w: np.ndarray, steps: List[Tuple[np.ndarray, np.ndarray]], rate: float) -> np.ndarray:
    """The rule for rows in float64; indices may stand twice."""
    m, v, b1p, b2p = np.zeros_like(w), np.zeros_like(w), 0.9, 0.999
    for indices, gradients in steps:
        for row in set(indices.tolist()):
            g = gradients[indices == row].sum(axis=0)
            m[row], v[row] = 0.9 * m[row] + 0.1 * g, 0.999 * v[row] + 0.001 * g * g
            w[row] -= rate * np.sqrt(1 - b2p) / (1 - b1p) * m[row] / (np.sqrt(v[row]) + 1e-8)
        if len(indices):
            b1p, b2p = b1p * 0.9, b2p * 0.999
    return w


@pytest.mark.parametrize("resource", [False, True])
@pytest.mark.parametrize("partitioner", [None, layers.partitioner(40)])
@pytest.mark.parametrize("seed", range(3))
def test_rows_against_numpy_with_repeated_indices(seed: int, partitioner: Callable,
                                                  resource: bool) -> None:
    rng = np.random.default_rng(seed)
    steps = []
    for size in (7, 0, 12, 3, 5):
        steps.append((rng.integers(0, 9, size), rng.standard_normal([size, 3]).astype(np.float32)))
    start = rng.standard_normal([9, 3]).astype(np.float32)
    with tf.Graph().as_default(), tf.Session() as session:
        table = tf.get_variable(
            "table", initializer=start, partitioner=partitioner,
            use_resource=resource) if (partitioner is None) else tf.get_variable(
                "table", [9, 3],
                partitioner=partitioner,
                use_resource=resource,
                initializer=lambda shape, dtype, partition_info: tf.constant(start[
                    partition_info.var_offset[0]:][:shape[0]]))
        indices, upstream = tf.placeholder(tf.int64, [None]), tf.placeholder(tf.float32, [None, 3])
        rows = tf.nn.embedding_lookup(table, indices, partition_strategy="div")
        step = AdamAsyncOptimizer(0.05).minimize(tf.reduce_sum(rows * upstream))
        session.run(tf.global_variables_initializer())
        for ids, gradients in steps:
            session.run(step, {indices: ids, upstream: gradients})
        got = session.run(tf.convert_to_tensor(table))
        assert power_of(session) == pytest.approx(0.9 ** 5, rel=1e-5)
    np.testing.assert_allclose(got, lazy_adam(start.astype(np.float64), steps, 0.05), rtol=1e-4,
                               atol=1e-5)


def test_dense_equals_tensorflows_adam() -> None:
    values = []
    for optimizer in (AdamAsyncOptimizer(0.01), tf.train.AdamOptimizer(0.01)):
        with tf.Graph().as_default(), tf.Session() as session:
            w = tf.get_variable("w", initializer=tf.ones([4, 2]))
            gradient = tf.placeholder(tf.float32, [4, 2])
            step = optimizer.apply_gradients([(gradient, w)])
            session.run(tf.global_variables_initializer())
            for _ in range(20):
                session.run(step, {gradient: np.cos(np.arange(8)).reshape(4, 2)})
            values.append(session.run(w))
    np.testing.assert_allclose(*values, rtol=1e-5)


def test_checkpoint_goes_on_in_other_slices(tmp_path: object) -> None:
    def run(slice_bytes: int, restore: bool, steps: int) -> np.ndarray:
        with tf.Graph().as_default(), tf.Session() as session:
            table = tf.get_variable("table", [8, 2], initializer=tf.ones_initializer(),
                                    partitioner=layers.partitioner(slice_bytes))
            rows = tf.nn.embedding_lookup(table, tf.constant([1, 1, 6]), partition_strategy="div")
            step = AdamAsyncOptimizer(0.1).minimize(tf.reduce_sum(rows ** 2))
            saver = tf.train.Saver()
            path = "{}/model".format(tmp_path)
            saver.restore(session, path) if restore else session.run(
                tf.global_variables_initializer())
            for _ in range(steps):
                session.run(step)
            saver.save(session, path)
            return session.run(tf.convert_to_tensor(table))

    whole = run(0, False, 6)
    run(16, False, 3)
    np.testing.assert_allclose(run(32, True, 3), whole, rtol=1e-6)


def test_updates_stand_where_the_variable_does() -> None:
    with tf.Graph().as_default() as graph:
        with tf.device(tf.train.replica_device_setter(ps_tasks=2)):
            tables = [tf.get_variable(name, [8, 2]) for name in "ab"]
            rows = [tf.nn.embedding_lookup(table, tf.constant([1])) for table in tables]
            AdamAsyncOptimizer(0.1).minimize(tf.add_n([tf.reduce_sum(r) for r in rows]))
        for table in tables:
            inside = [
                op for op in graph.get_operations()
                if "update_{}/".format(table.op.name) in op.name and op.type.startswith("Scatter")
            ]
            assert len(inside) == 3 and {op.device for op in inside} == {table.device}
        assert len({table.device for table in tables}) == 2

from typing import Dict, List, NamedTuple, Sequence, Tuple

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from common import layers
from common.optimizers.adagrad_decay import AdagradDecayOptimizer


@pytest.mark.parametrize("resource", [False, True])
def test_documented_values_of_a_dense_variable(resource: bool) -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        step = tf.train.get_or_create_global_step()
        w = tf.get_variable("w", initializer=1.0, use_resource=resource)
        optimizer = AdagradDecayOptimizer(1.0, step, 0.1, 2, 0.5)
        train = optimizer.apply_gradients([(tf.constant(0.5), w)], step)
        session.run(tf.global_variables_initializer())
        accumulators, weights = [], []
        for _ in range(6):
            session.run(train)
            accumulators.append(session.run(optimizer.get_slot(w, "accumulator")))
            weights.append(session.run(w))
    np.testing.assert_allclose(accumulators, [0.35, 0.425, 0.675, 0.5875, 0.8375, 0.66875],
                               rtol=1e-5)
    np.testing.assert_allclose(weights,
                               [0.154846, -0.612119, -1.220700, -1.873028, -2.419386, -3.030804],
                               rtol=1e-5)


@pytest.mark.parametrize("resource", [False, True])
def test_documented_values_of_a_row(resource: bool) -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        step = tf.get_variable("step", initializer=tf.constant(0, tf.int64), trainable=False)
        w = tf.get_variable("w", [3, 1], initializer=tf.zeros_initializer(), use_resource=resource)
        optimizer = AdagradDecayOptimizer(1.0, step, 0.1, 2, 0.5)
        gradient = tf.placeholder(tf.float32, [1, 1])
        slices = tf.IndexedSlices(gradient, tf.constant([1], tf.int64), tf.constant([3, 1],
                                                                                    tf.int64))
        train = optimizer.apply_gradients([(slices, w)])
        session.run(tf.global_variables_initializer())
        accumulators: List[float] = []
        for at, value in [(0, 2.0)] + [(at, 0.1) for at in range(7, 12)]:
            step.load(at, session)
            session.run(train, {gradient: [[value]]})
            accumulators.append(session.run(optimizer.get_slot(w, "accumulator"))[1, 0])
        powers = session.run(optimizer.get_slot(w, "accumulator_decay_power"))
    np.testing.assert_allclose(accumulators, [4.1, 2.06, 1.04, 0.53, 0.275, 0.1475], rtol=1e-5)
    assert powers.tolist() == [[0], [5], [0]]


def test_a_discount_comes_before_the_gradient_of_its_step_and_not_below_the_start() -> None:
    """Of three steps, the third is the first whose step + 1 is a multiple of the period."""
    with tf.Graph().as_default(), tf.Session() as session:
        step = tf.get_variable("step", initializer=tf.constant(0, tf.int32), trainable=False)
        w = tf.get_variable("w", [2], initializer=tf.zeros_initializer())
        optimizer = AdagradDecayOptimizer(1.0, step, 0.1, 3, 0.5)
        train = optimizer.apply_gradients([(tf.constant([1.0, 0.05]), w)], step)
        session.run(tf.global_variables_initializer())
        accumulators = []
        for _ in range(3):
            session.run(train)
            accumulators.append(session.run(optimizer.get_slot(w, "accumulator")))
    np.testing.assert_allclose(accumulators,
                               [[1.1, 0.1025], [2.1, 0.105], [2.1 * 0.5 + 1, 0.1 + 0.0025]],
                               rtol=1e-5)


class Step(NamedTuple):
    """A global step, and the gradients of rows, which may stand twice."""

    at: int
    rows: np.ndarray
    gradients: np.ndarray


def decayed(w: np.ndarray, steps: Sequence[Step],
            dense: bool) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The rule in float64, of rows or of all, with rate 0.5, start 0.1, period 2 and discount
    0.5.
    """
    accumulator, power = np.full_like(w, 0.1), np.zeros(len(w), int)
    for at, rows, gradients in steps:
        for row in range(len(w)) if dense else set(rows.tolist()):
            g = gradients[rows == row].sum(axis=0)
            if (at + 1) // 2 > power[row]:
                power[row] += 1
                accumulator[row] = np.maximum(accumulator[row] * 0.5, 0.1)
            accumulator[row] += g * g
            w[row] -= 0.5 * g / np.sqrt(accumulator[row])
    return w, accumulator, power


@pytest.mark.parametrize("dense", [False, True])
@pytest.mark.parametrize("resource, slice_bytes", [(False, 0), (True, 0), (False, 40), (True, 40)])
def test_against_numpy_with_repeated_rows_and_an_empty_gradient(resource: bool, slice_bytes: int,
                                                                dense: bool) -> None:
    rng = np.random.default_rng(3)
    sizes = {0: 7, 1: 0, 2: 12, 3: 5, 30: 9, 31: 9, 32: 9, 33: 2, 34: 9}
    steps = [Step(at, rng.integers(0, 9, size), rng.standard_normal([size, 3]).astype(np.float32))
             for at, size in sizes.items()]
    start = rng.standard_normal([9, 3]).astype(np.float32)
    with tf.Graph().as_default(), tf.Session() as session:
        at = tf.get_variable("step", initializer=tf.constant(0, tf.int64), trainable=False)
        table = tf.get_variable(
            "table", [9, 3], partitioner=layers.partitioner(slice_bytes), use_resource=resource,
            initializer=lambda shape, dtype, partition_info=None: tf.constant(
                start[partition_info.var_offset[0] if partition_info else 0:][:shape[0]]))
        rows, upstream = tf.placeholder(tf.int64, [None]), tf.placeholder(tf.float32, [None, 3])
        found = (tf.matmul(tf.one_hot(rows, 9), tf.convert_to_tensor(table)) if dense
                 else tf.nn.embedding_lookup(table, rows, partition_strategy="div"))
        optimizer = AdagradDecayOptimizer(0.5, at, 0.1, 2, 0.5)
        train = optimizer.minimize(tf.reduce_sum(found * upstream))
        session.run(tf.global_variables_initializer())
        for step in steps:
            at.load(step.at, session)
            session.run(train, {rows: step.rows, upstream: step.gradients})
        slices = list(table) if slice_bytes else [table]
        got = [np.concatenate(session.run([optimizer.get_slot(part, name) for part in slices]))
               for name in ("accumulator", "accumulator_decay_power")]
        weights = session.run(tf.convert_to_tensor(table))
    expected = decayed(start.astype(np.float64), steps, dense)
    np.testing.assert_allclose(weights, expected[0], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(got[0], expected[1], rtol=1e-4)
    assert got[1][:, 0].tolist() == expected[2].tolist()
    assert expected[2].max() < 17  # no row has caught up


def test_without_a_discount_it_is_adagrad() -> None:
    results = []
    for decays in (True, False):
        with tf.Graph().as_default(), tf.Session() as session:
            step = tf.train.get_or_create_global_step()
            table = tf.get_variable("table", [9, 2], initializer=tf.ones_initializer())
            rows = tf.nn.embedding_lookup(table, tf.constant([3, 3, 5]))
            optimizer = tf.train.AdagradOptimizer(0.1)
            if decays:
                optimizer = AdagradDecayOptimizer(0.1, step)
            train = optimizer.minimize(tf.reduce_sum(rows ** 2), step)
            session.run(tf.global_variables_initializer())
            for _ in range(10):
                session.run(train)
            results.append(session.run(table))
    np.testing.assert_allclose(*results, rtol=1e-5)


def test_checkpoint_goes_on_in_other_slices(tmp_path: object) -> None:
    def run(slice_bytes: int, restore: bool, steps: int) -> np.ndarray:
        with tf.Graph().as_default(), tf.Session() as session:
            step = tf.train.get_or_create_global_step()
            table = tf.get_variable("table", [8, 2], initializer=tf.ones_initializer(),
                                    partitioner=layers.partitioner(slice_bytes))
            rows = tf.nn.embedding_lookup(table, tf.constant([1, 1, 6]), partition_strategy="div")
            train = AdagradDecayOptimizer(0.1, step, accumulator_decay_step=2).minimize(
                tf.reduce_sum(rows ** 2), step)
            saver, path = tf.train.Saver(), "{}/model".format(tmp_path)
            saver.restore(session, path) if restore else session.run(
                tf.global_variables_initializer())
            for _ in range(steps):
                session.run(train)
            saver.save(session, path)
            return session.run(tf.convert_to_tensor(table))

    whole = run(0, False, 6)
    run(16, False, 3)
    np.testing.assert_allclose(run(32, True, 3), whole, rtol=1e-6)


@pytest.mark.parametrize("arguments, message", [
    (dict(initial_accumulator_value=0.0), "initial_accumulator_value must be > 0. Got: 0.0"),
    (dict(accumulator_decay_step=0), "accumulator_decay_step must be > 0. Got: 0"),
    (dict(accumulator_decay_rate=1.0), "accumulator_decay_rate must be > 0 and < 1. Got: 1.0")])
def test_numbers_out_of_range(arguments: Dict[str, float], message: str) -> None:
    with tf.Graph().as_default(), pytest.raises(ValueError, match=message):
        AdagradDecayOptimizer(0.1, tf.train.get_or_create_global_step(), **arguments)

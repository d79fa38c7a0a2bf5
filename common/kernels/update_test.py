from typing import Callable, Dict

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from common import optimizers
from common.adam_async import AdamAsyncOptimizer
from common.kernels import lookup, native, update

pytestmark = pytest.mark.skipif(native.load().ops is None, reason=native.load().reason)

PLAIN: Dict[str, Callable[[float], tf.train.Optimizer]] = {
    "adagrad": tf.train.AdagradOptimizer, "adamasync": AdamAsyncOptimizer, "adam": tf.train.AdamOptimizer}
NATIVE = ("ZooAdagradRows", "ZooAdam")


def train(make: Callable[[], tf.train.Optimizer], rows: int, size: int, lookups: int) -> Dict[str, np.ndarray]:
    """The variables after three steps, in which random rows of a table are looked up."""
    rng = np.random.default_rng(7)
    with tf.Graph().as_default() as graph, tf.Session() as session:
        start = rng.standard_normal([rows, size]).astype(np.float32)
        table = tf.get_variable("table", initializer=start)
        ids = tf.placeholder(tf.int32, [None])
        target = tf.constant(rng.standard_normal(size), tf.float32)
        looked_up = [lookup.lookup([table], [lookup.Lookup(0, (ids + i) % rows)]) for i in range(lookups)]
        loss = tf.add_n([tf.reduce_sum((embedded - target) ** 2) for embedded in looked_up])
        step = make().minimize(loss)
        natives = [op.type for op in graph.get_operations() if op.type in NATIVE]
        session.run(tf.global_variables_initializer())
        for count in (0, 5, 2000):
            session.run(step, {ids: rng.integers(0, rows, count)})
        values = session.run({v.op.name: v for v in tf.global_variables()})
    return dict(values, natives=np.array(len(natives)))


@pytest.mark.parametrize("name", sorted(PLAIN))
@pytest.mark.parametrize("rows, size, lookups", [(3, 1, 1), (5000, 16, 1), (40, 18, 3), (2000, 5, 2)])
def test_is_what_the_optimizers_own_ops_compute(name: str, rows: int, size: int, lookups: int) -> None:
    ours, theirs = [train(make, rows, size, lookups)
                    for make in (lambda: optimizers.make(name, 0.1), lambda: PLAIN[name](0.1))]
    assert (ours.pop("natives"), theirs.pop("natives")) == (1, 0)
    assert sorted(set(ours) - {"global_step"}) == sorted(theirs)
    for variable in theirs:
        np.testing.assert_allclose(ours[variable], theirs[variable], rtol=3e-4, atol=1e-5)


def test_a_table_on_a_server_is_updated_there() -> None:
    with tf.Graph().as_default():
        with tf.device("/job:ps/task:0"):
            remote = tf.get_variable("remote", [3, 2])
        assert update.serves(tf.get_variable("table", [3, 2]))
        assert not update.serves(remote) and not update.serves(tf.get_variable("vector", [3]))
        assert not update.serves(tf.get_variable("resource", [3, 2], use_resource=True))


@pytest.mark.parametrize("rows, values, rate, message", [
    ([0, 3], [2, 2], 0.1, "a row must be of 0 to 2. Got: 3"),
    ([-1, 0], [2, 2], 0.1, "a row must be of 0 to 2. Got: -1"),
    ([0, 1], [2, 3], 0.1, r"drow must be \[2, 2\]. Got: \[2,3\]"),
    ([0, 1], [2, 2], [0.1, 0.1], r"rate must be a scalar. Got: \[2\]"),
])
def test_inputs_that_do_not_fit(rows: list, values: list, rate: object, message: str) -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        table = tf.get_variable("table", [3, 2])
        kept = tf.get_variable("kept", [3, 2], initializer=tf.ones_initializer())
        slices = tf.IndexedSlices(tf.ones(values), tf.constant(rows))
        session.run(tf.global_variables_initializer())
        before = session.run(table)
        for operation in (update.adagrad(table, kept, tf.constant(rate), slices),
                          update.adam(table, kept, kept, tf.constant(rate), slices, 0.9, 0.99, 1e-8),
                          update.adam(table, kept, kept, tf.constant(rate), slices, 0.9, 0.99, 1e-8, all_rows=True)):
            with pytest.raises(tf.errors.InvalidArgumentError, match=message):
                session.run(operation)
        np.testing.assert_array_equal(session.run(table), before)


def test_slots_of_another_shape() -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        table, kept = tf.get_variable("table", [3, 2]), tf.get_variable("kept", [2, 2])
        session.run(tf.global_variables_initializer())
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"must be \[V, D\]. Got: \[3,2\] and \[2,2\]"):
            slices = tf.IndexedSlices(tf.ones([1, 2]), tf.zeros([1], tf.int32))
            session.run(update.adagrad(table, kept, tf.constant(0.1), slices))

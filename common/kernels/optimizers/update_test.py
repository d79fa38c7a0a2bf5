from typing import Callable, Dict, List

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from common.kernels import native
from common.kernels.embedding import lookup
from common.kernels.optimizers import update
from common.optimizers import catalog
from common.optimizers.adagrad_decay import AdagradDecayOptimizer
from common.optimizers.adam_async import AdamAsyncOptimizer

pytestmark = pytest.mark.skipif(native.load().ops is None, reason=native.load().reason)

PLAIN: Dict[str, Callable[[float], tf.train.Optimizer]] = {
    "adagrad": tf.train.AdagradOptimizer, "adamasync": AdamAsyncOptimizer,
    "adam": tf.train.AdamOptimizer,
    "adagraddecay": lambda rate: AdagradDecayOptimizer(rate, tf.train.get_or_create_global_step())
}
NATIVE = ("ZooAdagradRows", "ZooAdam", "ZooAdagradDecay")


def train(make: Callable[[], tf.train.Optimizer], rows: int, size: int,
          lookups: int) -> Dict[str, np.ndarray]:
    """The variables after three steps, in which random rows of a table are looked up."""
    rng = np.random.default_rng(7)
    with tf.Graph().as_default() as graph, tf.Session() as session:
        start = rng.standard_normal([rows, size]).astype(np.float32)
        table = tf.get_variable("table", initializer=start)
        ids = tf.placeholder(tf.int32, [None])
        target = tf.constant(rng.standard_normal(size), tf.float32)
        looked_up = [
            lookup.lookup([table], [lookup.Lookup(0, (ids + i) % rows)]) for i in range(lookups)
        ]
        loss = tf.add_n([tf.reduce_sum((embedded - target) ** 2) for embedded in looked_up])
        step = make().minimize(loss)
        natives = [op.type for op in graph.get_operations() if op.type in NATIVE]
        session.run(tf.global_variables_initializer())
        for count in (0, 5, 2000):
            session.run(step, {ids: rng.integers(0, rows, count)})
        values = session.run({v.op.name: v for v in tf.global_variables()})
    return dict(values, natives=np.array(len(natives)))


@pytest.mark.parametrize("name", sorted(PLAIN))
@pytest.mark.parametrize("rows, size, lookups", [(3, 1, 1), (5000, 16, 1), (40, 18, 3),
                                                 (2000, 5, 2)])
def test_is_what_the_optimizers_own_ops_compute(name: str, rows: int, size: int,
                                                lookups: int) -> None:
    ours, theirs = [
        train(make, rows, size, lookups)
        for make in (lambda: catalog.make(name, 0.1, native=True), lambda: PLAIN[name](0.1))
    ]
    assert (ours.pop("natives"), theirs.pop("natives")) == (1, 0)
    assert sorted(set(ours) - {"global_step"}) == sorted(set(theirs) - {"global_step"})
    for variable in theirs:
        np.testing.assert_allclose(ours[variable], theirs[variable], rtol=3e-4, atol=1e-5)


def test_a_table_on_a_server_is_updated_there() -> None:
    with tf.Graph().as_default():
        with tf.device("/job:ps/task:0"):
            remote = tf.get_variable("remote", [3, 2])
        assert update.serves(tf.get_variable("table", [3, 2])) and update.serves(
            tf.get_variable("vector", [3]))
        assert not update.serves(remote)
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
        adam = [table, kept, kept, tf.constant(rate), slices, 0.9, 0.99, 1e-8]
        operations = [
            update.adagrad(table, kept, tf.constant(rate), slices),
            update.adam(*adam),
            update.adam(*adam, all_rows=True),
        ]
        for operation in operations:
            with pytest.raises(tf.errors.InvalidArgumentError, match=message):
                session.run(operation)
        np.testing.assert_array_equal(session.run(table), before)


def test_slots_of_another_shape() -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        table, kept = tf.get_variable("table", [3, 2]), tf.get_variable("kept", [2, 2])
        session.run(tf.global_variables_initializer())
        with pytest.raises(tf.errors.InvalidArgumentError,
                           match=r"must be \[V, D\]. Got: \[3,2\] and \[2,2\]"):
            slices = tf.IndexedSlices(tf.ones([1, 2]), tf.zeros([1], tf.int32))
            session.run(update.adagrad(table, kept, tf.constant(0.1), slices))


@pytest.mark.parametrize("shape", [[], [1], [7], [0], [0, 4], [600, 3], [5, 2, 3], [3000]])
@pytest.mark.parametrize("dense", [True, False])
def test_adagrad_decay_is_what_tensorflows_ops_compute(shape: List[int], dense: bool) -> None:
    """With a global step that jumps, so that some rows are discounted later than others."""
    if not dense and not shape:
        pytest.skip("a scalar has no rows")

    def run(native_ops: bool) -> List[np.ndarray]:
        rng = np.random.default_rng(5)
        with tf.Graph().as_default() as graph, tf.Session() as session:
            step = tf.get_variable("step", initializer=tf.constant(0, tf.int64), trainable=False)
            variable = tf.get_variable("variable",
                                       initializer=rng.standard_normal(shape).astype(np.float32))
            values = tf.placeholder(tf.float32, [None] + shape[1:] if shape else [])
            rows = tf.placeholder(tf.int32, [None])
            optimizer = AdagradDecayOptimizer(0.3, step, 0.2, 3, 0.6)
            variable_slices = values if dense else tf.IndexedSlices(values, rows)
            optimizer._create_slots([variable])
            train = (optimizer.apply_with(update.adagrad_decay, variable_slices, variable)
                     if native_ops else optimizer._apply_dense(values, variable)
                     if dense else optimizer._apply_sparse(variable_slices, variable))
            assert native_ops == any(op.type == "ZooAdagradDecay" for op in graph.get_operations())
            session.run(tf.global_variables_initializer())
            for at in (0, 2, 3, 11, 12, 13, 14):
                step.load(at, session)
                count = shape[0] if dense and shape else 0 if not shape else shape[0] // 2
                named = rng.permutation(shape[0])[:count] if shape else []
                gradient = rng.standard_normal([count] + shape[1:] if shape else []) * 0.3
                session.run(train, {values: gradient, rows: named})
            return session.run([variable] + [
                optimizer.get_slot(variable, name)
                for name in ("accumulator", "accumulator_decay_power")
            ])

    ours, theirs = run(True), run(False)
    np.testing.assert_array_equal(ours[2], theirs[2])
    for mine, wanted in zip(ours, theirs):
        np.testing.assert_allclose(mine, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "change, message",
    [(dict(rows=[0, 3]), "a row must be of 0 to 2. Got: 3"),
     (dict(rows=[-1, 0]), "a row must be of 0 to 2. Got: -1"),
     (dict(values=[2, 3]), r"gradient must be of shape \[2,2\]. Got: \[2,3\]"),
     (dict(values=[1, 2]), r"gradient must be of shape \[2,2\]. Got: \[1,2\]"),
     (dict(rows=None), r"gradient must be of shape \[3,2\]. Got: \[2,2\]"),
     (dict(accumulator=[3, 1]), r"accumulator must be of shape \[3,2\]. Got: \[3,1\]"),
     (dict(power=[2]), r"power must be of 3 numbers, one a row. Got: \[2\]"),
     (dict(rate=[0.1, 0.1]), r"rate and periods must be scalars. Got: \[2\] and \[\]"),
     (dict(periods=[1, 1]), r"rate and periods must be scalars. Got: \[\] and \[2\]"),
     (dict(shape=[], accumulator=[], power=[]), "a scalar has no rows")])
def test_inputs_of_adagrad_decay_that_do_not_fit(change: Dict[str, object], message: str) -> None:
    given = dict(
        dict(rows=[0, 1], values=[2, 2], accumulator=[3, 2], power=[3, 1], rate=0.1, periods=1,
             shape=[3, 2]), **change)
    with tf.Graph().as_default(), tf.Session() as session:
        variable = tf.get_variable("variable", given["shape"], initializer=tf.ones_initializer())
        accumulator = tf.get_variable("accumulator", given["accumulator"],
                                      initializer=tf.ones_initializer())
        power = tf.get_variable("power", given["power"], tf.int64,
                                initializer=tf.zeros_initializer())
        gradient = tf.ones(given["values"])
        if given["rows"] is not None:
            gradient = tf.IndexedSlices(gradient, tf.constant(given["rows"]))
        step = update.adagrad_decay(variable, accumulator, power, given["rate"],
                                    tf.constant(given["periods"], tf.int64), gradient, 0.1, 0.9)
        session.run(tf.global_variables_initializer())
        before = session.run(variable)
        with pytest.raises(tf.errors.OpError, match=message):
            session.run(step)
        np.testing.assert_array_equal(session.run(variable), before)


@pytest.mark.parametrize("shapes", [[[1]], [[5], [], [0], [3, 2]], [[40000], [7]]])
def test_moving_averages_are_what_tensorflows_ops_compute(shapes: List[List[int]]) -> None:
    rng = np.random.default_rng(0)
    starts, values = [[rng.standard_normal(shape).astype(np.float32)
                       for shape in shapes]
                      for _ in range(2)]

    def run(ours: bool) -> List[np.ndarray]:
        with tf.Graph().as_default(), tf.Session() as session:
            averages = [tf.Variable(start) for start in starts]
            step = (update.moving_averages(averages, values, 0.01) if ours else [
                tf.assign_sub(average, (average - value) * 0.01)
                for average, value in zip(averages, values)
            ])
            session.run(tf.global_variables_initializer())
            for _ in range(3):
                session.run(step)
            return session.run(averages)

    for ours, theirs in zip(run(True), run(False)):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", ["adagrad", "adam", "average"])
@pytest.mark.parametrize("shape, rate, message", [
    ([2, 3], 0.1, r"a variable must be of shape \[2,3\]. Got: \[3,2\]"),
    ([3, 2], [0.1], r"rate must be of shape \[\]. Got: \[1\]")])
def test_dense_gradients_that_do_not_fit_change_nothing(name: str, shape: list, rate: object,
                                                        message: str) -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        first, second = [[
            tf.get_variable(kept + number, [3, 2], initializer=tf.ones_initializer())
            for kept in "wmv"
        ]
                         for number in "12"]
        w, m, v = [list(pair) for pair in zip(first, second)]
        gradients = [tf.ones([3, 2]), tf.ones(shape)]
        run = {
            "adagrad": lambda: update.adagrad_dense(w, m, gradients, tf.constant(rate)),
            "adam": lambda: update.adam_dense(w, m, v, gradients, tf.constant(rate), 0.9, 0.999,
                                              1e-8),
            "average": lambda: update.moving_averages(w, gradients, rate)
        }[name]()
        with pytest.raises(tf.errors.FailedPreconditionError, match="uninitialized value"):
            session.run(run)
        session.run(tf.global_variables_initializer())
        with pytest.raises(tf.errors.InvalidArgumentError, match=message):
            session.run(run)
        assert all((value == 1.0).all() for value in session.run(first + second))

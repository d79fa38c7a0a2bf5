from typing import Dict, List, Sequence, Tuple

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from common import layers
from common import tf_private
from common.config.toggles import Toggles
from common.embedding import embedding_variable, graph_record, storage
from common.embedding.kinds import Kind
from common.embedding.storage import Storage
from common.embedding.table_spec import TableSpec
from common.kernels import native
from common.kernels.embedding import lookup
from common.layers import Dense, Norm
from common.config.schema import WEIGHT
from common.optimizers import micro_batch, train_step
from common.optimizers.micro_batch import Backward, Slice
from common.optimizers.train_step import Training

LENGTHS = [2, 0, 1, 3, 0, 0, 4]


def batch(rows: int) -> Tuple[Dict[str, tf.Tensor], Dict[str, tf.Tensor]]:
    """Features and labels of the first rows: an id, a number, and lists of LENGTHS items."""
    splits = np.cumsum([0] + LENGTHS[:rows])
    items = np.arange(splits[-1])
    features = {
        "id": tf.range(rows), "number": tf.range(rows, dtype=tf.float32) / 2,
        "a.b.values": tf.constant(items, tf.int32), "a.b.row_splits": tf.constant(
            splits, tf.int64), "a.b.weights": tf.constant(items + 0.5, tf.float32)
    }
    return features, {"y": tf.range(rows, dtype=tf.float32) * 10}


@pytest.mark.parametrize("rows, count, expected", [(7, 2, [[0, 1, 2], [3, 4, 5, 6]]),
                                                   (7, 3, [[0, 1], [2, 3], [4, 5, 6]]),
                                                   (7, 7, [[0], [1], [2], [3], [4], [5], [6]]),
                                                   (6, 3, [[0, 1], [2, 3], [4, 5]])])
def test_slices_are_the_batchs_rows_in_order(rows: int, count: int,
                                             expected: List[List[int]]) -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        slices = session.run(
            [micro_batch.cut(*batch(rows), number, count) for number in range(count)])
        whole = session.run(batch(rows)[0])
    bounds = whole["a.b.row_splits"]
    for (features, labels, share, share_of_loss), wanted in zip(slices, expected):
        assert share_of_loss == share
        assert features["id"].tolist() == wanted and share == pytest.approx(len(wanted) / rows)
        assert features["number"].tolist() == [row / 2 for row in wanted]
        assert labels["y"].tolist() == [row * 10 for row in wanted]
        assert np.diff(features["a.b.row_splits"]).tolist() == [LENGTHS[row] for row in wanted]
        items = list(range(bounds[wanted[0]], bounds[wanted[-1] + 1]))
        assert features["a.b.row_splits"][0] == 0 and features["a.b.values"].tolist() == items
        assert features["a.b.weights"].tolist() == [item + 0.5 for item in items]


@pytest.mark.parametrize("rows, count", [(1, 2), (2, 5), (3, 4)])
def test_a_batch_of_fewer_rows_than_slices(rows: int, count: int) -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        slices = session.run(
            [micro_batch.cut(*batch(rows), number, count) for number in range(count)])
    assert all(len(one.features["id"]) == 1 for one in slices)
    assert sorted(one.features["id"][0] for one in slices if one.share) == list(range(rows))
    assert sum(one.share for one in slices) == pytest.approx(1)


@pytest.mark.parametrize("weights, shares", [
    ([1, 0, 3, 4, 0, 0], [1 / 8, 7 / 8, 0]), ([0, 0, 0, 0, 0, 0], [1 / 3, 1 / 3, 1 / 3]),
    ([2, 6], [0, 0.25, 0.75])])
def test_where_rows_have_weights_a_slice_counts_by_them(weights: List[float],
                                                        shares: List[float]) -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        features, labels = batch(len(weights))
        labels[WEIGHT] = tf.constant(weights, tf.float32)
        slices = [micro_batch.cut(features, labels, number, 3) for number in range(3)]
        found = session.run([part.share_of_loss for part in slices])
    assert found == pytest.approx(shares)


def train(count: int, rows: Sequence[int], optimizer: str,
          native_lookups: bool = False) -> Dict[str, np.ndarray]:
    """The variables behind a step on each number of rows, and its losses: a regression with an L2
    term on a dense kernel, on a table that is looked up twice, and on one that no loss depends
    on."""
    with tf.Graph().as_default() as graph, tf.Session() as session:
        tf.set_random_seed(1)
        size = tf.placeholder(tf.int32, [])
        features, labels = batch(7)
        features = {"id": features["id"][:size], "number": features["number"][:size]}

        def loss_of(features: Dict[str, tf.Tensor], labels: Dict[str, tf.Tensor]) -> tf.Tensor:
            table = tf.get_variable("table", [5, 3],
                                    initializer=tf.random_normal_initializer(seed=2))
            tf.get_variable("unused", [2], initializer=tf.zeros_initializer())
            kernel = tf.get_variable("kernel", [3, 1], initializer=tf.ones_initializer(),
                                     regularizer=tf.keras.regularizers.l2(0.3))
            ids = [features["id"] % 5, features["id"] // 3]
            found = [
                lookup.lookup([table], [lookup.Lookup(0, wanted)]) if native_lookups else tf.gather(
                    table, wanted) for wanted in ids
            ]
            outputs = tf.matmul(tf.add_n(found), kernel)[:, 0] + features["number"]
            return tf.reduce_mean(
                (outputs - labels["y"]) ** 2) + tf.losses.get_regularization_loss()

        spec = train_step.train_spec(
            loss_of, features, {"y": labels["y"][:size]},
            Training(optimizer, 0.01, Toggles(emb_fusion=native_lookups, micro_batch=count)))
        assert len(tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES)) == 1
        assert not native_lookups or optimizer == "gradientdescent" or any(
            op.type.startswith("ZooA") for op in graph.get_operations())
        session.run(tf.global_variables_initializer())
        losses = [session.run([spec.loss, spec.train_op], {size: number})[0] for number in rows]
        return dict(session.run({v.op.name: v
                                 for v in tf.global_variables()}),
                    losses=np.array(losses))


@pytest.mark.slow
@pytest.mark.parametrize("native_lookups", [False, pytest.param(True, marks=pytest.mark.skipif(
    native.load().ops is None, reason=native.load().reason))])
@pytest.mark.parametrize("count, optimizer", [(3, "gradientdescent"), (2, "adagrad"), (5, "adam"),
                                              (3, "adamasync"), (3, "adagraddecay")])
def test_slices_give_the_batchs_update(count: int, optimizer: str, native_lookups: bool) -> None:
    rows = [7, 6, 2, 1]  # the last batches have fewer rows than slices
    whole, sliced = [train(number, rows, optimizer, native_lookups) for number in (0, count)]
    assert sorted(sliced) == sorted(whole) and sliced["global_step"] == len(rows)
    for name, value in whole.items():
        np.testing.assert_allclose(sliced[name], value, rtol=1e-4, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("count", [0, 1])
def test_no_slices_are_the_batch_itself(count: int) -> None:
    features, labels = {"id": tf.constant([1])}, {"y": tf.constant([2.0])}
    done = micro_batch.one_after_another(lambda part: Backward(part, []), features, labels, count)
    assert done[0].loss == Slice(features, labels, 1.0, 1.0)
    assert micro_batch.sum_slices(done) is done[0]


def ancestors(op: tf.Operation) -> set:
    found, open_ops = set(), [op]
    while open_ops:
        op = open_ops.pop()
        for before in [tensor.op for tensor in op.inputs] + op.control_inputs:
            if before not in found:
                found.add(before)
                open_ops.append(before)
    return found


def test_a_slice_is_read_when_the_gradients_of_the_one_before_are_there() -> None:
    parts: List[Slice] = []
    losses: List[tf.Tensor] = []

    def loss_of(features: Dict[str, tf.Tensor], labels: Dict[str, tf.Tensor]) -> tf.Tensor:
        parts.append(Slice(features, labels, 0.0, 0.0))
        kernel = tf.get_variable("kernel", [1, 4], initializer=tf.ones_initializer())
        hidden = tf.tanh(tf.matmul(tf.expand_dims(features["number"], 1), kernel))
        losses.append(tf.reduce_mean(hidden))
        return losses[-1]

    with tf.Graph().as_default() as graph:
        spec = train_step.train_spec(loss_of, *batch(7),
                                     Training("gradientdescent", 0.1, Toggles(micro_batch=3)))
        products = [op for op in graph.get_operations() if op.type == "MatMul"]
        backward = [op for op in products if op.get_attr("transpose_a")]
        assert len(parts) == 3 and len(backward) == 3
        for number in (1, 2):
            part = parts[number]
            for tensor in [*part.features.values(), *part.labels.values()]:
                assert {losses[number - 1].op, backward[number - 1]} <= ancestors(tensor.op)
        assert {loss.op for loss in losses} <= ancestors(spec.loss.op)


@pytest.mark.parametrize("count", [2, 3, 7])
@pytest.mark.parametrize("fused", [False, True])
def test_a_running_mean_moves_once_by_the_mean_of_the_slices(count: int, fused: bool) -> None:
    dense = Dense(Toggles(op_fusion=fused))

    def loss_of(features: Dict[str, tf.Tensor], labels: Dict[str, tf.Tensor]) -> tf.Tensor:
        x = tf.expand_dims(features["number"], 1)
        return tf.reduce_mean(layers.batch_norm(x, "norm", Norm(True, 1e-3), dense))

    with tf.Graph().as_default(), tf.Session() as session:
        tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, tf.no_op())  # whoever made it, it stays
        spec = train_step.train_spec(loss_of, *batch(7),
                                     Training("gradientdescent", 0.0, Toggles(micro_batch=count)))
        assert len(tf.get_collection(tf.GraphKeys.UPDATE_OPS)) == 3
        session.run(tf.global_variables_initializer())
        session.run(spec.train_op)
        mean, variance = [
            session.run("norm/moving_{}:0".format(name)) for name in ("mean", "variance")
        ]
    numbers = np.arange(7) / 2
    slices = [numbers[7 * i // count:7 * (i + 1) // count] for i in range(count)]
    assert mean[0] == pytest.approx(0.03 * numbers.mean(), rel=1e-5)
    expected = sum(len(one) / 7 * one.var() for one in slices)
    assert variance[0] == pytest.approx(0.97 + 0.03 * expected, rel=1e-5)


@pytest.mark.skipif(native.load().ops is None, reason=native.load().reason)
def test_a_slice_without_rows_counts_no_keys() -> None:
    def loss_of(features: Dict[str, tf.Tensor], labels: Dict[str, tf.Tensor]) -> tf.Tensor:
        rows, _ = storage.rows_of_batch(TableSpec("t", 9, 2, 0.1, "t"), [features["key"]],
                                        Storage(Kind.EV), graph_record.of_graph())
        return tf.get_variable("scale", initializer=1.0) * tf.reduce_sum(rows) * tf.reduce_mean(
            labels["y"])

    with tf.Graph().as_default(), tf.Session() as session:
        spec = train_step.train_spec(loss_of, {"key": tf.constant([5, 6], tf.int64)},
                                     {"y": tf.ones([2])},
                                     Training("adagrad", 0.1, Toggles(micro_batch=3)))
        variable, = graph_record.of_graph().variables.values()
        embedding_variable.register([variable])
        session.run([tf.global_variables_initializer(), tf_private.initialize_resources()])
        for times in (1, 2):
            session.run(spec.train_op)
            counts = embedding_variable.frequencies(variable, tf.constant([5, 6, 7], tf.int64))
            assert session.run(counts).tolist() == [times, times, 0]


def test_an_update_that_moves_no_running_mean() -> None:
    def loss_of(*_: object) -> tf.Tensor:
        count = tf.get_variable("count", initializer=0.0, trainable=False)
        tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, tf.assign(count, 1.0))
        return tf.get_variable("weight", initializer=1.0) ** 2

    message = ("with --micro_batch, Assign must be an AssignSub or a ZooMovingAverage, by which "
               "running means move. Got: Assign. Train without --micro_batch")
    with tf.Graph().as_default(), pytest.raises(ValueError, match=message):
        train_step.train_spec(loss_of, *batch(7), Training("adam", 0.1, Toggles(micro_batch=2)))


def test_gradients_are_summed_where_they_are() -> None:
    with tf.Graph().as_default():
        with tf.device("/job:ps/task:1"):
            rows = [
                tf.IndexedSlices(tf.ones([2, 3]), tf.constant([0, 1]), tf.constant([5, 3]))
                for _ in range(2)
            ]
        with tf.device("/job:worker/task:0"):
            dense = [tf.ones([2]), tf.ones([2])]
        assert micro_batch.sum_of(rows).device == micro_batch.sum_of(
            rows).indices.device == "/job:ps/task:1"
        assert micro_batch.sum_of(dense).device == "/job:worker/task:0"
        assert micro_batch.sum_of([None, None]) is None

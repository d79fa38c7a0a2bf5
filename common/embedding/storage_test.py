from typing import Dict, List, Tuple

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from common import tf_private
from common.config.schema import Column
from common.config.tables import Admission, Settings
from common.config.toggles import Toggles
from common.embedding import embedding_variable, graph_record, input_layer, storage
from common.embedding.input_layer import Embedding
from common.embedding.kinds import Kind
from common.embedding.storage import Storage
from common.embedding.table_spec import TableSpec
from common.kernels import native
from common.optimizers import catalog, table_updates
from common.pipeline.features import feature_names

pytestmark = pytest.mark.skipif(native.load().ops is None, reason=native.load().reason)

COLUMNS = [
    Column("user", "hash", 1000, "all"),
    Column("item", "hash", 1000, "all", table="shared"),
    Column("tags", "hash", 1000, "all", separator="|", table="shared"),
    Column("size", "identity", 8, "all")
]
WIDTH, KEYS = 4, 30
KEYED = (Kind.EV, Kind.ADAPTIVE, Kind.DYNAMIC)  # whose ids are keys
FUSED = Toggles(emb_fusion=True)


def key(number: object) -> np.ndarray:
    """One of 30 keys of 63 bits."""
    return np.asarray(number, np.int64) * 200560490131 + (1 << 61)


def batches(count: int, rows: int = 13) -> List[Dict[str, np.ndarray]]:
    random = np.random.RandomState(4)
    made = []
    for _ in range(count):
        lengths = random.randint(0, 4, rows)
        splits = np.concatenate([[0], np.cumsum(lengths)])
        made.append({"user": random.randint(0, KEYS, rows), "item": random.randint(0, KEYS, rows),
                     "size": random.randint(0, 8, rows),
                     feature_names("tags").values: random.randint(0, KEYS, splits[-1]),
                     feature_names("tags").row_splits: splits,
                     feature_names("tags").weights: np.ones(splits[-1], np.float32)})
    return made


def feeds(
        graph: Dict[str, tf.Tensor],
        batch: Dict[str, np.ndarray],
        keyed: bool,
) -> Dict[tf.Tensor, np.ndarray]:
    hashed = ("user", "item", feature_names("tags").values)
    return {
        graph[name]: key(value) if keyed and name in hashed else value
        for name, value in batch.items()
    }


def placeholders() -> Dict[str, tf.Tensor]:
    made = {name: tf.placeholder(tf.int64, [None]) for name in (
        "user", "item", feature_names("tags").values, feature_names("tags").row_splits)}
    made["size"] = tf.placeholder(tf.int32, [None])
    made[feature_names("tags").weights] = tf.placeholder(tf.float32, [None])
    return made


def losses(
        kept: Storage,
        optimizer: str,
        count: int,
        toggles: Toggles = FUSED,
) -> Tuple[List[float], np.ndarray]:
    """The losses of some steps, and the embeddings of the last batch after them."""
    with tf.Graph().as_default():
        tf.set_random_seed(5)
        features = placeholders()
        config = Embedding(WIDTH, toggles, stddev=0.3, storage=kept)
        with graph_record.of_graph().collect_lookups() as lookups:
            embedded = input_layer.embed(features, COLUMNS, "all", config)
        target = tf.tile(tf.constant([[0.5, -0.2, 0.1, 0.3]]), [1, len(COLUMNS)])
        loss = tf.reduce_mean(tf.square(embedded - target))
        chosen = catalog.make(optimizer, 0.05)
        gradients = chosen.compute_gradients(
            loss,
            tf.trainable_variables() + [lookup.rows for lookup in lookups])
        of_tables = [gradient for gradient, _ in gradients[len(gradients) - len(lookups):]]
        merged = table_updates.merge(list(zip(lookups, of_tables)))
        updates = table_updates.update_all(merged, optimizer, 0.05)
        step = chosen.apply_gradients(gradients[:len(gradients) - len(lookups)],
                                      tf.train.get_or_create_global_step())
        embedding_variable.register(graph_record.of_graph().variables.values())
        with tf.Session() as session:
            session.run([tf.global_variables_initializer(),
                         tf_private.initialize_resources()])
            if kept.kind is Kind.FIXED:
                fill_with_defaults(session)
            done = []
            for batch in batches(count):
                feed = feeds(features, batch, kept.kind in KEYED)
                done.append(session.run([loss, step, *updates], feed)[0])
            return done, session.run(embedded, feed)


def fill_with_defaults(session: tf.Session) -> None:
    """Sets fixed tables to what embedding variables start with."""
    for variable in tf.trainable_variables():
        if variable.shape[0] == 1000:
            rows = embedding_variable.default_rows(variable.op.name, WIDTH, 0.3, 5)
            values = np.zeros([1000, WIDTH], np.float32)
            values[:KEYS] = rows[key(np.arange(KEYS)) % embedding_variable.DEFAULT_ROWS]
            variable.load(values, session)


@pytest.mark.parametrize("optimizer", ["gradientdescent", "adagrad", "adagraddecay", "adamasync"])
@pytest.mark.parametrize("toggles", [FUSED, Toggles()])
def test_an_embedding_variable_trains_as_a_table_without_collisions(
        optimizer: str,
        toggles: Toggles,
) -> None:
    expected, rows = losses(Storage(), optimizer, 25)
    got, got_rows = losses(Storage(Kind.EV), optimizer, 25, toggles)
    assert expected[-1] < 0.99 * expected[0]
    np.testing.assert_allclose(got, expected, rtol=2e-4)
    np.testing.assert_allclose(got_rows, rows, rtol=2e-3, atol=2e-5)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.FIXED])
@pytest.mark.parametrize("optimizer", catalog.NAMES)
def test_each_kind_learns_and_gives_the_same_losses_again(kind: Kind, optimizer: str) -> None:
    got, _ = losses(Storage(kind, often=3), optimizer, 40)
    assert got[-1] < 0.95 * got[0]
    assert losses(Storage(kind, often=3), optimizer, 40)[0] == got


@pytest.mark.parametrize("filter_kind", ["counter", "cbf"])
def test_filtered_keys_read_as_zeros(filter_kind: str) -> None:
    got, rows = losses(Storage(Kind.EV, Settings(filter_kind, 200)), "adagrad", 5)
    assert not rows[:, 4:8].any() or not rows[:, :4].any()
    late, _ = losses(Storage(Kind.EV, Settings(filter_kind, 20)), "adagrad", 100)
    assert late[-1] < 0.9 * max(late)


def test_adaptive_rows_start_with_the_shared_ones_and_then_leave_them() -> None:
    spec = TableSpec("t", 8 * KEYS, WIDTH, 0.3, "t")
    with tf.Graph().as_default(), tf.Session() as session:
        ids = tf.placeholder(tf.int64, [None])
        record = graph_record.of_graph()
        with record.collect_lookups() as lookups:
            rows, index = storage.rows_of_batch(spec, [ids], Storage(Kind.ADAPTIVE, often=3),
                                                record)
        lookup, = lookups
        gradient = tf.gradients(tf.reduce_sum(rows), [lookup.rows, *tf.trainable_variables()])
        shared, = tf.trainable_variables()
        merged = table_updates.merge([(lookup, gradient[0])])
        updates = table_updates.update_all(merged, "gradientdescent", 1.0)
        embedding_variable.register(graph_record.of_graph().variables.values())
        session.run([tf.global_variables_initializer(), tf_private.initialize_resources()])
        start = session.run(shared)[5 % KEYS]
        of_shared = []
        for _ in range(4):
            value, slope, _ = session.run([rows, tf.convert_to_tensor(gradient[1]), updates],
                                          {ids: [5]})
            of_shared.append(slope.any())
            last = value[0]
        assert of_shared == [True, True, True, False]  # the third time it is counted gives it a row
        np.testing.assert_array_equal(last, start)
        np.testing.assert_allclose(session.run(rows, {ids: [5]})[0], start - 1.0, rtol=1e-6)


def test_the_more_often_a_key_is_seen_the_more_blocks_are_its_own() -> None:
    spec = TableSpec("t", 100, 8, 0.3, "t")
    with tf.Graph().as_default(), tf.Session() as session:
        ids = tf.placeholder(tf.int64, [None])
        record = graph_record.of_graph()
        with record.collect_lookups() as lookups:
            rows, _ = storage.rows_of_batch(spec, [ids], Storage(Kind.DYNAMIC, often=2), record)
        slopes = tf.gradients(tf.reduce_sum(rows), [one.rows for one in lookups])
        merged = table_updates.merge(list(zip(lookups, slopes)))
        updates = table_updates.update_all(merged, "gradientdescent", 0.1)
        embedding_variable.register(graph_record.of_graph().variables.values())
        session.run([tf.global_variables_initializer(), tf_private.initialize_resources()])
        blocks = []
        for _ in range(40):
            session.run(updates, {ids: [5, 6, 6][:1]})
            blocks.append(int(session.run(rows, {ids: [5]})[0].reshape(4, 2).any(axis=1).sum()))
        assert blocks[0] == 1 and blocks[2] == 2 and blocks[
            8] == 3 and blocks[-1] == 4  # from 2, 8 and 32 times on
        assert session.run(rows, {ids: [6]})[0].reshape(
            4, 2).any(axis=1).tolist() == [True, False, False, False]


@pytest.mark.parametrize("kind", KEYED)
def test_a_column_of_empty_lists_is_exported(kind: Kind) -> None:
    values = feature_names("tags").values
    batch = dict(
        batches(1)[0], **{
            values: np.zeros(0, int),
            feature_names("tags").weights: np.zeros(0),
            feature_names("tags").row_splits: np.zeros(14, int)
        })
    with tf.Graph().as_default(), tf.Session() as session:
        features = placeholders()
        embedded = input_layer.embed(features, COLUMNS, "all", Embedding(
            WIDTH, Toggles(), stddev=0.3, storage=Storage(kind, exported=True)))
        session.run([tf.global_variables_initializer(), tf.tables_initializer()])
        got = session.run(embedded, feeds(features, batch, True))
    assert got.shape == (13, 4 * WIDTH) and not got[:, 2 * WIDTH:3 * WIDTH].any()


def test_multihash_gives_each_id_a_pair_of_rows_of_its_own() -> None:
    spec = TableSpec("t", 50, WIDTH, 0.3, "t")
    with tf.Graph().as_default(), tf.Session() as session:
        rows, (index,) = storage.rows_of_batch(spec, [tf.constant(np.arange(50))],
                                               Storage(Kind.MULTIHASH), graph_record.of_graph())
        assert [variable.shape.as_list()
                for variable in tf.trainable_variables()] == 2 * [[8, WIDTH]]
        session.run(tf.global_variables_initializer())
        quotients, remainders = session.run(tf.trainable_variables())
        got = session.run(rows)
    np.testing.assert_allclose(got, [quotients[i // 8] + remainders[i % 8] for i in range(50)],
                               rtol=1e-6)
    assert len({tuple(row) for row in got}) == 50


@pytest.mark.parametrize("arguments, message", [
    ((Kind.EV, Settings("cbf", 300)), "--ev_filter cbf counts to 255. Got: --ev_filter_freq 300"),
])
def test_wrong_settings(arguments: Tuple, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Storage(*arguments)


def test_without_native_ops_it_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "load", lambda: native.Native(None, "no compiler"))
    with pytest.raises(
            ValueError,
            match="of kind 'ev' are native ops, and there are none: no compiler. Train on"):
        Storage(Kind.EV)


def test_a_bloom_filter_is_as_large_as_its_error_asks_for() -> None:
    assert Settings("cbf", 3).admission(1000) == Admission(3, 9586, 7)
    assert Settings("counter", 3).admission(1000) == Admission(3)
    assert Settings().admission(1000) == Admission()

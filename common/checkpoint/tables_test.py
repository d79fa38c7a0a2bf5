import itertools
import os
import threading
from typing import Dict, List, Tuple

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from common import tf_private
from common.checkpoint import tables
from common.checkpoint.saver import Saver
from common.config.tables import Eviction, Settings
from common.embedding import embedding_variable, graph_record, storage
from common.embedding.kinds import Kind
from common.embedding.storage import Storage
from common.embedding.table_spec import TableSpec
from common.errors import BadInput
from common.kernels import native
from common.optimizers import table_updates

pytestmark = pytest.mark.skipif(native.load().ops is None, reason=native.load().reason)

SPEC = TableSpec("t", 100, 4, 0.3, "t")
KEYS = np.arange(40) * 987654321012345 % (1 << 62)


class Trained:
    """A graph with one embedding variable, and a session of it.

    The gradient of its rows is the slope, or moves them to 1 without one.
    """

    def __init__(self, target: str = "", servers: int = 0, optimizer: str = "adagrad",
                 kept: Storage = Storage(Kind.EV), slope: float = 0.0) -> None:
        kept = kept._replace(settings=kept.settings._replace(servers=servers))
        self.graph = tf.Graph()
        with self.graph.as_default(), tf.device("/job:worker" if servers else None):
            tf.set_random_seed(7)
            self.ids = tf.placeholder(tf.int64, [None])
            record, step = graph_record.of_graph(), tf.train.get_or_create_global_step()
            with record.collect_lookups() as lookups:
                rows, (index,) = storage.rows_of_batch(SPEC, [self.ids], kept, record)
            self.rows = tf.gather(rows, index)
            loss = slope * self.rows if slope else tf.square(self.rows - 1.0)
            gradients = tf.gradients(tf.reduce_sum(loss), [one.rows for one in lookups])
            merged = table_updates.merge(list(zip(lookups, gradients)))
            with tf.control_dependencies(table_updates.update_all(merged, optimizer, 0.1)):
                self.train = tf.assign_add(step, 1)
            self.saver = Saver(5)
            self.init = tf.group(tf.global_variables_initializer(),
                                 tf_private.initialize_resources())
            self.missing = tf_private.uninitialized_resources()
        self.session = tf.Session(target, graph=self.graph)

    def run(self, steps: int, seed: int = 0) -> None:
        random = np.random.RandomState(seed)
        for _ in range(steps):
            self.session.run(self.train, {self.ids: random.choice(KEYS, 9)})

    def start(self) -> "Trained":
        assert self.session.run(
            self.missing).size or self.session.sess_str  # servers keep those of other tests
        self.session.run(self.init)
        assert not self.session.run(self.missing).size
        return self

    def values(self) -> np.ndarray:
        return self.session.run(self.rows, {self.ids: KEYS})

    def save(self, folder: object) -> str:
        return self.saver.save(self.session, os.path.join(str(folder), "model.ckpt"), 1)


@pytest.mark.slow
@pytest.mark.parametrize("optimizer",
                         ["gradientdescent", "adagrad", "adam", "adamasync", "adagraddecay"])
@pytest.mark.parametrize("before, after", [(0, 0), (0, 2), (2, 0), (2, 2)])
def test_training_goes_on_with_other_servers(tmp_path: object, target: str, optimizer: str,
                                             before: int, after: int) -> None:
    def make(servers: int) -> Trained:
        return Trained(target if servers else "", servers, optimizer)

    one = make(before).start()
    one.run(20)
    path = one.save(tmp_path)
    one.run(20, seed=1)
    other = make(after)
    other.saver.restore(other.session, path)
    assert not other.session.run(other.missing).size
    other.run(20, seed=1)
    np.testing.assert_allclose(other.values(), one.values(), rtol=1e-5, atol=1e-6)


def push_until(one: Trained, ends: threading.Event, seed: int) -> None:
    """Steps with other keys each, as a worker makes them."""
    random = np.random.RandomState(seed)
    while not ends.is_set():
        one.session.run(one.train, {one.ids: random.choice(KEYS, 20, replace=False)})


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["adam", "adagrad"])
def test_a_row_and_its_slots_are_of_one_moment_while_workers_push(
        tmp_path: object, target: str, optimizer: str) -> None:
    one = Trained(target, 2, optimizer, slope=1.0).start()
    one.session.run(one.train, {one.ids: KEYS})  # no checkpoint is without keys
    ends = threading.Event()
    workers = [threading.Thread(target=push_until, args=(one, ends, seed)) for seed in range(4)]
    for worker in workers:
        worker.start()
    try:
        prefix = os.path.join(str(tmp_path), "m")
        paths = [one.saver.save(one.session, prefix, number) for number in range(5)]
    finally:
        ends.set()
        for worker in workers:
            worker.join()
    for path, part in itertools.product(paths, ("t/part_0", "t/part_1")):
        check_moment(tf.train.load_checkpoint(path), part, optimizer)


def check_moment(checkpoint: tf.train.NewCheckpointReader, part: str, optimizer: str) -> None:
    """Fails where a row, a slot or a count of a key are not those of the same update.

    The gradient is 1 at any time, so the number of updates says what each of them is.
    """
    counts = checkpoint.get_tensor(part + "-freqs")[:, None].astype(np.float64)
    if optimizer == "adam":
        for slot, beta in (("Adam", 0.9), ("Adam_1", 0.999)):
            moments = checkpoint.get_tensor("{}/{}-values".format(part, slot))
            np.testing.assert_allclose(moments, np.tile(1 - beta ** counts, 4), rtol=1e-4)
        return
    accumulators = checkpoint.get_tensor(part + "/Adagrad-values")
    np.testing.assert_allclose(accumulators, np.tile(0.1 + counts, 4), rtol=1e-4)
    moves = np.cumsum(0.1 / np.sqrt(0.1 + np.arange(1, counts.max() + 1)))
    first = embedding_variable.default_rows("t", 4, SPEC.stddev, 7)
    keys = checkpoint.get_tensor(part + "-keys")
    expected = first[keys % len(first)] - moves[counts.astype(int) - 1]
    np.testing.assert_allclose(checkpoint.get_tensor(part + "-values"), expected, atol=1e-3)


def test_what_a_checkpoint_holds(tmp_path: object) -> None:
    one = Trained(kept=Storage(Kind.EV, Settings("counter", 3))).start()
    one.run(10)
    path = one.save(tmp_path)
    shapes = tf.train.load_checkpoint(path).get_variable_to_shape_map()
    rows, waiting = shapes["t-keys"][0], shapes["t-keys_filtered"][0]
    assert rows and waiting
    assert shapes == {
        "global_step": [], "t-keys": [rows], "t-values": [rows, 4], "t-freqs": [rows],
        "t-versions": [rows], "t-keys_filtered": [waiting], "t-freqs_filtered": [waiting],
        "t-versions_filtered": [waiting], "t-bloom": [0], "t/Adagrad-values": [rows, 4]
    }


def test_saving_evicts(tmp_path: object) -> None:
    one = Trained(kept=Storage(Kind.EV, Settings(
        eviction=Eviction("gstep", steps_to_live=5)))).start()
    fresh = one.values()
    one.session.run(one.train, {one.ids: KEYS[:3]})
    for _ in range(6):
        one.session.run(one.train, {one.ids: KEYS[3:5]})
    path = one.save(tmp_path)
    assert sorted(tf.train.load_variable(path, "t-keys")) == sorted(KEYS[3:5])
    np.testing.assert_array_equal(one.values()[:3], fresh[:3])


def test_another_optimizer_is_refused(tmp_path: object) -> None:
    one = Trained(optimizer="adagrad").start()
    one.run(20)
    other = Trained(optimizer="adamasync")
    with pytest.raises(BadInput, match="t/AdamAsync/beta1_power"):
        other.saver.restore(other.session, one.save(tmp_path))


@pytest.mark.slow
def test_an_exported_model_reads_what_was_trained(tmp_path: object, target: str) -> None:
    for kind in (Kind.EV, Kind.ADAPTIVE, Kind.DYNAMIC):
        for servers in (0, 2):
            kept = Storage(kind, often=2)
            one = Trained(target if servers else "", servers, kept=kept).start()
            one.run(15)
            folder = os.path.join(str(tmp_path), kind.value, str(servers))
            os.makedirs(folder)
            path = one.save(folder)
            with tf.Graph().as_default(), tf.Session() as session:
                tf.set_random_seed(7)
                tf.train.get_or_create_global_step()
                ids = tf.placeholder(tf.int64, [None])
                rows, (index,) = storage.rows_of_batch(SPEC, [ids], kept._replace(exported=True),
                                                       graph_record.of_graph())
                served = tf.gather(rows, index)
                saver = Saver(1)
                saver.restore(session, path)
                np.testing.assert_array_equal(session.run(served, {ids: KEYS}), one.values())
                exported = saver.save(session, os.path.join(folder, "exported"))
                other = tf.Session()
                other.run(saver.saver_def.restore_op_name,
                          {saver.saver_def.filename_tensor_name: exported})
                np.testing.assert_array_equal(other.run(served, {ids: KEYS}), one.values())
                assert not any(
                    op.type.startswith("Zoo") for op in tf.get_default_graph().get_operations())
                names = ids.name, served.name
            with tf.Graph().as_default(), tf.Session() as session:  # as whoever serves it reads it
                tf.train.import_meta_graph(exported + ".meta").restore(session, exported)
                np.testing.assert_array_equal(session.run(names[1], {names[0]: KEYS}), one.values())


def test_a_bloom_filter_of_another_size_counts_anew_and_says_so(
        tmp_path: object, capsys: pytest.CaptureFixture) -> None:
    one = Trained(kept=Storage(Kind.EV, Settings("cbf", 3))).start()
    one.run(10)
    path = one.save(tmp_path)
    fresh = np.setdiff1d(KEYS, tf.train.load_variable(path, "t-keys"))[:1]
    one.session.run(one.train, {one.ids: np.repeat(fresh, 2)})
    path = one.save(tmp_path)
    same = Trained(kept=Storage(Kind.EV, Settings("cbf", 3)))
    same.saver.restore(same.session, path)
    assert "Bloom" not in "".join(capsys.readouterr())
    other = Trained(kept=Storage(Kind.EV, Settings("cbf", 3, error=0.2)))
    other.saver.restore(other.session, path)
    assert "the Bloom filter of t is of another size; keys that wait are counted anew" in "".join(
        capsys.readouterr())
    np.testing.assert_array_equal(other.values(), one.values())
    for saved, times in ((same, 1), (other, 3)):
        for number in range(times):
            assert not saved.session.run(saved.rows, {saved.ids: fresh}).any()
            saved.session.run(saved.train, {saved.ids: fresh})
        assert saved.session.run(saved.rows, {saved.ids: fresh}).any()


def test_adam_async_corrects_its_bias_by_the_steps_that_had_keys() -> None:
    one = Trained(optimizer="adamasync").start()
    for keys, power in ((KEYS[:0], 0.9), (KEYS[:3], 0.81), (KEYS[:0], 0.81)):
        one.session.run(one.train, {one.ids: keys})
        assert one.session.run("t/AdamAsync/beta1_power:0") == pytest.approx(power)


def test_a_checkpoint_without_the_variable(tmp_path: object) -> None:
    one = Trained().start()
    with tf.Graph().as_default(), tf.Session() as session:
        tf.train.get_or_create_global_step()
        session.run(tf.global_variables_initializer())
        path = tf.train.Saver().save(session, os.path.join(str(tmp_path), "other"))
    with pytest.raises(BadInput,
                       match="other: it holds no embedding variable 't'. Go on with the flags"):
        one.saver.restore(one.session, path)


def test_stored_parts() -> None:
    shapes: Dict[str, List[int]] = {
        "a/part_0-keys": [], "a/part_1-keys": [], "a/part_1/Adagrad-keys": [], "ab-keys": []
    }
    found: Tuple[List[str], List[str]] = (tables.stored_parts("a", shapes, "x"),
                                          tables.stored_parts("ab", shapes, "x"))
    assert found == (["a/part_0", "a/part_1"], ["ab"])

import os

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from common import tf_private
from common.checkpoint import increment_files, increments
from common.checkpoint.increments import IncrementSaver
from common.config.tables import Settings
from common.embedding import graph_record, storage
from common.embedding.kinds import Kind
from common.embedding.storage import Storage
from common.embedding.table_spec import TableSpec
from common.kernels import native
from common.optimizers import train_step
from common.optimizers.train_step import Training

pytestmark = pytest.mark.skipif(native.load().ops is None, reason=native.load().reason)

SPEC = TableSpec("t", 100, 4, 0.3, "t")
KEYS = np.arange(40) * 987654321012345 % (1 << 62)


class Incremental:
    """A graph with an embedding variable whose training steps mark what they touch, and a session
    of it.
    """

    def __init__(self, folder: object, target: str = "", servers: int = 0) -> None:
        self.path = os.path.join(str(folder), "model.ckpt")
        kept = Storage(Kind.EV, Settings("counter", 2, servers=servers))
        with tf.Graph().as_default() as graph, tf.device("/job:worker" if servers else None):
            tf.set_random_seed(7)
            self.ids = tf.placeholder(tf.int64, [None])
            spec = train_step.train_spec(lambda *_: self.loss(kept), {}, {}, Training(
                "adagrad", 0.1))
            tracked = increments.track(spec.train_op)
            self.train = tracked.train_op
            self.saver = IncrementSaver(str(folder), 5, tracked)
            self.init = tf.group(tf.global_variables_initializer(),
                                 tf_private.initialize_resources())
        self.session = tf.Session(target, graph=graph)

    def loss(self, kept: Storage) -> tf.Tensor:
        rows, (index,) = storage.rows_of_batch(SPEC, [self.ids], kept, graph_record.of_graph())
        self.rows = tf.gather(rows, index)
        scale = tf.get_variable("scale", [], initializer=tf.ones_initializer())
        return tf.reduce_sum(tf.square(scale * self.rows - 1.0))

    def start(self) -> None:
        self.session.run(self.init)
        self.saver.start(self.session)

    def run(self, keys: np.ndarray, times: int) -> None:
        for _ in range(times):
            self.session.run(self.train, {self.ids: keys})

    def values(self) -> np.ndarray:
        return self.session.run(self.rows, {self.ids: KEYS})


@pytest.mark.slow
@pytest.mark.parametrize("servers", [0, 2])
def test_increments_hold_the_keys_that_were_updated(tmp_path: object, target: str,
                                                    servers: int) -> None:
    one = Incremental(tmp_path, target if servers else "", servers)
    one.start()
    one.run(KEYS[:20], 3)
    one.saver.save(one.session, one.path, 3)
    one.run(KEYS[15:25], 2)
    one.saver.save_increment(one.session, 5)
    held = tf.train.load_checkpoint(
        tf.train.latest_checkpoint(os.path.join(str(tmp_path), increment_files.FOLDER)))
    names = [
        name for name in held.get_variable_to_shape_map() if name.endswith("-sparse_incr_keys")
    ]
    assert sorted(np.concatenate([held.get_tensor(name) for name in names])) == sorted(KEYS[15:25])
    expected = one.values()
    one.session.close()
    again = Incremental(tmp_path, target if servers else "", servers)
    again.saver.restore(again.session, tf.train.latest_checkpoint(str(tmp_path)))
    np.testing.assert_array_equal(again.values(), expected)
    again.run(KEYS[:2], 1)
    again.saver.save_increment(again.session, 6)
    held = tf.train.load_checkpoint(
        tf.train.latest_checkpoint(os.path.join(str(tmp_path), increment_files.FOLDER)))
    assert sorted(np.concatenate([held.get_tensor(name) for name in names])) == sorted(
        [*KEYS[:2], *KEYS[15:25]])


@pytest.mark.slow
def test_an_increment_of_other_servers_is_left_out(tmp_path: object, target: str,
                                                   capsys: pytest.CaptureFixture) -> None:
    one = Incremental(tmp_path, target, 2)
    one.start()
    one.run(KEYS[:20], 3)
    one.saver.save(one.session, one.path, 3)
    expected = one.values()
    one.run(KEYS[15:25], 2)
    one.saver.save_increment(one.session, 5)
    alone = Incremental(tmp_path)
    alone.saver.restore(alone.session, tf.train.latest_checkpoint(str(tmp_path)))
    assert "model.ckpt-5 is left out: " in "".join(capsys.readouterr())
    np.testing.assert_array_equal(alone.values(), expected)

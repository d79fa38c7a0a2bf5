import os

import pytest
import tensorflow.compat.v1 as tf

from common import files
from common.checkpoint import table_sizes
from common.config.tables import Eviction, Settings
from common.embedding import graph_record, storage
from common.embedding.kinds import Kind
from common.embedding.storage import Storage
from common.embedding.table_spec import TableSpec
from common.kernels import native
from common.optimizers import table_updates

pytestmark = pytest.mark.skipif(native.load().ops is None, reason=native.load().reason)


def test_keys_before_and_after_a_save(
        tmp_path: object, capsys: pytest.CaptureFixture) -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        step = tf.train.get_or_create_global_step()
        record = graph_record.of_graph()
        kept = Storage(Kind.EV, Settings(eviction=Eviction("gstep", steps_to_live=5)))
        with record.collect_lookups() as lookups:
            storage.rows_of_batch(TableSpec("t", 9, 2, 0.1, "t"), [tf.constant([5, 6, 7])], kept,
                                  record)
        gradients = [tf.ones_like(lookup.rows) for lookup in lookups]
        merged = table_updates.merge(list(zip(lookups, gradients)))
        updates = table_updates.update_all(merged, "gradientdescent", 0.1)
        variable, = record.variables.values()
        listener, = table_sizes.listeners(str(tmp_path))
        session.run([variable.make(), step.initializer])
        listener.before_save(session, 0)
        session.run(updates)
        listener.after_save(session, 1)
        listener.before_save(session, 1)
        session.run(variable.make())
        listener.after_save(session, 2)
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("step 1: 3 keys have a row, 0 wait for one, 0 were evicted; ")
    assert second.startswith("step 2: 0 keys have a row, 0 wait for one, 3 were evicted; ")
    lines = files.read_lines(os.path.join(str(tmp_path), "keys.jsonl"))
    assert lines == [dict(step=1, keys=3, waiting=0, new=0, evicted=0),
                     dict(step=2, keys=0, waiting=0, new=0, evicted=3)]


def test_a_graph_without_embedding_variables_has_no_listener() -> None:
    with tf.Graph().as_default():
        assert table_sizes.listeners("") == []

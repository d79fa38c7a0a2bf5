from typing import List

import pytest
import tensorflow.compat.v1 as tf

from common.optimizers import catalog, updates


def train(optimizer: str) -> List[tf.Variable]:
    """Records a step whose gradient names rows of one of two variables."""
    table, kernel = tf.get_variable("table", [5, 2]), tf.get_variable("kernel", [2, 1])
    loss = tf.reduce_sum(tf.matmul(tf.gather(table, [1, 3]), kernel))
    chosen = catalog.make(optimizer, 0.1)
    gradients = chosen.compute_gradients(loss)
    chosen.apply_gradients(gradients, tf.train.get_or_create_global_step())
    updates.record(gradients, chosen)
    return [table, kernel]


@pytest.mark.parametrize("optimizer, slots", [
    ("gradientdescent", []), ("adagrad", ["table/Adagrad"]),
    ("adamasync", ["table/AdamAsync", "table/AdamAsync_1"]),
    ("adagraddecay", ["table/AdagradDecay", "table/AdagradDecay_1"])])
def test_tables_that_are_updated_by_rows(optimizer: str, slots: List[str]) -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        table, _ = train(optimizer)
        recorded = updates.recorded()
        assert not recorded.whole
        update, = recorded.by_rows
        assert update.table is table and session.run(update.rows).tolist() == [1, 3]
        assert [slot.op.name for slot in update.slots] == slots


def test_tables_of_which_all_rows_move() -> None:
    with tf.Graph().as_default():
        table, _ = train("adam")
        recorded = updates.recorded()
        assert list(recorded.whole) == [table] and not recorded.by_rows


def test_a_graph_without_training_has_none_and_files_of_a_graph_hold_no_record() -> None:
    with tf.Graph().as_default() as graph:
        assert updates.recorded() == updates.TableUpdates()
        train("adagrad")
        collections = tf.train.export_meta_graph(graph=graph).collection_def
        assert "table_updates" not in "".join(collections)

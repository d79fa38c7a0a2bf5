import os
from typing import Tuple

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from common import tf_private
from common.pipeline import position, position_graph
from common.pipeline.identity import Rows
from common.pipeline.plans import Order
from common.pipeline.position import Place, Reading
from common.pipeline.position_graph import Position

ROWS = Rows(2, 1000, "names", "versions")


def reading(trainers: int, rows: Rows = ROWS) -> Reading:
    order = Order.of(3, 100, True, False)
    return Reading(rows, order, trainers, 10, 0, lambda shard, shards: 100 // shards)


def train(folder: str, wanted: Reading, steps: Tuple[int, ...]) -> Place:
    """Trains a step of `rows` rows for each of `steps` by the last trainer; returns the place.

    The session restores the folder's checkpoint, if there is one, and saves another.
    """
    with tf.Graph().as_default():
        step = tf.train.get_or_create_global_step()
        graph = Position(wanted, "")
        rows = tf.placeholder(tf.int32, [])
        train_op = graph.count(tf.assign_add(step, 1).op, wanted.trainers - 1, rows)
        plan, trained = graph.read(wanted.trainers - 1)
        saver = tf.train.Saver(sharded=True, builder=tf_private.SaverBuilder())
        scaffold = tf.train.Scaffold(saver=saver)
        with tf.train.MonitoredTrainingSession(
                scaffold=scaffold, checkpoint_dir=folder, save_checkpoint_steps=1) as session:
            for size in steps:
                session.run(train_op, {rows: size})
            place = session.run_step_fn(lambda step_context: graph.now(step_context.session))
            assert session.run(trained) == place.trained[-1]
            assert session.run(plan).decode() == place.plan.to_json()
    return place


@pytest.mark.slow
def test_rows_are_counted_and_go_on_with_the_checkpoint(tmp_path: object) -> None:
    place = train(str(tmp_path), reading(2), (10, 3))
    assert place == position.resume(None, reading(2))._replace(trained=(0, 13))
    assert train(str(tmp_path), reading(2), (20,)).trained == (0, 33)
    saved = position_graph.read_saved(tf.train.latest_checkpoint(str(tmp_path)))
    assert (saved.step, saved.plan, saved.trained) == (3, place.plan, (0, 33))
    assert (saved.rows, saved.rows_trained) == (ROWS, 33)


@pytest.mark.slow
def test_another_number_of_trainers_restores_to_a_plan_of_its_own(tmp_path: object) -> None:
    train(str(tmp_path), reading(2), (30,))
    saved = position_graph.read_saved(tf.train.latest_checkpoint(str(tmp_path)))
    place = train(str(tmp_path), reading(3), (5,))
    expected = position.resume(saved, reading(3))
    assert place == Place(expected.plan, (0, 0, 5)) and expected.plan.before == 30
    assert train(str(tmp_path), reading(3), (5,)).trained == (0, 0, 10)


@pytest.mark.slow
def test_other_rows_restore_to_their_first(tmp_path: object) -> None:
    train(str(tmp_path), reading(1), (30,))
    others = ROWS._replace(versions_digest="others")
    place = train(str(tmp_path), reading(1, others), ())
    assert (place.plan.rows, place.trained) == (others, (0,))


def test_a_checkpoint_without_a_place_says_only_its_step(tmp_path: object) -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        step = tf.train.get_or_create_global_step()
        session.run(step.assign(7))
        path = tf.train.Saver().save(session, os.path.join(str(tmp_path), "model.ckpt"), 7)
    saved = position_graph.read_saved(path)
    assert saved == position.Saved(7) and (saved.rows, saved.rows_trained) == (None, 0)


@pytest.mark.slow
@pytest.mark.parametrize("trainers, trained", [(1, (30,)), (2, (0, 0))])
def test_a_saver_of_tensorflows_own_restores_a_place(tmp_path: object, trainers: int,
                                                     trained: Tuple[int, ...]) -> None:
    train(str(tmp_path), reading(1), (30,))
    path = tf.train.latest_checkpoint(str(tmp_path))
    with tf.Graph().as_default(), tf.Session() as session:
        tf.train.get_or_create_global_step()
        graph = Position(reading(trainers), "")
        tf.train.Saver().restore(session, path)
        place = graph.now(session)
    assert (place.trained, place.rows_trained) == (trained, 30)


@pytest.mark.parametrize("trainer", [0, 2])
def test_each_trainer_counts_for_itself(trainer: int) -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        tf.train.get_or_create_global_step()
        graph = Position(reading(3), "")
        counted = graph.count(tf.no_op(), trainer, tf.constant(4))
        session.run(tf_private.initialize_resources())
        session.run([counted])
        session.run([counted])
        expected = np.zeros(3)
        expected[trainer] = 8
        np.testing.assert_array_equal(session.run(graph.trained), expected)

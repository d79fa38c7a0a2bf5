import os
from typing import List

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from common.checkpoint import warm_source, warm_variables

NAME = "all/mid_embedding/embedding_weights"
GROWTH = {"mid_embedding/embedding_weights": (5, 8)}


def saved(folder: object) -> warm_source.Source:
    """A checkpoint with a table of 5 rows and its slot."""
    with tf.Graph().as_default(), tf.Session() as session:
        tf.train.get_or_create_global_step()
        for name in (NAME, NAME + "/Adagrad", "bias"):
            tf.get_variable(name, initializer=np.arange(10.0).reshape(5, 2))
        session.run(tf.global_variables_initializer())
        tf.train.Saver(save_relative_paths=True).save(
            session, os.path.join(str(folder), "model.ckpt"), 7)
    return warm_source.find(str(folder))


def halves(shape: tf.TensorShape, dtype: tf.DType) -> List[int]:
    return [2, 1]


@pytest.mark.parametrize("partitioner", [None, halves])
def test_the_rows_of_new_words_are_initialized(tmp_path: object, partitioner: object) -> None:
    source = saved(tmp_path)
    with tf.Graph().as_default(), tf.Session() as session:
        with tf.variable_scope("", partitioner=partitioner):
            for name in (NAME, NAME + "/Adagrad", "bias"):
                tf.get_variable(name, [8, 2], tf.float64, tf.constant_initializer(-1.0))
        plan = warm_variables.plan(tf.global_variables(), source, GROWTH)
        assert plan.absent == {"bias": "float64 [5, 2] there, float64 [8, 2] here"}
        assert not plan.whole and len(plan.grown) == (4 if partitioner else 2)
        assign = warm_variables.assign(plan, source)
        session.run(tf.global_variables_initializer())
        session.run(assign)
        values = session.run(tf.global_variables())
    table = np.concatenate(values[:2]) if partitioner else values[0]
    expected = np.concatenate([np.arange(10.0).reshape(5, 2), np.full([3, 2], -1.0)])
    np.testing.assert_array_equal(table, expected)
    np.testing.assert_array_equal(values[-1], np.full_like(values[-1], -1.0))


def test_tables_of_other_vocabularies_do_not_grow(tmp_path: object) -> None:
    source = saved(tmp_path)
    with tf.Graph().as_default():
        tf.get_variable(NAME, [9, 2], tf.float64)
        plan = warm_variables.plan(tf.global_variables(), source, GROWTH)
    assert not plan.grown and list(plan.absent) == [NAME]

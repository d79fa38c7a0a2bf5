import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from common.config.schema import Column
from common.config.toggles import Toggles
from common.embedding import numbers
from common.embedding.config import Embedding

COLUMNS = [Column("u", "hash", 9), Column("age", "number", default="0"),
           Column("pay", "number", default="0")]
VALUES = np.array([[10.0, -1e6], [20.0, 0.0], [70.0, 1e6]], np.float32)


def test_statistics_are_those_of_the_logarithms() -> None:
    found = numbers.statistics(COLUMNS[1:], VALUES)
    logs = np.log1p(VALUES[:, 0].astype(np.float64))
    assert found["age"] == pytest.approx((logs.mean(), logs.std()))
    assert found["pay"][0] == pytest.approx(0.0, abs=1e-6)
    assert numbers.statistics(COLUMNS[1:2], np.full([4, 1], 5.0)) == {"age": (np.log(6.0), 1.0)}
    assert numbers.statistics([], np.zeros([0, 0])) == {}
    assert numbers.statistics(COLUMNS[1:2], np.zeros([0, 1])) == {"age": (0.0, 1.0)}


def test_numbers_are_normalised_by_variables_that_no_step_changes() -> None:
    known = numbers.statistics(COLUMNS[1:], VALUES)
    with tf.Graph().as_default(), tf.Session() as session:
        features = {column.name: tf.constant(values)
                    for column, values in zip(COLUMNS[1:], VALUES.T)}
        features["u"] = tf.constant([1, 2, 3])
        config = Embedding(4, Toggles())
        alone = numbers.embed(features, COLUMNS[1:], "alone", config, known)
        both = numbers.embed(features, COLUMNS, "both", config, known)
        trained = [variable.op.name for variable in tf.trainable_variables()]
        kept = [variable.op.name for variable in tf.global_variables()]
        session.run(tf.global_variables_initializer())
        alone, both = session.run([alone, both])
    assert trained == ["both/input_layer/u_embedding/embedding_weights"]
    assert {"both/numbers/mean", "alone/numbers/deviation"} < set(kept)
    np.testing.assert_allclose(alone.mean(axis=0), [0, 0], atol=1e-5)
    np.testing.assert_allclose(alone.std(axis=0), [1, 1], rtol=1e-5)
    assert both.shape == (3, 6)
    np.testing.assert_allclose(both[:, 4:], alone, rtol=1e-6)

"""Graphs of a model over toy rows: batches, training, slices."""

import hashlib
from typing import Dict, List, NamedTuple, Tuple

import numpy as np
import tensorflow.compat.v1 as tf

from common import saved_model
from common.config.schema import Schema
from common.config.toggles import Toggles
from common.optimizers.train_step import Training
from common.pipeline import dataset, tf_path
from common.pipeline.dataset import InputFn
from common.pipeline.row_order import Stream
from common.pipeline.source import Data
from common.testing.mains import FUSED
from common.estimators import ModelFn


def read_batches(input_fn: InputFn, limit: int = 1 << 30) -> List[Dict[str, np.ndarray]]:
    """Runs an input_fn; returns each batch's features and labels in one dict."""
    batches: List[Dict[str, np.ndarray]] = []
    with tf.Graph().as_default(), tf.Session() as session:
        iterator = tf.data.make_initializable_iterator(input_fn())
        features, labels = iterator.get_next()
        session.run([tf.tables_initializer(), iterator.initializer])
        while len(batches) < limit:
            try:
                batches.append(session.run(dict(features, **labels)))
            except tf.errors.OutOfRangeError:
                break
    return batches


def features_of(data: Data, toggles: Toggles,
                batch_size: int) -> Tuple[Dict[str, tf.Tensor], Dict[str, tf.Tensor]]:
    """Batches of the training rows in file order, in the current graph: (features, labels)."""
    stream = Stream(batch_size)
    make = tf_path.tf_input(data.train, data, stream, False) if toggles.tf else (
        dataset.columnar_input(data.train, data, stream))
    iterator = tf.data.make_initializable_iterator(make())
    tf.add_to_collection(tf.GraphKeys.TABLE_INITIALIZERS, iterator.initializer)
    return iterator.get_next()


def initialize(session: tf.Session) -> None:
    """Initializes variables, tables and iterators."""
    session.run([tf.global_variables_initializer(), tf.tables_initializer()])


class Trained(NamedTuple):
    """The losses of some steps, and all variables behind the last."""

    losses: List[float]
    variables: Dict[str, np.ndarray]


def train(data: Data, model_fn: ModelFn, params: NamedTuple, toggles: Toggles, steps: int,
          batch_size: int, afresh: bool = False) -> List[Trained]:
    """Trains on the first batches in file order, from the seed's initial values.

    Args:
      afresh: start each step from these values again, and give each step's losses and variables.
    """
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(2021)
        features, labels = features_of(data, toggles, batch_size)
        tf.train.get_or_create_global_step()
        spec = model_fn(features, labels, tf.estimator.ModeKeys.TRAIN, params)
        initialize(session)
        variables = {v.op.name: v for v in tf.global_variables()}
        start = session.run(variables)
        trained = [Trained([], {})]
        for _ in range(steps):
            trained[-1].losses.append(session.run([spec.loss, spec.train_op])[0])
            if afresh:
                trained[-1].variables.update(session.run(variables))
                trained.append(Trained([], {}))
                again = {
                    variables[name].initializer.inputs[1]: value
                    for name, value in start.items()
                }
                session.run([variable.initializer for variable in variables.values()],
                            again)  # each alone is slow
        trained[-1].variables.update(session.run(variables))
        return trained[:-1] if afresh else trained


def losses(data: Data, model_fn: ModelFn, params: NamedTuple, toggles: Toggles, steps: int,
           batch_size: int = 128) -> List[float]:
    """The losses of the first steps in file order, from the seed's initial values."""
    return train(data, model_fn, params, toggles, steps, batch_size)[0].losses


def check_slices(data: Data, model_fn: ModelFn, params: NamedTuple, count: int,
                 toggles: Toggles = FUSED) -> None:
    """A step in slices is the mean of steps of the slices alone: of the loss, of what gradient
    descent changes, and of what running means move by. params must have a `training`."""
    def run(slices: int, steps: int, batch_size: int) -> List[Trained]:
        training = Training("gradientdescent", 0.5, toggles._replace(micro_batch=slices))
        return train(data, model_fn, params._replace(training=training), toggles, steps, batch_size,
                     afresh=True)

    whole, parts = run(count, 1, 16 * count)[0], run(0, count, 16)
    assert len(parts) == count and whole.variables["global_step"] == 1
    np.testing.assert_allclose(whole.losses[0], np.mean([part.losses[0] for part in parts]),
                               rtol=1e-5)
    assert sorted(whole.variables) == sorted(parts[0].variables)
    for name, value in whole.variables.items():
        expected = np.mean([part.variables[name] for part in parts], axis=0)
        np.testing.assert_allclose(value, expected, rtol=1e-4, atol=1e-6, err_msg=name)


def check_micro_batch(data: Data, model_fn: ModelFn, params: NamedTuple, count: int,
                      optimizer: str = "adagrad", toggles: Toggles = FUSED) -> None:
    """For a model whose loss is a mean over rows: slices, of unequal size, train as whole batches
    do.
    """
    whole, sliced = [
        train(
            data, model_fn,
            params._replace(training=Training(optimizer, 0.05, toggles._replace(
                micro_batch=slices))), toggles, 5, 61)[0] for slices in (0, count)
    ]
    np.testing.assert_allclose(sliced.losses, whole.losses, rtol=1e-5)
    assert sorted(sliced.variables) == sorted(
        whole.variables) and whole.variables["global_step"] == 5
    for name, value in whole.variables.items():
        np.testing.assert_allclose(sliced.variables[name], value, rtol=1e-3, atol=1e-5,
                                   err_msg=name)


def variables_digest(schema: Schema, model_fn: ModelFn, params: NamedTuple) -> str:
    """What tells the names and shapes of a model's variables from any others."""
    vocabularies = {name: {b"word": 0} for name in schema.vocabularies}
    with tf.Graph().as_default() as graph:
        receiver = saved_model.receiver_fn(schema, vocabularies, as_columns=False)()
        model_fn(receiver.features, None, tf.estimator.ModeKeys.PREDICT, params)
        variables = graph.get_collection(tf.GraphKeys.GLOBAL_VARIABLES)
    lines = sorted("{} {}".format(v.op.name, v.shape.as_list()) for v in variables)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def logit_shapes(data: Data, model_fn: ModelFn, params: NamedTuple, toggles: Toggles,
                 batch_size: int) -> Dict[str, Tuple[int, ...]]:
    """The shapes of a model's probabilities; fails if a trainable variable has no gradient."""
    with tf.Graph().as_default(), tf.Session() as session:
        features, labels = features_of(data, toggles, batch_size)
        tf.train.get_or_create_global_step()
        with tf.variable_scope("", reuse=tf.AUTO_REUSE):
            spec = model_fn(features, labels, tf.estimator.ModeKeys.TRAIN, params)
            predicted = model_fn(features, None, tf.estimator.ModeKeys.PREDICT, params).predictions
        gradients = tf.gradients(spec.loss, tf.trainable_variables())
        missing = [
            v.op.name
            for v, gradient in zip(tf.trainable_variables(), gradients)
            if gradient is None
        ]
        assert not missing, missing
        initialize(session)
        return {name: value.shape for name, value in session.run(predicted).items()}

"""A toy model and runs of it."""

import os
import sys
import time
from typing import Any, Dict, List, NamedTuple, Optional

import numpy as np
import tensorflow.compat.v1 as tf

from common import layers, runner
from common.config.run import Run
from common.config.toggles import Toggles
from common.embedding import input_layer
from common.embedding.input_layer import Embedding
from common.layers import Dense
from common.metrics import heads
from common.optimizers import train_step
from common.optimizers.train_step import Training
from common.pipeline import dataset, source
from common.pipeline.source import Data
from common.testing import toy
from common.testing.children import Child
from common.testing.toy import SCHEMA

TRAIN = toy.random_rows(1, 400)

TEST = toy.random_rows(2, 50)


class Params(NamedTuple):
    """Where the toy model appends 'step: rows' of each step; '' for nowhere. A step sleeps
    `secs`.

    `embedding` says how its columns are stored.
    """

    log: str = ""
    secs: float = 0.0
    training: Training = Training("adagrad", 0.1)
    embedding: Embedding = Embedding(4, Toggles())


def model_fn(features: Dict[str, tf.Tensor], labels: Dict[str, tf.Tensor], mode: str,
             params: Params) -> tf.estimator.EstimatorSpec:
    """Logistic regression on the toy columns."""
    def note(step: int, rows: np.ndarray) -> np.int64:
        time.sleep(params.secs)
        with open(params.log, "a") as file:
            file.write("{}: {}\n".format(step, " ".join(map(str, rows.tolist()))))
        return step

    def forward(features: Dict[str, tf.Tensor]) -> tf.Tensor:
        inputs = input_layer.embed(features, SCHEMA.group("all"), "all", params.embedding)
        return layers.logit(inputs, "out", 0.5, Dense(Toggles()))

    def loss(logit: tf.Tensor, labels: Dict[str, tf.Tensor]) -> tf.Tensor:
        return tf.reduce_mean(
            tf.nn.sigmoid_cross_entropy_with_logits(labels=labels["y"], logits=logit))

    if labels is None:
        return heads.predict_spec([heads.Task("y", forward(features))])
    if mode == tf.estimator.ModeKeys.EVAL:
        logit = forward(features)
        return heads.eval_spec(loss(logit, labels), [heads.Task("y", logit, labels["y"])],
                               features)
    spec = train_step.train_spec(lambda x, y: loss(forward(x), y), features, labels,
                                 params.training)
    if params.log:
        with tf.control_dependencies([spec.train_op]):
            step = tf.train.get_global_step().read_value()
            noted = tf.py_func(note, [step, features[dataset.ROW]], tf.int64)
        spec = spec._replace(train_op=noted.op)
    return spec


def make_run(folder: object, **kwargs: Any) -> Run:
    """A Run of the toy model; kwargs are fields of it."""
    values: Dict[str, Any] = dict(model="toy", checkpoint_dir=os.path.join(str(folder), "run"),
                                  result_dir=os.path.join(str(folder), "run"), steps=30, epochs=0,
                                  batch_size=16, seed=3, shuffle_rows=100, parquet_shuffle=False,
                                  save_steps=None, keep_checkpoint_max=1, timeline=0, evaluate=True,
                                  inter=0, intra=0, protocol="grpc", toggles=Toggles())
    values.update(kwargs)
    return Run(**values)


def train(folder: object, data: Optional[Data] = None, params: Params = Params(),
          **kwargs: Any) -> Dict[str, Dict[str, float]]:
    """Runs the toy model to its end; returns its metrics. kwargs are fields of Run."""
    data = data or toy.open_toy(folder, TRAIN, TEST)
    return runner.train_and_evaluate(make_run(folder, **kwargs), data, model_fn, params, ["y"])


def train_slowly(folder: str, secs: float, params: Params, **features: Any) -> None:
    """Trains, each step for so many seconds at least; the rows of each are in the file "log"."""
    data = source.open_data(folder, SCHEMA, False, 0, False)
    params = params._replace(log=os.path.join(folder, "log"), secs=secs)
    sys.exit(runner.exit_status(lambda: train(folder, data, params, **features)))  # type: ignore


def start_child(folder: object, secs: float = 0.02, params: Params = Params(),
                **features: Any) -> Child:
    """Trains in a process of its own, slowly enough to be killed; features are fields of Run."""
    return Child(train_slowly, str(folder), secs, params, log=os.path.join(str(folder), "output"),
                 **features)


def rows_by_step(folder: object) -> List[List[int]]:
    """The rows of each step in the log; a step that was run again counts as it was run last."""
    with open(os.path.join(str(folder), "log")) as file:
        lines = [line.split(":") for line in file]
    steps = {int(step): [int(row) for row in rows.split()] for step, rows in lines}
    assert sorted(steps) == list(range(1, max(steps) + 1))
    return [steps[step] for step in sorted(steps)]


def wait_for(folder: object, step: int) -> None:
    """Waits until a child has trained a step."""
    log = os.path.join(str(folder), "log")
    deadline = time.monotonic() + 60
    while not (os.path.exists(log)
               and any(line.startswith("{}:".format(step)) for line in open(log))):
        assert time.monotonic() < deadline, "step {} was not reached".format(step)
        time.sleep(0.02)

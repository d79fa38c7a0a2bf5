"""A training graph whose gradients are known numbers, in a weight and in a table of rows.

The loss is sum(w V) + sum(rows(IDS) U), so the gradient of w is V, and that of a row of the table
the sum of the rows of U whose id it has.
"""

from typing import Dict, List, NamedTuple

import numpy as np
import tensorflow.compat.v1 as tf

from common import tf_private
from common.config.toggles import Toggles
from common.embedding import embedding_variable, graph_record, storage
from common.embedding.kinds import Kind
from common.embedding.storage import Storage
from common.embedding.table_spec import TableSpec
from common.kernels import native
from common.kernels.embedding import lookup
from common.optimizers import train_step
from common.optimizers.train_step import Features, Training

NATIVE = native.load().ops is not None
KINDS = ["gather", "native", "twice", "ev", "ev twice"] if NATIVE else ["gather"]
IDS = [1, 4, 1, 1, 2]
_RNG = np.random.default_rng(7)
U = _RNG.standard_normal([5, 2]).astype(np.float32)
V = _RNG.standard_normal([3]).astype(np.float32)


class Step(NamedTuple):
    """The variables before a step or behind it, and what it says of itself.

    Attributes:
      weight: w, [3].
      rows: of the table, [5, 2], of which a step reads 1, 2 and 4.
      scalars: tag -> value of the summaries of the step before.
    """

    weight: np.ndarray
    rows: np.ndarray
    scalars: Dict[str, float]


def gradient_of_rows() -> np.ndarray:
    """The gradient of the table's rows, [5, 2]."""
    gradient = np.zeros([5, 2])
    np.add.at(gradient, IDS, U)
    return gradient


def global_norm() -> float:
    """Of the gradient of all of them."""
    return float(np.sqrt(np.square(V).sum() + np.square(gradient_of_rows()).sum()))


def _look_up(kind: str, ids: tf.Tensor) -> tf.Tensor:
    """The rows of ids [N], [N, 2], in the way of one of KINDS."""
    if kind.endswith("twice"):
        half = tf.size(ids) // 2
        once = "ev" if kind == "ev twice" else "native"
        return tf.concat([_look_up(once, ids[:half]), _look_up(once, ids[half:])], axis=0)
    if kind == "ev":
        spec = TableSpec("table", 5, 2, 1.0, "table")
        rows, (index,) = storage.rows_of_batch(spec, [ids], Storage(Kind.EV),
                                               graph_record.of_graph())
        return lookup.lookup([rows], [lookup.Lookup(0, index)])
    with tf.variable_scope("", reuse=tf.AUTO_REUSE):
        table = tf.get_variable("table", [5, 2], initializer=tf.ones_initializer())
    if kind == "native":
        return lookup.lookup([table], [lookup.Lookup(0, ids)])
    return tf.gather(table, ids)


def _stored(kind: str) -> tf.Tensor:
    """All rows of the table, [5, 2]."""
    if kind.startswith("ev"):
        variable, = graph_record.of_graph().variables.values()
        return embedding_variable.look_up(variable, tf.range(5, dtype=tf.int64))[0]
    with tf.variable_scope("", reuse=True):
        return tf.get_variable("table", [5, 2])


def train(kind: str, training: Training, steps: int, first_step: int = 0) -> List[Step]:
    """The variables before the first step and behind each.

    Args:
      kind: one of KINDS, by which the table is stored and looked up.
      first_step: the global step at which training begins.
    """
    def loss_of(features: Features, labels: Features) -> tf.Tensor:
        with tf.variable_scope("", reuse=tf.AUTO_REUSE):
            weight = tf.get_variable("weight", [3], initializer=tf.ones_initializer())
        upstream = tf.stack([features["u0"], features["u1"]], axis=1)
        by_row = tf.reduce_sum(_look_up(kind, features["id"]) * upstream, axis=1)
        # A mean over rows, as micro batches expect it.
        return 5.0 * tf.reduce_mean(by_row) + tf.reduce_sum(weight * V)

    with tf.Graph().as_default(), tf.Session() as session:
        global_step = tf.train.get_or_create_global_step()
        features = {"id": tf.constant(IDS), "u0": tf.constant(U[:, 0]), "u1": tf.constant(U[:, 1])}
        spec = train_step.train_spec(loss_of, features, {"y": tf.zeros([5])}, training)
        variables = graph_record.of_graph().variables.values()
        embedding_variable.register(variables)
        weight, rows = tf.trainable_variables("weight")[0], _stored(kind)
        summary = tf.summary.merge_all()
        session.run([tf.global_variables_initializer(), tf_private.initialize_resources()])
        global_step.load(first_step, session)
        before = session.run([weight, rows])
        behind = [Step(before[0], before[1], {})]
        for _ in range(steps):
            text, _ = session.run([summary, spec.train_op])
            scalars = {value.tag: value.simple_value for value in
                       tf.Summary.FromString(text).value}
            after = session.run([weight, rows])
            behind.append(Step(after[0], after[1], scalars))
        return behind


def toggles(kind: str, slices: int = 0) -> Toggles:
    """Those with which native ops update what one of KINDS looks up, in so many slices."""
    return Toggles(emb_fusion=kind != "gather", op_fusion=kind != "gather", micro_batch=slices)

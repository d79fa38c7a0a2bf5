"""DLRM: Deep Learning Recommendation Model for Personalization and Recommendation Systems.

Naumov et al., 2019, https://arxiv.org/abs/1906.00091

    d      = bottom MLP(numbers)                            a vector as wide as an embedding
    cat    : z = [d, e_1, ..., e_C]                         e_c the embedding of column c
    dot    : z = [d, <v_i, v_j> for i > j],  v = d, e_1, ..., e_C
    logit  = top MLP(z)
    loss   = log loss over all rows

dlrm/README.md lists the departures from the paper.

    python dlrm/train.py --interaction_op dot --bf16
"""

import argparse
import os
import sys
from typing import Dict, List, NamedTuple, Optional, Tuple

import numpy as np

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from common import flags, layers, runner  # noqa: E402
from common.config import needs  # noqa: E402
from common.config.model import Model  # noqa: E402
from common.config.schema import Schema  # noqa: E402
from common.embedding import input_layer  # noqa: E402
from common.embedding.input_layer import Embedding  # noqa: E402
from common.embedding.numbers import beside, logarithms  # noqa: E402
from common.layers import Dense, Norm  # noqa: E402
from common.metrics import heads  # noqa: E402
from common.metrics.objective import Objective  # noqa: E402
from common.optimizers import train_step  # noqa: E402
from common.optimizers.train_step import Features, Training  # noqa: E402
import tensorflow.compat.v1 as tf  # noqa: E402; behind common, which says why

MODEL = Model(
    name="DLRM",
    data="data.eleme",
    tasks=("click",),
    epochs=1,
    learning_rate=0.001,
    optimizer="adamasync",
    save_steps=0,
    one_label=True,
    reads=("numbers",),
)
DIMENSION = 16
BOTTOM = (512, 256, 64)
TOP = (512, 256)


class Params(NamedTuple):
    """Sizes and settings of the network.

    Attributes:
      schema: the columns.
      embedding: width 16 and how columns are embedded.
      dense: how dense layers are built.
      training: how it is trained.
      rate: share of rows with label 1, where the output starts.
      interaction_op: 'dot' or 'cat'.
      bottom: hidden sizes of the bottom MLP, before its last layer of the widest embedding's width.
      top: hidden sizes of the top MLP.
      objective: how labels count in its loss.
    """

    schema: Schema
    embedding: Embedding
    dense: Dense
    training: Training
    rate: float
    interaction_op: str = "cat"
    bottom: Tuple[int, ...] = BOTTOM
    top: Tuple[int, ...] = TOP
    objective: Objective = Objective()


class Outputs(NamedTuple):
    """The logit by the name of its label, float32 [B]."""

    logits: Dict[str, tf.Tensor]


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Adds --interaction_op."""
    parser.add_argument(
        "--interaction_op", choices=("dot", "cat"), default="cat",
        help="how vectors meet before the top MLP: their dot products or all of them joined "
             "(default cat)")


def forward(features: Features, params: Params, training: bool) -> Outputs:
    """Joins the bottom MLP's vector with the embeddings and feeds them to the top MLP.

    Without number columns there is no bottom MLP.
    """
    schema = params.schema
    width = max(map(params.embedding.width, schema.features))
    bottoms = []
    if schema.numbers:
        raw = beside(features, schema.numbers)
        numbers = normalise(raw, training, params.dense)  # [B, N]
        sizes = params.bottom + (width,)
        bottoms.append(layers.mlp(numbers, sizes, "bottom", params.dense, Norm(training)))
    embedded = input_layer.embed(features, schema.features, "input", params.embedding)
    joined = tf.concat([*bottoms, embedded], axis=1)  # [B, F * D]
    if params.interaction_op == "dot":
        num_vectors = len(bottoms) + len(schema.features)
        vectors = tf.reshape(joined, [-1, num_vectors, width])  # [B, F, D]
        joined = tf.concat([*bottoms, dot_products(vectors)], axis=1)
    top = layers.mlp(joined, params.top, "top", params.dense)
    (task, label), = schema.tasks
    return Outputs({label: layers.logit(top, task + "_logit", params.rate, params.dense)})


def normalise(numbers: tf.Tensor, training: bool, config: Dense) -> tf.Tensor:
    """Numbers of any scale as numbers around 0, [B, N].

    The logarithm of their size, with their sign, is normalised by the batch.
    """
    logs = logarithms(numbers)
    return layers.batch_norm(logs, "numbers_norm", Norm(training), config, affine=False)


def dot_products(vectors: tf.Tensor) -> tf.Tensor:
    """The dot products of each pair of F vectors [B, F, D], [B, F (F - 1) / 2].

    They are the lower triangle of all products, row by row.
    """
    count = vectors.shape[1].value
    rows, columns = np.tril_indices(count, -1)
    products = tf.matmul(vectors, vectors, transpose_b=True)  # [B, F, F]
    flat = tf.reshape(products, [-1, count * count])
    return tf.gather(flat, rows * count + columns, axis=1)


def loss(outputs: Outputs, labels: Features, params: Params) -> tf.Tensor:
    """The log loss over all rows, and the kernels' L2 terms; scalar."""
    log_loss = params.objective.mean_loss(params.schema, outputs.logits, labels)
    return log_loss + tf.losses.get_regularization_loss()


def model_fn(features: Features, labels: Optional[Features], mode: str,
             params: Params) -> tf.estimator.EstimatorSpec:
    """The estimator's model: one task."""
    if labels and mode == tf.estimator.ModeKeys.TRAIN:
        return train_step.train_spec(
            lambda x, y: loss(forward(x, params, True), y, params),
            features, labels, params.training)
    outputs = forward(features, params, False)
    tasks = heads.of_labels(params.schema, outputs.logits, labels)
    if labels is None:
        return heads.predict_spec(tasks)
    return heads.eval_spec(loss(outputs, labels, params), tasks, features)


def main(argv: Optional[List[str]] = None) -> None:
    """Trains and evaluates DLRM as the command line says."""
    parser = flags.make_parser("Trains DLRM.", MODEL)
    add_flags(parser)
    args = flags.parse(parser, argv)
    problem = needs.of_dot_products(args.schema, DIMENSION)
    if args.interaction_op == "dot" and problem:
        parser.error("--interaction_op dot {}. Give --interaction_op cat.".format(problem))
    data = flags.open_data(args)
    params = Params(
        schema=data.schema_of_tables,
        embedding=Embedding.from_flags(args, DIMENSION),
        dense=Dense.from_flags(args),
        training=Training.from_flags(args),
        objective=args.objective,
        rate=data.label_rates()[0, 0],
        interaction_op=args.interaction_op)
    run = flags.make_run(args, MODEL)
    runner.train_and_evaluate(run, data, model_fn, params, args.tasks)


if __name__ == "__main__":
    sys.exit(runner.exit_status(main))

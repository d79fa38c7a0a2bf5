"""DIN: Deep Interest Network for Click-Through Rate Prediction.

Zhou et al., KDD 2018, https://arxiv.org/abs/1706.06978

    a_j    = softmax_j(MLP([q, h_j, q - h_j, q * h_j]))
    v_U    = sum_j a_j h_j                                                                 (eq. 3)
    Dice   = p(s) s + (1 - p(s)) alpha s                                                   (eq. 5)
    loss   = log loss over all rows                                                 (eq. 2)

where q is the candidate after a dense layer with a PReLU, h_j an item of the user's history, v_U
the user's interest in this candidate, and p the sigmoid of s normalised by the batch. din/README.md
lists the departures from the paper.

    python din/train.py --bf16
"""

import argparse
import os
import sys
from typing import Dict, List, NamedTuple, Optional, Tuple

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from common import flags, layers, runner  # noqa: E402
from common.config import parts  # noqa: E402
from common.config.model import Model  # noqa: E402
from common.config.schema import Schema  # noqa: E402
from common.embedding import input_layer  # noqa: E402
from common.embedding.history import History, RaggedHistory  # noqa: E402
from common.embedding.input_layer import Embedding  # noqa: E402
from common.kernels.layers import attention, dense  # noqa: E402
from common.kernels.layers import dice as activation  # noqa: E402
from common.layers import Dense, Norm  # noqa: E402
from common.metrics import heads  # noqa: E402
from common.metrics.objective import Objective  # noqa: E402
from common.optimizers import train_step  # noqa: E402
from common.optimizers.train_step import Features, Training  # noqa: E402
import tensorflow.compat.v1 as tf  # noqa: E402; behind common, which says why

MODEL = Model(
    name="DIN", data="data.amazon", tasks=("click",), epochs=1, learning_rate=0.001,
    optimizer="adamasync", save_steps=0, per_item="attention/dense_",
    one_label=True, reads=("histories",),
    on_deeprec={"bf16": "both", "emb_fusion": "ours"})
DIMENSION = 18
ATTENTION = (80, 40)
TOP = (200, 80)


class Params(NamedTuple):
    """Sizes and settings of the network.

    Attributes:
      schema: histories, their candidates and a profile, with the sizes of their vocabularies.
      embedding: width 18 and how columns are embedded.
      dense: how dense layers are built.
      training: how it is trained.
      rate: share of rows with label 1, where the output starts.
      attention: hidden sizes of the attention's MLP.
      top: hidden sizes of the layers behind it.
      objective: how labels count in its loss.
    """

    schema: Schema
    embedding: Embedding
    dense: Dense
    training: Training
    rate: float
    attention: Tuple[int, ...] = ATTENTION
    top: Tuple[int, ...] = TOP
    objective: Objective = Objective()


class Outputs(NamedTuple):
    """The logit by the name of its label, float32 [B]."""

    logits: Dict[str, tf.Tensor]


def add_flags(parser: argparse.ArgumentParser) -> None:
    """DIN has no flags of its own."""


def forward(features: Features, params: Params, training: bool) -> Outputs:
    """Attends to the history with the candidate, and feeds all vectors through the top layers."""
    schema, config = params.schema, params.embedding
    candidates, histories = parts.candidates(schema), parts.histories(schema)
    profile = parts.profile(schema)
    user = input_layer.embed_any(features, profile, "input", config)  # [B, U D] in parts
    item = input_layer.look_up(features, candidates, "input", config)  # [B, 2 D]
    history = input_layer.look_up_history(features, histories, "input", config)  # items [P, 2 D]
    interest, total = attend(item, history, params)  # [B, 2 D] each
    hidden = tf.concat([*user, item, total, item * total, interest], axis=1)  # [B, 9 D]
    norm = Norm(training)
    hidden = layers.batch_norm(hidden, "top_norm", norm, params.dense, before_dense=True)
    for i, size in enumerate(params.top):
        hidden = layers.dense(hidden, size, "top_{}".format(i), params.dense)
        hidden = dice(hidden, "dice_{}".format(i), training, params)
    (task, label), = schema.tasks
    return Outputs({label: layers.logit(hidden, task + "_logit", params.rate, params.dense)})


def attend(item: tf.Tensor, history: History, params: Params) -> Tuple[tf.Tensor, tf.Tensor]:
    """The sum of the history's items weighted by what each matters to the candidate, and plain.

    Args:
      item: the candidate, [B, 2 D].

    Returns:
      both sums, [B, 2 D].
    """
    with tf.variable_scope("attention"):
        width = item.shape[1].value
        query = prelu(layers.dense(item, width, "query", params.dense), "query")  # [B, 2 D]
        if params.dense.fused and isinstance(history, RaggedHistory):
            return _attend_fused(query, history, params)
        items = history.items
        query = history.spread(query)  # [P, 2 D]
        hidden = tf.concat([query, items, query - items, query * items], axis=-1)  # [P, 8 D]
        for i, size in enumerate(params.attention):
            hidden = layers.dense(hidden, size, "dense_{}".format(i), params.dense, tf.sigmoid)
        scores = layers.dense(hidden, 1, "score", params.dense)
        weights = history.softmax(scores)  # [P, 1]
        return history.sum(weights * items), history.sum(items)


def _attend_fused(query: tf.Tensor, history: RaggedHistory,
                  params: Params) -> Tuple[tf.Tensor, tf.Tensor]:
    """The same from the query [B, 2 D] on, in a native op."""
    sizes = [4 * query.shape[1].value, *params.attention, 1]
    names = ["dense_{}".format(i) for i in range(len(params.attention))]
    names.append("score")
    kernels, biases = [], []
    for width, units, name in zip(sizes, sizes[1:], names):
        kernel, bias = layers.dense_variables(width, units, name, params.dense)
        kernels.append(kernel)
        biases.append(bias)
    precision = dense.precision(params.dense.toggles.bf16)
    return attention.attend(query, history.items, history.row_splits, kernels, biases, precision)


def prelu(inputs: tf.Tensor, name: str) -> tf.Tensor:
    """max(0, x) + alpha min(0, x) with a learned alpha of each feature, [B, H].

    He et al., arXiv 1502.01852.
    """
    shape = [inputs.shape[-1]]
    initializer = tf.constant_initializer(0.25)
    alpha = tf.get_variable(name + "/alpha", shape, initializer=initializer)
    return tf.nn.relu(inputs) - alpha * tf.nn.relu(-inputs)


def dice(inputs: tf.Tensor, name: str, training: bool, params: Params) -> tf.Tensor:
    """The paper's activation, [B, H]: a PReLU whose corner moves to the features' mean (eq. 5)."""
    shape = [inputs.shape[-1]]
    alpha = tf.get_variable(name + "/alpha", shape, initializer=tf.zeros_initializer())
    normal = layers.batch_norm(inputs, name + "/norm", Norm(training), params.dense, affine=False)
    if params.dense.fused:
        return activation.dice(inputs, normal, alpha)
    # p s + (1 - p) alpha s as (alpha + p (1 - alpha)) s, with fewer passes over memory
    return (alpha + tf.sigmoid(normal) * (1.0 - alpha)) * inputs


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
    """Trains and evaluates DIN as the command line says."""
    parser = flags.make_parser("Trains DIN.", MODEL)
    add_flags(parser)
    args = flags.parse(parser, argv)
    data = flags.open_data(args)
    params = Params(
        schema=data.schema_of_tables,
        embedding=Embedding.from_flags(args, DIMENSION),
        dense=Dense.from_flags(args),
        training=Training.from_flags(args),
        objective=args.objective,
        rate=data.label_rates()[0, 0])
    run = flags.make_run(args, MODEL)
    runner.train_and_evaluate(run, data, model_fn, params, args.tasks)


if __name__ == "__main__":
    sys.exit(runner.exit_status(main))

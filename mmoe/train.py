"""MMoE: Modeling Task Relationships in Multi-task Learning with Multi-gate Mixture-of-Experts.

Ma et al., KDD 2018, https://dl.acm.org/doi/10.1145/3219819.3220007

    g_k(x) = softmax(W_gk x)          one gate for each task k, over E experts             (eq. 7)
    f_k(x) = sum_e g_k(x)_e f_e(x)    the experts f_e, mixed for task k                    (eq. 6)
    y_k    = h_k(f_k(x))              the tower h_k                                        (eq. 5)
    loss   = mean log loss of both tasks (click, purchase) over all rows

mmoe/README.md lists the departures from the paper.

    python mmoe/train.py --bf16
"""

import argparse
import os
import sys
from typing import List, NamedTuple, Optional, Tuple

import tensorflow.compat.v1 as tf

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from common import flags, layers, runner  # noqa: E402
from common.config.model import Model  # noqa: E402
from common.config.schema import USER  # noqa: E402
from common.embedding import input_layer  # noqa: E402
from common.embedding.input_layer import Embedding  # noqa: E402
from common.layers import Dense  # noqa: E402
from common.metrics import heads  # noqa: E402
from common.optimizers import train_step  # noqa: E402
from common.optimizers.train_step import Features, Training  # noqa: E402
from data.taobao import SCHEMA  # noqa: E402

MODEL = Model(
    name="MMoE",
    data="data.taobao",
    tasks=("click", "purchase"),
    epochs=1000,
    learning_rate=0.001,
    optimizer="adamasync",
    sample_flags="--steps 977",
)
LABELS = ("clk", "buy")
DIMENSION = 16
EXPERTS = 4
EXPERT = (256, 192, 128, 64)
TOWER = (256, 192, 128, 64)


class Params(NamedTuple):
    """Sizes and settings of the network.

    Attributes:
      embedding: width 16 and how columns are embedded.
      dense: how dense layers are built.
      training: how it is trained.
      click_rate, purchase_rate: share of rows clicked and bought, where the towers start.
      experts: the number of experts E.
      expert: hidden sizes of an expert.
      tower: hidden sizes of a tower.
    """

    embedding: Embedding
    dense: Dense
    training: Training
    click_rate: float
    purchase_rate: float
    experts: int = EXPERTS
    expert: Tuple[int, ...] = EXPERT
    tower: Tuple[int, ...] = TOWER


class Outputs(NamedTuple):
    """Logits of the two towers, float32 [B]."""

    click: tf.Tensor
    purchase: tf.Tensor


def add_flags(parser: argparse.ArgumentParser) -> None:
    """MMoE has no flags of its own."""


def forward(features: Features, params: Params) -> Outputs:
    """Feeds the embedded columns through the experts, and each task's mixture through its tower."""
    inputs = input_layer.embed(features, SCHEMA.features, "input", params.embedding)
    count, tasks = params.experts, len(MODEL.tasks)
    names = ["expert_{}".format(i) for i in range(count)]
    experts = layers.mlps(count * [inputs], count * [params.expert], names, params.dense)
    names = [task + "_gate" for task in MODEL.tasks]
    gates = layers.dense_group(tasks * [inputs], tasks * [count], names, params.dense)  # [B, E]
    members = tasks * [range(count)]  # every gate sees every expert
    mixed = layers.mix(experts, gates, members, params.dense)  # [B, H] of each task
    names = [task + "_tower" for task in MODEL.tasks]
    click, purchase = layers.mlps(mixed, tasks * [params.tower], names, params.dense)
    return Outputs(
        click=layers.logit(click, "click_logit", params.click_rate, params.dense),
        purchase=layers.logit(purchase, "purchase_logit", params.purchase_rate, params.dense))


def loss(outputs: Outputs, labels: Features) -> tf.Tensor:
    """The mean of both tasks' log losses over all rows, and the kernels' L2 terms; scalar."""
    losses = []
    for name, logit in zip(LABELS, outputs):
        label = labels[name]
        losses.append(tf.nn.sigmoid_cross_entropy_with_logits(labels=label, logits=logit))
    return tf.reduce_mean(losses) + tf.losses.get_regularization_loss()


def model_fn(features: Features, labels: Optional[Features], mode: str,
             params: Params) -> tf.estimator.EstimatorSpec:
    """The estimator's model: two tasks, each measured on all rows."""
    if labels and mode == tf.estimator.ModeKeys.TRAIN:
        return train_step.train_spec(
            lambda x, y: loss(forward(x, params), y), features, labels, params.training)
    outputs = forward(features, params)
    click, purchase = map(heads.Task, MODEL.tasks, outputs)
    if labels is None:
        return heads.predict_spec([click, purchase])
    total = loss(outputs, labels)
    click = click._replace(label=labels["clk"], by_user=True)
    purchase = purchase._replace(label=labels["buy"])
    return heads.eval_spec(total, [click, purchase], features[USER])


def main(argv: Optional[List[str]] = None) -> None:
    """Trains and evaluates MMoE as the command line says."""
    parser = flags.make_parser("Trains MMoE on Taobao rows.", MODEL)
    add_flags(parser)
    args = flags.parse(parser, argv)
    data = flags.open_data(args, SCHEMA)
    rates = data.label_rates()
    params = Params(
        embedding=Embedding.from_flags(args, DIMENSION),
        dense=Dense.from_flags(args),
        training=Training.from_flags(args),
        click_rate=rates[0, 0],
        purchase_rate=rates[1, 1])
    run = flags.make_run(args, MODEL)
    runner.train_and_evaluate(run, data, model_fn, params, MODEL.tasks)


if __name__ == "__main__":
    sys.exit(runner.exit_status(main))

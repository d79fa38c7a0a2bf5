"""MMoE: Modeling Task Relationships in Multi-task Learning with Multi-gate Mixture-of-Experts.

Ma et al., KDD 2018, https://dl.acm.org/doi/10.1145/3219819.3220007

    g_k(x) = softmax(W_gk x)                            one gate a task k over E experts                  (eq. 7)
    f_k(x) = sum_e g_k(x)_e f_e(x)                      the experts f_e, mixed for task k                 (eq. 6)
    y_k    = h_k(f_k(x))                                the tower h_k                                     (eq. 5)
    loss   = mean log loss of both tasks (click, purchase) over all rows

Departures from the paper are listed in mmoe/README.md.

    python mmoe/train.py --bf16
"""

import argparse
import os
import sys
from typing import Dict, List, NamedTuple, Optional, Tuple

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
from common.optimizers.train_step import Training  # noqa: E402
from data.taobao import SCHEMA  # noqa: E402

MODEL = Model(
    name="MMoE", data="data.taobao", tasks=("click", "purchase"), epochs=1000,
    learning_rate=0.001, optimizer="adamasync", sample_flags="--steps 977")

EXPERTS = 4
EXPERT = (256, 192, 128, 64)
TOWER = (256, 192, 128, 64)
LABELS = {"click": "clk", "purchase": "buy"}


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


def forward(features: Dict[str, tf.Tensor], params: Params) -> Outputs:
    """Embeds all columns, feeds them through the experts, and each task's mixture of them through its tower."""
    inputs = input_layer.embed(features, SCHEMA.features, "input", params.embedding)  # [B, columns * D]
    count, tasks = params.experts, len(MODEL.tasks)
    experts = layers.mlps(count * [inputs], count * [params.expert], ["expert_{}".format(i) for i in range(count)],
                          params.dense)  # [B, H] each
    gate_names = [task + "_gate" for task in MODEL.tasks]
    gates = layers.dense_group(tasks * [inputs], tasks * [count], gate_names, params.dense)
    mixed = layers.mix(experts, gates, tasks * [range(count)], params.dense)  # [B, H] of each task
    towers = layers.mlps(mixed, tasks * [params.tower], [task + "_tower" for task in MODEL.tasks], params.dense)
    rates = (params.click_rate, params.purchase_rate)
    return Outputs(*[layers.logit(hidden, task + "_logit", rate, params.dense)
                     for task, hidden, rate in zip(MODEL.tasks, towers, rates)])


def loss(outputs: Outputs, labels: Dict[str, tf.Tensor]) -> tf.Tensor:
    """The mean of both tasks' log losses over all rows, and the kernels' L2 terms; scalar."""
    losses = [tf.nn.sigmoid_cross_entropy_with_logits(labels=labels[LABELS[task]], logits=logit)
              for task, logit in outputs._asdict().items()]
    return tf.reduce_mean(losses) + tf.losses.get_regularization_loss()


def model_fn(features: Dict[str, tf.Tensor], labels: Optional[Dict[str, tf.Tensor]], mode: str,
             params: Params) -> tf.estimator.EstimatorSpec:
    """The estimator's model: two tasks, each measured on all rows."""
    if labels and mode == tf.estimator.ModeKeys.TRAIN:
        return train_step.train_spec(lambda x, y: loss(forward(x, params), y), features, labels, params.training)
    outputs = forward(features, params)
    if labels is None:
        return heads.predict_spec([heads.Task(*task) for task in outputs._asdict().items()])
    total = loss(outputs, labels)
    tasks = [heads.Task(task, logit, labels[LABELS[task]], by_user=task == "click")
             for task, logit in outputs._asdict().items()]
    return heads.eval_spec(total, tasks, features[USER])


def main(argv: Optional[List[str]] = None) -> None:
    """Trains and evaluates MMoE as the command line says."""
    parser = flags.make_parser("Trains MMoE on Taobao rows.", MODEL)
    add_flags(parser)
    args = flags.parse(parser, argv)
    data = flags.open_data(args, SCHEMA)
    rates = data.label_rates()
    params = Params(
        embedding=Embedding.from_flags(args, 16), dense=Dense.from_flags(args), training=Training.from_flags(args),
        click_rate=rates[0, 0], purchase_rate=rates[1, 1])
    run = flags.make_run(args, MODEL, data.train_rows)
    runner.train_and_evaluate(run, data, model_fn, params, list(MODEL.tasks))


if __name__ == "__main__":
    sys.exit(runner.exit_status(main))

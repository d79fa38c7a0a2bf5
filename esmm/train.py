"""ESMM: Entire Space Multi-Task Model, for estimating post-click conversion rate.

Ma et al., SIGIR 2018, https://arxiv.org/abs/1804.07931

    pCTR   = p(click | shown)               = sigmoid(CTR tower)
    pCVR   = p(purchase | click, shown)     = sigmoid(CVR tower)
    pCTCVR = p(click and purchase | shown)  = pCTR * pCVR                                  (eq. 1)
    loss   = log loss(click, pCTR)
             + log loss(click and purchase, pCTCVR), both over all rows                    (eq. 3)

esmm/README.md lists the departures from the paper.

    python esmm/train.py --bf16
"""

import argparse
import os
import sys
from typing import List, Mapping, NamedTuple, Optional, Tuple

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from common import flags, layers, runner  # noqa: E402
from common.config import parts  # noqa: E402
from common.config.model import Model  # noqa: E402
from common.config.schema import Schema  # noqa: E402
from common.embedding import numbers  # noqa: E402
from common.embedding.input_layer import Embedding  # noqa: E402
from common.embedding.numbers import Statistics  # noqa: E402
from common.layers import Dense  # noqa: E402
from common.metrics import heads  # noqa: E402
from common.metrics.objective import Objective  # noqa: E402
from common.optimizers import train_step  # noqa: E402
from common.optimizers.train_step import Features, Training  # noqa: E402
import tensorflow.compat.v1 as tf  # noqa: E402; behind common, which says why

MODEL = Model(
    name="ESMM",
    data="data.taobao",
    tasks=("click", "purchase_given_click", "click_and_purchase"),
    epochs=10,
    learning_rate=0.1,
    optimizer="adagrad",
    sample_flags="--steps 1954",
    roles=("click", "purchase"),
    loss_tasks=("click", "click_and_purchase"),
    reads=("groups", "numbers"),
)
DIMENSION = 16
GROUP_MLP = (256, 128, 96, 64)
GROUP_MLPS = {"combo": (128, 96, 64, 32)}  # of groups that differ
TOWER = (256, 128, 96, 64)


class Params(NamedTuple):
    """Sizes and settings of the network.

    Attributes:
      schema: the columns.
      embedding: width 16 and how columns are embedded.
      dense: how dense layers are built.
      training: how it is trained.
      click_rate: share of rows clicked, where the CTR tower starts.
      buy_rate: share of clicked rows bought, where the CVR tower starts.
      numbers: statistics of the number columns.
      group_mlp: hidden sizes of the bottom MLP of a group of columns.
      group_mlps: group -> its own in place of those.
      tower: hidden sizes of the CTR and of the CVR tower.
      objective: how the losses of its tasks add up.
    """

    schema: Schema
    embedding: Embedding
    dense: Dense
    training: Training
    click_rate: float
    buy_rate: float
    numbers: Statistics = {}
    group_mlp: Tuple[int, ...] = GROUP_MLP
    group_mlps: Mapping[str, Tuple[int, ...]] = GROUP_MLPS
    tower: Tuple[int, ...] = TOWER
    objective: Objective = Objective()


class Outputs(NamedTuple):
    """Logits of the two towers, float32 [B]."""

    ctr: tf.Tensor
    cvr: tf.Tensor

    @property
    def ctcvr(self) -> tf.Tensor:
        """The logit of pCTR * pCVR, float32 [B], exact for probabilities too small for a float."""
        minus_log_ctr = tf.nn.softplus(-self.ctr)
        minus_log_rest = tf.nn.softplus(self.cvr - self.ctr - minus_log_ctr)
        return self.cvr - minus_log_ctr - minus_log_rest


def add_flags(parser: argparse.ArgumentParser) -> None:
    """ESMM has no flags of its own."""


def forward(features: Features, params: Params) -> Outputs:
    """Embeds each group of columns, feeds it through its MLP, and all of them to each tower."""
    inputs, sizes, names = [], [], []
    for group, columns in parts.groups(params.schema).items():
        inputs.append(numbers.embed(
            features, columns, group, params.embedding, params.numbers))
        sizes.append(params.group_mlps.get(group, params.group_mlp))
        names.append(group + "_mlp")
    bottoms = layers.mlps(inputs, sizes, names, params.dense)
    joined = tf.concat(bottoms, axis=1)  # [B, 64 + 64 + 32] of Taobao's three groups
    names = ["ctr_tower", "cvr_tower"]
    ctr, cvr = layers.mlps(2 * [joined], 2 * [params.tower], names, params.dense)  # [B, 64] each
    return Outputs(
        ctr=layers.logit(ctr, "ctr_logit", params.click_rate, params.dense),
        cvr=layers.logit(cvr, "cvr_logit", params.buy_rate, params.dense))


def loss(outputs: Outputs, labels: Features, params: Params) -> tf.Tensor:
    """The sum of both log losses over all rows, and of the kernels' L2 terms; scalar.

    Args:
      labels: by role.
    """
    click = labels["click"]
    both = click * labels["purchase"]
    ctr_loss = params.objective.log_losses("click", click, outputs.ctr)
    ctcvr_loss = params.objective.log_losses("click_and_purchase", both, outputs.ctcvr)
    log_loss = heads.mean_loss(ctr_loss, labels) + heads.mean_loss(ctcvr_loss, labels)
    return log_loss + tf.losses.get_regularization_loss()


def model_fn(features: Features, labels: Optional[Features], mode: str,
             params: Params) -> tf.estimator.EstimatorSpec:
    """The estimator's model: three tasks, purchase given click measured on clicked rows."""
    if labels is not None:
        labels = parts.by_role(labels, params.schema)
    if labels and mode == tf.estimator.ModeKeys.TRAIN:
        return train_step.train_spec(
            lambda x, y: loss(forward(x, params), y, params),
            features, labels, params.training)
    outputs = forward(features, params)
    logits = [outputs.ctr, outputs.cvr, outputs.ctcvr]
    click, purchase, both = map(heads.Task, MODEL.tasks, logits)
    if labels is None:
        return heads.predict_spec([click, purchase, both])
    total = loss(outputs, labels, params)
    bought = labels["click"] * labels["purchase"]
    click = click._replace(label=labels["click"])
    purchase = purchase._replace(label=bought, rows=labels["click"] > 0)
    both = both._replace(label=bought)
    return heads.eval_spec(total, [click, purchase, both], features)


def main(argv: Optional[List[str]] = None) -> None:
    """Trains and evaluates ESMM as the command line says."""
    parser = flags.make_parser("Trains ESMM.", MODEL)
    add_flags(parser)
    args = flags.parse(parser, argv)
    data = flags.open_data(args)
    rates = data.role_rates(*MODEL.roles)
    click_rate = rates[0, 0]
    buy_rate = min(rates[0, 1] / click_rate, 0.99)  # 1 has no logit
    params = Params(
        schema=data.schema_of_tables,
        embedding=Embedding.from_flags(args, DIMENSION),
        dense=Dense.from_flags(args),
        training=Training.from_flags(args),
        objective=args.objective,
        click_rate=click_rate,
        buy_rate=buy_rate,
        numbers=numbers.statistics(data.schema.numbers, data.sample_numbers()))
    run = flags.make_run(args, MODEL)
    runner.train_and_evaluate(run, data, model_fn, params, args.tasks)


if __name__ == "__main__":
    sys.exit(runner.exit_status(main))

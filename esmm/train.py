"""ESMM: Entire Space Multi-Task Model, an Effective Approach for Estimating Post-Click Conversion Rate.

Ma et al., SIGIR 2018, https://arxiv.org/abs/1804.07931

    pCTR   = p(click | shown)                 = sigmoid(CTR tower)
    pCVR   = p(purchase | click, shown)       = sigmoid(CVR tower)
    pCTCVR = p(click and purchase | shown)    = pCTR * pCVR                                            (eq. 1)
    loss   = log loss(click, pCTR) + log loss(click and purchase, pCTCVR), both over all rows          (eq. 3)

Departures from the paper are listed in esmm/README.md.

    python esmm/train.py --bf16
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
    name="ESMM", data="data.taobao", tasks=("click", "purchase_given_click", "click_and_purchase"),
    epochs=10, learning_rate=0.1, optimizer="adagrad", sample_flags="--steps 1954")

GROUP_MLPS = (("user", (256, 128, 96, 64)), ("item", (256, 128, 96, 64)), ("combo", (128, 96, 64, 32)))
TOWER = (256, 128, 96, 64)


class Params(NamedTuple):
    """Sizes and settings of the network.

    Attributes:
      embedding: width 16 and how columns are embedded.
      dense: how dense layers are built.
      training: how it is trained.
      click_rate: share of rows clicked, where the CTR tower starts.
      buy_rate: share of clicked rows bought, where the CVR tower starts.
      group_mlps: (group of columns, hidden sizes) of each bottom MLP.
      tower: hidden sizes of the CTR and of the CVR tower.
    """

    embedding: Embedding
    dense: Dense
    training: Training
    click_rate: float
    buy_rate: float
    group_mlps: Tuple[Tuple[str, Tuple[int, ...]], ...] = GROUP_MLPS
    tower: Tuple[int, ...] = TOWER


class Outputs(NamedTuple):
    """Logits of the two towers, float32 [B]."""

    ctr: tf.Tensor
    cvr: tf.Tensor

    @property
    def ctcvr(self) -> tf.Tensor:
        """The logit of pCTR * pCVR, float32 [B], exact for probabilities too small for a float."""
        minus_log_ctr = tf.nn.softplus(-self.ctr)
        return self.cvr - minus_log_ctr - tf.nn.softplus(self.cvr - self.ctr - minus_log_ctr)


def add_flags(parser: argparse.ArgumentParser) -> None:
    """ESMM has no flags of its own."""


def forward(features: Dict[str, tf.Tensor], params: Params) -> Outputs:
    """Embeds each group of columns, feeds it through its MLP, and the joined results through both towers."""
    groups, sizes = zip(*params.group_mlps)
    inputs = [input_layer.embed(features, SCHEMA.group(group), group, params.embedding) for group in groups]
    bottoms = layers.mlps(inputs, sizes, [group + "_mlp" for group in groups], params.dense)
    joined = tf.concat(bottoms, axis=1)  # [B, 64 + 64 + 32]
    ctr, cvr = layers.mlps(2 * [joined], 2 * [params.tower], ["ctr_tower", "cvr_tower"], params.dense)  # [B, 64] each
    return Outputs(layers.logit(ctr, "ctr_logit", params.click_rate, params.dense),
                   layers.logit(cvr, "cvr_logit", params.buy_rate, params.dense))


def loss(outputs: Outputs, labels: Dict[str, tf.Tensor]) -> tf.Tensor:
    """The sum of both log losses over all rows, and of the kernels' L2 terms; scalar."""
    click, both = labels["clk"], labels["clk"] * labels["buy"]
    ctr_loss = tf.nn.sigmoid_cross_entropy_with_logits(labels=click, logits=outputs.ctr)
    ctcvr_loss = tf.nn.sigmoid_cross_entropy_with_logits(labels=both, logits=outputs.ctcvr)
    return tf.reduce_mean(ctr_loss) + tf.reduce_mean(ctcvr_loss) + tf.losses.get_regularization_loss()


def model_fn(features: Dict[str, tf.Tensor], labels: Optional[Dict[str, tf.Tensor]], mode: str,
             params: Params) -> tf.estimator.EstimatorSpec:
    """The estimator's model: three tasks, purchase given click measured on clicked rows."""
    if labels and mode == tf.estimator.ModeKeys.TRAIN:
        return train_step.train_spec(lambda x, y: loss(forward(x, params), y), features, labels, params.training)
    outputs = forward(features, params)
    if labels is None:
        logits = [outputs.ctr, outputs.cvr, outputs.ctcvr]
        return heads.predict_spec([heads.Task(*task) for task in zip(MODEL.tasks, logits)])
    total = loss(outputs, labels)
    both = labels["clk"] * labels["buy"]
    tasks = [heads.Task("click", outputs.ctr, labels["clk"], by_user=True),
             heads.Task("purchase_given_click", outputs.cvr, both, rows=labels["clk"] > 0),
             heads.Task("click_and_purchase", outputs.ctcvr, both)]
    return heads.eval_spec(total, tasks, features[USER])


def main(argv: Optional[List[str]] = None) -> None:
    """Trains and evaluates ESMM as the command line says."""
    parser = flags.make_parser("Trains ESMM on Taobao rows.", MODEL)
    add_flags(parser)
    args = flags.parse(parser, argv)
    data = flags.open_data(args, SCHEMA)
    rates = data.label_rates()
    params = Params(
        embedding=Embedding.from_flags(args, 16), dense=Dense.from_flags(args), training=Training.from_flags(args),
        click_rate=rates[0, 0], buy_rate=min(rates[0, 1] / rates[0, 0], 0.99))  # 1 has no logit
    run = flags.make_run(args, MODEL, data.train_rows)
    runner.train_and_evaluate(run, data, model_fn, params, list(MODEL.tasks))


if __name__ == "__main__":
    sys.exit(runner.exit_status(main))

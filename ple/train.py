"""PLE: Progressive Layered Extraction, a Novel Multi-Task Learning Model for Personalized Recommendations.

Tang et al., RecSys 2020, https://dl.acm.org/doi/10.1145/3383313.3412236

    g_k(x) = w_k(x_k) S_k(x)          a task's gate w_k, a softmax over its own experts and the shared ones
    g_s(x) = w_s(x_s) S(x)            the shared gate w_s, over all experts; none in the last layer
    x_k and x_s of the next layer are g_k and g_s of this one
    y_k    = t_k(g_k of the last layer)                                                       t_k a tower
    loss    = mean log loss of both tasks (click, purchase) over all rows

Departures from the paper are listed in ple/README.md.

    python ple/train.py --bf16
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
from common.layers import Dense, Norm  # noqa: E402
from common.metrics import heads  # noqa: E402
from common.optimizers import train_step  # noqa: E402
from common.optimizers.train_step import Training  # noqa: E402
from data.taobao import SCHEMA  # noqa: E402

MODEL = Model(
    name="PLE", data="data.taobao", tasks=("click", "purchase"), epochs=1000,
    learning_rate=0.001, optimizer="adam", sample_flags="--steps 977")

LEVELS = 3
SPECIFIC = 2
SHARED = 1
EXPERT = (256, 128, 64)
GATE = (256, 128, 64)
TOWER = (256, 128, 64)
EPSILON = 1.0
LABELS = {"click": "clk", "purchase": "buy"}


class Params(NamedTuple):
    """Sizes and settings of the network.

    Attributes:
      embedding: width 16 and how columns are embedded.
      dense: how dense layers are built.
      training: how it is trained.
      click_rate, purchase_rate: share of rows clicked and bought, where the towers start.
      levels: the number of extraction layers.
      specific, shared: experts of each task, and shared ones, in a layer.
      expert, gate, tower: hidden sizes of an expert, of a gate's network and of a tower.
      epsilon: what batch normalisation adds to each variance.
    """

    embedding: Embedding
    dense: Dense
    training: Training
    click_rate: float
    purchase_rate: float
    levels: int = LEVELS
    specific: int = SPECIFIC
    shared: int = SHARED
    expert: Tuple[int, ...] = EXPERT
    gate: Tuple[int, ...] = GATE
    tower: Tuple[int, ...] = TOWER
    epsilon: float = EPSILON


class Outputs(NamedTuple):
    """Logits of the two towers, float32 [B]."""

    click: tf.Tensor
    purchase: tf.Tensor


def add_flags(parser: argparse.ArgumentParser) -> None:
    """PLE has no flags of its own."""


def forward(features: Dict[str, tf.Tensor], params: Params, training: bool) -> Outputs:
    """Embeds all columns, feeds them through the extraction layers, and each task's result through its tower."""
    norm = Norm(training, params.epsilon)
    inputs = input_layer.embed(features, SCHEMA.features, "input", params.embedding)  # [B, columns * D]
    streams = {name: inputs for name in [*MODEL.tasks, "shared"]}
    for level in range(params.levels):
        with tf.variable_scope("layer_{}".format(level)):
            streams = _extract(streams, level == params.levels - 1, params, norm)
    towers = layers.mlps([streams[task] for task in MODEL.tasks], len(MODEL.tasks) * [params.tower],
                         [task + "_tower" for task in MODEL.tasks], params.dense, norm)
    rates = (params.click_rate, params.purchase_rate)
    return Outputs(*[layers.logit(hidden, task + "_logit", rate, params.dense)
                     for task, hidden, rate in zip(MODEL.tasks, towers, rates)])


def _extract(streams: Dict[str, tf.Tensor], is_last: bool, params: Params, norm: Norm) -> Dict[str, tf.Tensor]:
    """One extraction layer: [B, H] of each task and of the shared part to the same; the last has no shared part."""
    experts = [(name, i) for name in streams for i in range(params.shared if name == "shared" else params.specific)]
    gates = MODEL.tasks if is_last else list(streams)
    hidden = layers.mlps(
        [streams[name] for name, _ in experts] + [streams[name] for name in gates],
        len(experts) * [params.expert] + len(gates) * [params.gate],
        ["{}_expert_{}".format(*expert) for expert in experts] + [name + "_gate" for name in gates],
        params.dense, norm)  # [B, H] each
    members = [[i for i, (owner, _) in enumerate(experts) if name == "shared" or owner in (name, "shared")]
               for name in gates]
    logits = layers.dense_group(hidden[len(experts):], [len(indices) for indices in members],
                                [name + "_gate_logits" for name in gates], params.dense)  # [B, E] each
    return dict(zip(gates, layers.mix(hidden[:len(experts)], logits, members, params.dense)))


def loss(outputs: Outputs, labels: Dict[str, tf.Tensor]) -> tf.Tensor:
    """The mean of both tasks' log losses over all rows, and the kernels' L2 terms; scalar."""
    losses = [tf.nn.sigmoid_cross_entropy_with_logits(labels=labels[LABELS[task]], logits=logit)
              for task, logit in outputs._asdict().items()]
    return tf.reduce_mean(losses) + tf.losses.get_regularization_loss()


def model_fn(features: Dict[str, tf.Tensor], labels: Optional[Dict[str, tf.Tensor]], mode: str,
             params: Params) -> tf.estimator.EstimatorSpec:
    """The estimator's model: two tasks, each measured on all rows."""
    if labels and mode == tf.estimator.ModeKeys.TRAIN:
        return train_step.train_spec(lambda x, y: loss(forward(x, params, True), y), features, labels, params.training)
    outputs = forward(features, params, False)
    if labels is None:
        return heads.predict_spec([heads.Task(*task) for task in outputs._asdict().items()])
    total = loss(outputs, labels)
    tasks = [heads.Task(task, logit, labels[LABELS[task]], by_user=task == "click")
             for task, logit in outputs._asdict().items()]
    return heads.eval_spec(total, tasks, features[USER])


def main(argv: Optional[List[str]] = None) -> None:
    """Trains and evaluates PLE as the command line says."""
    parser = flags.make_parser("Trains PLE on Taobao rows.", MODEL)
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

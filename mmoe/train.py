"""MMoE: Modeling Task Relationships in Multi-task Learning with Multi-gate Mixture-of-Experts.

Ma et al., KDD 2018, https://dl.acm.org/doi/10.1145/3219819.3220007

    g_k(x) = softmax(W_gk x)          one gate for each task k, over E experts             (eq. 7)
    f_k(x) = sum_e g_k(x)_e f_e(x)    the experts f_e, mixed for task k                    (eq. 6)
    y_k    = h_k(f_k(x))              the tower h_k                                        (eq. 5)
    loss   = mean log loss of all tasks over all rows

mmoe/README.md lists the departures from the paper.

    python mmoe/train.py --bf16
"""

import argparse
import os
import sys
from typing import Dict, List, NamedTuple, Optional, Tuple

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from common import flags, layers, runner  # noqa: E402
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
    name="MMoE",
    data="data.taobao",
    tasks=("click", "purchase"),
    epochs=1000,
    learning_rate=0.001,
    optimizer="adamasync",
    sample_flags="--steps 977",
    reads=("numbers",),
)
DIMENSION = 16
EXPERTS = 4
EXPERT = (256, 192, 128, 64)
TOWER = (256, 192, 128, 64)


class Params(NamedTuple):
    """Sizes and settings of the network.

    Attributes:
      schema: the columns; each label is a task.
      embedding: width 16 and how columns are embedded.
      dense: how dense layers are built.
      training: how it is trained.
      rates: share of rows with each label, where its tower starts.
      numbers: statistics of the number columns.
      experts: the number of experts E.
      expert: hidden sizes of an expert.
      tower: hidden sizes of a tower.
      objective: how the losses of its tasks add up.
    """

    schema: Schema
    embedding: Embedding
    dense: Dense
    training: Training
    rates: Tuple[float, ...]
    numbers: Statistics = {}
    experts: int = EXPERTS
    expert: Tuple[int, ...] = EXPERT
    tower: Tuple[int, ...] = TOWER
    objective: Objective = Objective()


class Outputs(NamedTuple):
    """Logits of the towers by the names of their labels, float32 [B] each."""

    logits: Dict[str, tf.Tensor]


def add_flags(parser: argparse.ArgumentParser) -> None:
    """MMoE has no flags of its own."""


def forward(features: Features, params: Params) -> Outputs:
    """Feeds the embedded columns through the experts, and each task's mixture through its tower."""
    inputs = numbers.embed(
        features, params.schema.inputs, "input", params.embedding, params.numbers)
    tasks, labels = zip(*params.schema.tasks)
    count, num_tasks = params.experts, len(tasks)
    names = ["expert_{}".format(i) for i in range(count)]
    experts = layers.mlps(count * [inputs], count * [params.expert], names, params.dense)
    names = [task + "_gate" for task in tasks]
    units = num_tasks * [count]
    gates = layers.dense_group(num_tasks * [inputs], units, names, params.dense)  # [B, E] each
    members = num_tasks * [range(count)]  # every gate sees every expert
    mixed = layers.mix(experts, gates, members, params.dense)  # [B, H] of each task
    names = [task + "_tower" for task in tasks]
    towers = layers.mlps(mixed, num_tasks * [params.tower], names, params.dense)
    logits = {}
    for label, task, tower, rate in zip(labels, tasks, towers, params.rates):
        logits[label] = layers.logit(tower, task + "_logit", rate, params.dense)
    return Outputs(logits)


def loss(outputs: Outputs, labels: Features, params: Params) -> tf.Tensor:
    """The mean of all tasks' log losses over all rows, and the kernels' L2 terms; scalar."""
    log_loss = params.objective.mean_loss(params.schema, outputs.logits, labels)
    return log_loss + tf.losses.get_regularization_loss()


def model_fn(features: Features, labels: Optional[Features], mode: str,
             params: Params) -> tf.estimator.EstimatorSpec:
    """The estimator's model: a task for each label, measured on all rows."""
    if labels and mode == tf.estimator.ModeKeys.TRAIN:
        return train_step.train_spec(
            lambda x, y: loss(forward(x, params), y, params),
            features, labels, params.training)
    outputs = forward(features, params)
    tasks = heads.of_labels(params.schema, outputs.logits, labels)
    if labels is None:
        return heads.predict_spec(tasks)
    return heads.eval_spec(loss(outputs, labels, params), tasks, features)


def main(argv: Optional[List[str]] = None) -> None:
    """Trains and evaluates MMoE as the command line says."""
    parser = flags.make_parser("Trains MMoE.", MODEL)
    add_flags(parser)
    args = flags.parse(parser, argv)
    data = flags.open_data(args)
    params = Params(
        schema=data.schema_of_tables,
        embedding=Embedding.from_flags(args, DIMENSION),
        dense=Dense.from_flags(args),
        training=Training.from_flags(args),
        objective=args.objective,
        rates=tuple(data.label_rates().diagonal()),
        numbers=numbers.statistics(data.schema.numbers, data.sample_numbers()))
    run = flags.make_run(args, MODEL)
    runner.train_and_evaluate(run, data, model_fn, params, args.tasks)


if __name__ == "__main__":
    sys.exit(runner.exit_status(main))

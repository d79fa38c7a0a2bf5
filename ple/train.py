"""PLE: Progressive Layered Extraction, multi-task learning for personalized recommendations.

Tang et al., RecSys 2020, https://dl.acm.org/doi/10.1145/3383313.3412236

    g_k(x) = w_k(x_k) S_k(x)    a task's gate w_k, a softmax over its own experts and shared ones
    g_s(x) = w_s(x_s) S(x)      the shared gate w_s, over all experts; none in the last layer
    x_k and x_s of the next layer are g_k and g_s of this one
    y_k    = t_k(g_k of the last layer)                                               t_k a tower
    loss   = mean log loss of all tasks over all rows

ple/README.md lists the departures from the paper.

    python ple/train.py --bf16
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
from common.layers import Dense, Norm  # noqa: E402
from common.metrics import heads  # noqa: E402
from common.metrics.objective import Objective  # noqa: E402
from common.optimizers import train_step  # noqa: E402
from common.optimizers.train_step import Features, Training  # noqa: E402
import tensorflow.compat.v1 as tf  # noqa: E402; behind common, which says why

MODEL = Model(
    name="PLE",
    data="data.taobao",
    tasks=("click", "purchase"),
    epochs=1000,
    learning_rate=0.001,
    optimizer="adam",
    sample_flags="--steps 977",
    reads=("numbers",),
)
DIMENSION = 16
LEVELS = 3
SPECIFIC = 2
SHARED = 1
EXPERT = (256, 128, 64)
GATE = (256, 128, 64)
TOWER = (256, 128, 64)
EPSILON = 1.0


class Params(NamedTuple):
    """Sizes and settings of the network.

    Attributes:
      schema: the columns; each label is a task.
      embedding: width 16 and how columns are embedded.
      dense: how dense layers are built.
      training: how it is trained.
      rates: share of rows with each label, where its tower starts.
      numbers: statistics of the number columns.
      levels: the number of extraction layers.
      specific, shared: experts of each task, and shared ones, in a layer.
      expert, gate, tower: hidden sizes of an expert, of a gate's network and of a tower.
      epsilon: what batch normalisation adds to each variance.
      objective: how the losses of its tasks add up.
    """

    schema: Schema
    embedding: Embedding
    dense: Dense
    training: Training
    rates: Tuple[float, ...]
    numbers: Statistics = {}
    levels: int = LEVELS
    specific: int = SPECIFIC
    shared: int = SHARED
    expert: Tuple[int, ...] = EXPERT
    gate: Tuple[int, ...] = GATE
    tower: Tuple[int, ...] = TOWER
    epsilon: float = EPSILON
    objective: Objective = Objective()


class Outputs(NamedTuple):
    """Logits of the towers by the names of their labels, float32 [B] each."""

    logits: Dict[str, tf.Tensor]


def add_flags(parser: argparse.ArgumentParser) -> None:
    """PLE has no flags of its own."""


def forward(features: Features, params: Params, training: bool) -> Outputs:
    """Feeds embedded columns through extraction layers, and each task's result to its tower."""
    norm = Norm(training, params.epsilon)
    inputs = numbers.embed(
        features, params.schema.inputs, "input", params.embedding, params.numbers)
    tasks, labels = zip(*params.schema.tasks)
    streams = dict.fromkeys([*tasks, "shared"], inputs)
    for level in range(params.levels):
        is_last = level == params.levels - 1
        with tf.variable_scope("layer_{}".format(level)):
            streams = _extract(streams, is_last, params, norm)
    hidden = [streams[task] for task in tasks]
    sizes = len(hidden) * [params.tower]
    names = [task + "_tower" for task in tasks]
    towers = layers.mlps(hidden, sizes, names, params.dense, norm)
    logits = {}
    for label, task, tower, rate in zip(labels, tasks, towers, params.rates):
        logits[label] = layers.logit(tower, task + "_logit", rate, params.dense)
    return Outputs(logits)


def _extract(streams: Dict[str, tf.Tensor], is_last: bool, params: Params,
             norm: Norm) -> Dict[str, tf.Tensor]:
    """One extraction layer.

    Args:
      streams: the input of each task and of the shared part, [B, I] each.
      is_last: whether to leave the shared part out of what is returned.

    Returns:
      the outputs by the same names, [B, H] each.
    """
    owners: List[str] = []  # of each expert
    for name in streams:
        owners += (params.shared if name == "shared" else params.specific) * [name]
    gates = list(streams)[:-1] if is_last else list(streams)  # the shared part is the last
    # Experts and the gates' networks stand side by side, so that they run as one product a layer.
    inputs = [streams[name] for name in owners + gates]
    sizes = len(owners) * [params.expert] + len(gates) * [params.gate]
    names = [_expert_name(owners, i) for i in range(len(owners))]
    names += [name + "_gate" for name in gates]
    hidden = layers.mlps(inputs, sizes, names, params.dense, norm)  # [B, H] each
    experts, gate_inputs = hidden[:len(owners)], hidden[len(owners):]
    members = [_members(name, owners) for name in gates]
    counts = [len(indices) for indices in members]
    names = [name + "_gate_logits" for name in gates]
    logits = layers.dense_group(gate_inputs, counts, names, params.dense)  # [B, E] each
    return dict(zip(gates, layers.mix(experts, logits, members, params.dense)))


def _expert_name(owners: List[str], index: int) -> str:
    """The name of an expert, numbered among those of its owner."""
    owner = owners[index]
    return "{}_expert_{}".format(owner, owners[:index].count(owner))


def _members(gate: str, owners: List[str]) -> List[int]:
    """The experts that a gate weighs: all for the shared gate, else its own and shared ones."""
    visible = set(owners) if gate == "shared" else {gate, "shared"}
    return [i for i, owner in enumerate(owners) if owner in visible]


def loss(outputs: Outputs, labels: Features, params: Params) -> tf.Tensor:
    """The mean of all tasks' log losses over all rows, and the kernels' L2 terms; scalar."""
    log_loss = params.objective.mean_loss(params.schema, outputs.logits, labels)
    return log_loss + tf.losses.get_regularization_loss()


def model_fn(features: Features, labels: Optional[Features], mode: str,
             params: Params) -> tf.estimator.EstimatorSpec:
    """The estimator's model: a task for each label, measured on all rows."""
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
    """Trains and evaluates PLE as the command line says."""
    parser = flags.make_parser("Trains PLE.", MODEL)
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

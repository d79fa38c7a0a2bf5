import argparse
import math
import re
from typing import List

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from common.config.flag_types import FlagParser
from common.config.run import add_flags as add_run_flags
from common.errors import BadInput
from common.optimizers import catalog, schedule
from common.optimizers.schedule import Schedule
from common.optimizers.train_step import Training
from common.testing import known_gradients
from common.testing.known_gradients import KINDS, V

SCHEDULES = [
    Schedule(3), Schedule(0, "cosine", 5), Schedule(2, "cosine", 4, 0.1),
    Schedule(2, "exponential", 3, 0.25), Schedule(0, "step", 2, 0.5), Schedule(1, "step", 2, 0.1)]


def oracle(of: Schedule, step: int) -> float:
    """What a schedule multiplies the rate by, as the module's docstring says it."""
    rise = min((step + 1) / of.warmup_steps, 1.0) if of.warmup_steps else 1.0
    after = max(step - of.warmup_steps, 0)
    if of.decay == "none":
        return rise
    periods, factor = after / of.decay_steps, of.decay_factor
    if of.decay == "cosine":
        share = (1 + math.cos(math.pi * min(periods, 1.0))) / 2
        return rise * (factor + (1 - factor) * share)
    return rise * factor ** (math.floor(periods) if of.decay == "step" else periods)


@pytest.mark.parametrize("of", SCHEDULES)
def test_rates_against_numpy(of: Schedule) -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        step = tf.train.get_or_create_global_step()
        rate = of.rate(0.3)
        session.run(tf.global_variables_initializer())
        for number in range(12):
            step.load(number, session)
            assert session.run(rate) == pytest.approx(0.3 * oracle(of, number), rel=1e-5, abs=1e-9)


def test_without_a_schedule_the_rate_is_the_number_itself() -> None:
    with tf.Graph().as_default() as graph:
        assert Schedule().rate(0.3) == 0.3
        assert not graph.get_operations()


def changes(optimizer: str, gradient: np.ndarray, rates: List[float]) -> np.ndarray:
    """What an optimizer adds up to by steps with one gradient, in float64."""
    total, m, v = np.zeros_like(gradient), np.zeros_like(gradient), np.zeros_like(gradient)
    accumulator = np.full_like(gradient, 0.1)
    for number, rate in enumerate(rates, 1):
        if optimizer == "gradientdescent":
            total += rate * gradient
        elif optimizer.startswith("adagrad"):
            accumulator += gradient ** 2
            total += rate * gradient / np.sqrt(accumulator)
        else:
            m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient ** 2
            bias = np.sqrt(1 - 0.999 ** number) / (1 - 0.9 ** number)
            total += rate * bias * m / (np.sqrt(v) + 1e-8)
    return total


@pytest.mark.parametrize("optimizer", catalog.NAMES)
@pytest.mark.parametrize("kind", KINDS)
def test_each_optimizer_moves_weights_and_rows_by_the_rate_of_the_step(
        kind: str, optimizer: str) -> None:
    of, first = Schedule(3, "cosine", 4, 0.1), 2  # resumed at step 2, within the warm-up
    training = Training(optimizer, 0.05, known_gradients.toggles(kind), of)
    steps = known_gradients.train(kind, training, 4, first)
    rates = [0.05 * oracle(of, first + number) for number in range(4)]
    told = [step.scalars["learning_rate"] for step in steps[1:]]
    np.testing.assert_allclose(told, rates, rtol=1e-5)
    of_rows = known_gradients.gradient_of_rows()
    for found, gradient in ((steps[0].weight - steps[-1].weight, V.astype(np.float64)),
                            (steps[0].rows - steps[-1].rows, of_rows)):
        np.testing.assert_allclose(found, changes(optimizer, gradient, rates),
                                   rtol=2e-4, atol=1e-6)


def parse(*argv: str) -> argparse.Namespace:
    parser = FlagParser("")
    add_run_flags(parser)
    schedule.add_flags(parser)
    return parser.parse_args(list(argv))


@pytest.mark.parametrize("argv, steps, expected", [
    ([], 100, Schedule()),
    (["--warmup_steps", "5"], 100, Schedule(5)),
    (["--decay", "cosine"], 100, Schedule(0, "cosine", 100, 0.0)),
    (["--decay", "cosine", "--warmup_steps", "10"], 100, Schedule(10, "cosine", 90, 0.0)),
    (["--decay", "exponential"], 100, Schedule(0, "exponential", 100, 0.1)),
    (["--decay", "step"], 100, Schedule(0, "step", 34, 0.1)),
    (["--decay", "step", "--decay_steps", "7", "--decay_factor", "0.5"], 100,
     Schedule(0, "step", 7, 0.5)),
    (["--decay", "cosine", "--decay_steps", "7", "--warmup_steps", "9", "--steps", "8"], 8,
     Schedule(9, "cosine", 7, 0.0))])
def test_flags(argv: List[str], steps: int, expected: Schedule) -> None:
    assert Schedule.from_flags(parse(*argv)).within(steps) == expected


@pytest.mark.parametrize("argv, message", [
    (["--decay_steps", "5"], "--decay_steps 5: the learning rate does not decay. Give --decay "),
    (["--decay_factor", "0.5"], "--decay_factor 0.5: the learning rate does not decay. Give "),
    (["--decay", "step", "--decay_factor", "0"],
     "--decay_factor of --decay step must be above 0 to 1. Got: 0.0."),
    (["--decay", "cosine", "--decay_factor", "1.5"],
     "--decay_factor of --decay cosine must be from 0 to 1. Got: 1.5."),
    (["--decay", "cosine", "--warmup_steps", "9", "--steps", "9"],
     "--decay cosine: --warmup_steps 9 leaves none of the run's 9 steps for it. Give less ")])
def test_wrong_flags(argv: List[str], message: str) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        Schedule.from_flags(parse(*argv))


def test_epochs_that_are_over_before_the_warm_up() -> None:
    with pytest.raises(BadInput, match="--decay step: --warmup_steps 50 leaves none of the run's "
                                       "50 steps for it"):
        Schedule(50, "step", 0, 0.1).within(50)

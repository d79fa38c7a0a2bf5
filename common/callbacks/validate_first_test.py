"""Runs of the toy model whose new rows measure it first."""

import argparse
import json
import os
import random
from typing import Any, Dict, List

import pytest
import tensorflow.compat.v1 as tf

from common.callbacks import validate_first
from common.callbacks.validate_first import Validation
from common.errors import AucDropped
from common.testing import runs, toy
from common.testing.runs import TEST

DAYS = [toy.random_rows(seed, 160) for seed in range(3)]


def planted(seed: int, is_turned: bool = False) -> toy.Rows:
    """Rows whose label is what their kind says, or the contrary."""
    rows = toy.random_rows(seed, 400)
    drawn = random.Random(seed)
    for row in rows:
        is_x = drawn.random() < 0.5
        row[0], row[3] = str(int(is_x != is_turned)), "x" if is_x else "ü"
    return rows


def train(folder: object, rows: toy.Rows, **fields: Any) -> None:
    data = toy.open_toy(folder, rows, TEST)
    values: Dict[str, Any] = dict(
        steps=0, epochs=1, evaluate=False, settings=(Validation(True, "y/auc"),))
    values.update(fields)
    runs.train(folder, data, **values)


def measured(folder: object) -> List[Dict[str, Any]]:
    with open(os.path.join(str(folder), "run", validate_first.FILE)) as file:
        return [json.loads(line) for line in file]


@pytest.mark.slow
def test_new_rows_measure_the_model_before_they_train_it(tmp_path: object) -> None:
    train(tmp_path, DAYS[0])
    train(tmp_path, DAYS[0])  # is over
    train(tmp_path, DAYS[1], steps=14, epochs=0)
    train(tmp_path, DAYS[1])  # resumes in the middle
    lines = measured(tmp_path)
    assert [line["step"] for line in lines] == [0, 10]
    # The same rows as test rows say the same of the model before.
    other = os.path.join(str(tmp_path), "other")
    os.makedirs(other)
    tested = runs.train(other, toy.open_toy(other, DAYS[0], DAYS[1]), steps=0, epochs=1)
    for name in ("auc", "log_loss", "rows", "positives"):
        assert lines[1]["tasks"]["y"][name] == pytest.approx(tested["y"][name], abs=1e-5)


@pytest.mark.slow
def test_a_model_that_is_worse_trains_nothing(tmp_path: object) -> None:
    limit = dict(settings=(Validation(True, "y/auc", 0.1),))
    for seed in range(2):
        train(tmp_path, planted(seed), **limit)
    run = os.path.join(str(tmp_path), "run")
    before = tf.train.latest_checkpoint(run)
    for _ in range(2):  # the same command fails again
        with pytest.raises(AucDropped, match=r"y/auc is 0\.\d+ on the new rows, and was [01]\.\d+ "
                           r"on those before: it fell by .*--max_drop is 0.1. Nothing was "
                           r"trained or exported: the model is that of step 50. See what"):
            train(tmp_path, planted(2, is_turned=True), **limit)
    assert tf.train.latest_checkpoint(run) == before and len(measured(tmp_path)) == 2
    assert len(os.listdir(os.path.join(run, "export"))) == 2
    train(tmp_path, planted(2, is_turned=True))
    assert [line["step"] for line in measured(tmp_path)] == [0, 25, 50]


def test_flags_that_contradict_each_other_are_refused() -> None:
    args = argparse.Namespace(validate_first=False, max_drop=0.1, tasks=["y"])
    with pytest.raises(ValueError, match="--max_drop 0.1 compares what --validate_first measures"):
        validate_first.from_flags(args)
    args.validate_first = True
    assert validate_first.from_flags(args) == Validation(True, "y/auc", 0.1)

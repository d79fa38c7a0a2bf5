"""What columns are worth, from scores that are given."""

import json
import math
import os
from typing import Any, Dict, Iterator, List

import numpy as np
import pytest

from common import importances
from common.config.schema import Column, Schema
from common.metrics import measures
from common.pipeline.features import Block
from common.scoring.shuffled import Unit
from common.scoring.task_rows import TaskRows

LABELS = np.array([1, 0, 1, 0, 1, 0], np.float32)
GOOD = np.array([.9, .1, .8, .2, .7, .3], np.float32)
BAD = np.array([.1, .9, .8, .2, .7, .3], np.float32)
REQUEST = {"weights": "run/model.ckpt-3", "files": "rows/<i>", "repeats": 1, "seed": 1}
UNITS = [Unit(("a",)), Unit(("b", "c"))]


def block(labels: np.ndarray) -> Block:
    """Rows of which only labels and users are asked for."""
    users = np.arange(len(labels))
    return Block(users, labels, users, users[:, None], users[:, None], ())


def schema(*kinds: str) -> Schema:
    columns = [Column("y", "label"), Column("a", "hash", 9), Column("b", "hash", 9)]
    columns += [Column(kind, kind) for kind in kinds]
    return Schema("tiny", tuple(columns), "train", "test", "", "data/tiny.py")


def scored(*scores: np.ndarray) -> Iterator[Dict[str, np.ndarray]]:
    return iter([{"y": values} for values in scores])


def all_rows(labels: np.ndarray = LABELS) -> Dict[str, TaskRows]:
    return {"y": TaskRows(labels, np.ones(len(labels), bool))}


def test_losses_are_means_over_repeats_the_largest_first() -> None:
    task, = importances.measure(
        all_rows(), block(LABELS[:, None]), schema(), UNITS, 2, scored(GOOD, GOOD, GOOD, BAD, GOOD))
    lost = 1 - measures.auc(LABELS, BAD)
    assert list(task.losses) == [UNITS[1], UNITS[0]]
    assert task.losses[UNITS[1]].value == pytest.approx(lost / 2)
    assert task.losses[UNITS[0]] == (0, 0, 0)
    assert (task.rows, task.positives, task.auc) == (6, 3, 1.0)


def test_a_task_counts_its_own_rows_by_their_weights() -> None:
    chosen = np.array([True, True, True, True, False, False])
    weights = np.array([3, 1, 1, 1, 1, 1], np.float32)
    rows = {"y": TaskRows(LABELS, chosen)}
    task, = importances.measure(
        rows, block(np.stack([LABELS, weights], 1)), schema("weight"), UNITS[:1], 1,
        scored(GOOD, BAD))
    expected = 1 - measures.auc(LABELS[:4], BAD[:4], weights[:4].astype(float))
    assert task.rows == 4 and task.losses[UNITS[0]].value == pytest.approx(expected)


def test_one_class_is_null_in_json_and_not_a_number_in_the_table(tmp_path: Any) -> None:
    labels = np.zeros(6, np.float32)
    tasks = importances.measure(
        all_rows(labels), block(labels[:, None]), schema(), UNITS[:1], 1, scored(GOOD, BAD))
    assert math.isnan(tasks[0].auc)
    importances.write(str(tmp_path), tasks, REQUEST)
    with open(os.path.join(str(tmp_path), importances.FILE)) as file:
        saved = json.load(file)
    assert saved["seed"] == 1 and saved["tasks"]["y"]["auc"] is None
    assert saved["tasks"]["y"]["auc_lost"] == [
        {"columns": ["a"], "value": None, "low": None, "high": None}]
    lines: List[str] = importances.table(tasks)
    assert lines == ["", "y: no AUC to lose, as its rows are of one class (0 positives of 6)"]
    assert sorted(os.listdir(str(tmp_path))) == ["importance.html", "importance.json"]


def test_names_that_are_markup_do_no_harm(tmp_path: Any) -> None:
    rows = {"<b>": TaskRows(LABELS, np.ones(6, bool))}
    named = iter([{"<b>": GOOD}, {"<b>": BAD}])
    tasks = importances.measure(
        rows, block(LABELS[:, None]), schema(), [Unit(("<script>",))], 1, named)
    importances.write(str(tmp_path), tasks, REQUEST)
    with open(os.path.join(str(tmp_path), importances.PAGE)) as file:
        text = file.read()
    for markup in ("<script>", "<b>", "<i>"):
        assert markup not in text and markup.replace("<", "&lt;").replace(">", "&gt;") in text

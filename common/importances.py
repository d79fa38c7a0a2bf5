"""What columns are worth: measured from scores, as JSON, as a table, and as a page of plots."""

import math
import os
from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence

import numpy as np

from common import files
from common.config.schema import Schema
from common.metrics import paired
from common.metrics.paired import Loss, Scored
from common.pipeline.features import Block
from common.reporting import page, svg
from common.reporting.numbers import MISSING, text
from common.reporting.page import Fact, Section
from common.reporting.series import Bar
from common.reporting.ticks import Axis
from common.scoring.shuffled import Unit
from common.scoring.task_rows import TaskRows

FILE = "importance.json"
PAGE = "importance.html"
_MOST_BARS = 40
_NOTE = ("What this model takes from a column in addition to all others: two columns that tell the "
         "same lose little each.")


class TaskImportance(NamedTuple):
    """What the columns are worth to one task.

    Attributes:
      task: its name.
      rows, positives: that it is measured on.
      auc: of the rows as they are; NaN where only one class is there.
      losses: by what was shuffled, the largest loss first.
    """

    task: str
    rows: int
    positives: int
    auc: float
    losses: Dict[Unit, Loss]


def measure(of_tasks: Mapping[str, TaskRows], block: Block, schema: Schema,
            units: Sequence[Unit], repeats: int,
            scored: Iterator[Dict[str, np.ndarray]]) -> List[TaskImportance]:
    """What each unit is worth to each task.

    Args:
      block: the rows, whose users and weights count as in an evaluation.
      scored: probabilities by task, of the rows as they are, then of each unit's repeats.
    """
    worths = _worths(of_tasks, block, schema)
    as_they_are = next(scored)
    before = [worth.of(as_they_are) for worth in worths]
    losses: List[Dict[Unit, Loss]] = [{} for _ in worths]
    for unit in units:
        shuffled = [next(scored) for _ in range(repeats)]
        for place, worth in enumerate(worths):
            after = [worth.of(scores) for scores in shuffled]
            losses[place][unit] = paired.loss(before[place], after, worth.users)
    return [_importance(*one) for one in zip(worths, before, losses)]


def _worths(of_tasks: Mapping[str, TaskRows], block: Block, schema: Schema) -> List["_Worth"]:
    users = block.users if schema.user_column else None
    weights = block.labels[:, -1].astype(np.float64) if schema.weights else None
    return [_Worth(task, rows, users, weights) for task, rows in of_tasks.items()]


class _Worth:
    """Tells what scores are worth to a task.

    Attributes:
      task: its name.
      rows: how many it is measured on.
      positives: how many of these are positive.
      users: of the rows that count; None where rows are of no user.
    """

    def __init__(self, task: str, rows: TaskRows, users: Optional[np.ndarray],
                 weights: Optional[np.ndarray]) -> None:
        self.task = task
        self._chosen = rows.chosen
        self._labels = rows.labels[rows.chosen]
        self._weights = None if weights is None else weights[rows.chosen]
        self.users = None if users is None else users[rows.chosen]
        self.rows, self.positives = len(self._labels), int(self._labels.sum())

    def of(self, scores: Mapping[str, np.ndarray]) -> Scored:
        """What the scores of all rows are worth, of which a task has its own."""
        return paired.scored(self._labels, scores[self.task][self._chosen], self._weights)


def _importance(worth: _Worth, before: Scored, losses: Dict[Unit, Loss]) -> TaskImportance:
    def order(unit: Unit) -> float:
        value = losses[unit].value
        return math.inf if math.isnan(value) else -value

    ordered = {unit: losses[unit] for unit in sorted(losses, key=order)}
    return TaskImportance(worth.task, worth.rows, worth.positives, before.auc, ordered)


def write(folder: str, tasks: Sequence[TaskImportance], request: Dict[str, Any]) -> None:
    """Writes importance.json and importance.html.

    Args:
      request: what was asked for, to stand in the files.
    """
    values = {task.task: _as_json(task) for task in tasks}
    with files.replacing(os.path.join(folder, PAGE)) as path:
        with open(path, "w", encoding="utf-8", errors="replace") as file:
            file.write(html(tasks, request))
    files.write_json(os.path.join(folder, FILE), {**request, "tasks": values})


def html(tasks: Sequence[TaskImportance], request: Dict[str, Any]) -> str:
    """A page with the plot and the numbers of each task."""
    lead = "The model is {weights}, its rows are {files}; {repeats} shuffles each, seed {seed}."
    facts = [Fact("AUC, {}".format(task.task), text(task.auc, ".4f"), "{:,} rows, {:,} positives"
                  .format(task.rows, task.positives)) for task in tasks]
    measured = [task for task in tasks if not math.isnan(task.auc)]
    figures = [page.figure(plot(task), "", _numbers(task)) for task in measured]
    sections = [Section("columns", "AUC lost where a column is shuffled", [page.figures(figures)])]
    notes = [_NOTE] + [_without_auc(task) for task in tasks if task not in measured]
    return page.page("What each column is worth", lead.format(**request), facts, notes, sections,
                     "Written by common/importance.py")


def _without_auc(task: TaskImportance) -> str:
    return "{}: no AUC to lose, as its rows are of one class ({:,} positives of {:,})".format(
        task.task, task.positives, task.rows)


def _numbers(task: TaskImportance) -> str:
    rows = []
    for unit, loss in task.losses.items():
        rows.append([unit.name, text(loss.value, ".5f"), interval(loss)])
    return page.table("AUC lost: " + task.task, ["shuffled", "AUC lost", "95 % interval"], rows)


def interval(loss: Loss) -> str:
    """The interval of a loss as text."""
    if math.isnan(loss.value):
        return MISSING
    return "[{:.5f}, {:.5f}]".format(loss.low, loss.high)


def _as_json(task: TaskImportance) -> Dict[str, Any]:
    columns = []
    for unit, loss in task.losses.items():
        numbers = {field: _number(value) for field, value in loss._asdict().items()}
        columns.append({"columns": unit.columns, **numbers})
    return {"rows": task.rows, "positives": task.positives, "auc": _number(task.auc),
            "auc_lost": columns}


def _number(value: float) -> Optional[float]:
    return None if math.isnan(value) else value


def plot(task: TaskImportance) -> str:
    """The losses of a task as bars with their intervals, the largest first."""
    rows = [Bar(unit.name, *loss) for unit, loss in list(task.losses.items())[:_MOST_BARS]]
    return svg.bars(task.task, rows, Axis("AUC lost, of {}".format(text(task.auc, ".4f"))))


def table(tasks: Sequence[TaskImportance]) -> List[str]:
    """The losses as lines of text."""
    lines: List[str] = []
    for task in tasks:
        if math.isnan(task.auc):
            lines += ["", _without_auc(task)]
            continue
        width = max(len(unit.name) for unit in task.losses)
        lines += ["", "{}: AUC {} of {:,} rows, {:,} positives".format(
            task.task, text(task.auc, ".5f"), task.rows, task.positives)]
        lines.append("{}  AUC lost  95 % interval".format("shuffled".ljust(width)))
        for unit, loss in task.losses.items():
            lines.append("{}  {}  {}".format(
                unit.name.ljust(width), text(loss.value, ".5f").rjust(8), interval(loss)))
    return lines

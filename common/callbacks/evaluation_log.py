"""metrics.jsonl: every evaluation of a run, a line each."""

import math
import os
import time
from typing import Any, Callable, Dict, List, NamedTuple

from common import files
from common.callbacks.callback import Callback, Evaluation

FILE = "metrics.jsonl"


class Line(NamedTuple):
    """A line of metrics.jsonl: the step, each metric by "task/metric", and the rows trained.

    Rows and eval_rows are as Evaluation has them; lines of earlier versions lack them.
    """

    step: int
    values: Dict[str, float]
    rows: str = ""
    eval_rows: int = 0


class EvaluationLog(Callback):
    """Adds a line for each evaluation to metrics.jsonl, beside metrics.json.

    A run that resumes from a checkpoint adds its lines behind those that are there.

    Args:
      folder: of metrics.jsonl.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def evaluated(self, evaluation: Evaluation) -> None:
        """Adds the line."""
        add(os.path.join(self._folder, FILE), evaluation)


def add(path: str, evaluation: Evaluation, **fields: str) -> None:
    """Adds an evaluation, and further fields, to a log of a line each."""
    tasks: Dict[str, Dict[str, object]] = {}
    num_rows = 0.0
    for name, value in sorted(evaluation.values.items()):
        task, _, metric = name.rpartition("/")
        if task:
            tasks.setdefault(task, {})[metric] = None if math.isnan(value) else float(value)
        if metric == "rows":
            num_rows = max(num_rows, value)  # some tasks are measured on a part of them
    files.add_line(path, {"step": evaluation.step, "time": round(time.time(), 3), "tasks": tasks,
                          "rows": evaluation.rows, "eval_rows": evaluation.eval_rows,
                          "num_rows": int(num_rows), **fields})


def read(folder: str, last_step: int, are_other_rows: Callable[[str], bool],
         eval_rows: int = 0) -> List[Line]:
    """The evaluations of steps up to last_step, the last one of each step, in their order.

    A run that was killed evaluates the steps after its last checkpoint again, so what stands of
    them is left out; so are evaluations of an earlier pass, with other rows.

    Args:
      are_other_rows: as Trainer of common.callbacks.callback has it.
      eval_rows: of the run; evaluations of another sample, or of all rows, are left out.
    """
    by_step: Dict[int, Line] = {}
    for line in lines(os.path.join(folder, FILE)):
        is_compared = line.eval_rows == eval_rows and not are_other_rows(line.rows)
        if line.step <= last_step and is_compared:
            by_step[line.step] = line
    return [by_step[step] for step in sorted(by_step)]


def lines(path: str) -> List[Line]:
    """All lines of a log of evaluations, in the order in which they were written."""
    return [_parse(record) for record in files.read_lines(path)]


def _parse(record: Dict[str, Any]) -> Line:
    values: Dict[str, float] = {}
    for task, metrics in record["tasks"].items():
        for name, value in metrics.items():
            values["{}/{}".format(task, name)] = math.nan if value is None else value
    return Line(record["step"], values, record.get("rows", ""), record.get("eval_rows", 0))

"""metrics.jsonl: every evaluation of a run, a line each."""

import json
import math
import os
import time
from typing import Callable, Dict, List, NamedTuple, Optional

from common.callbacks.callback import Callback, Evaluation

FILE = "metrics.jsonl"


class Line(NamedTuple):
    """A line of metrics.jsonl: the step, each metric by "task/metric", and the rows trained.

    The rows are as Evaluation has them; empty in lines of earlier versions.
    """

    step: int
    values: Dict[str, float]
    rows: str = ""


class EvaluationLog(Callback):
    """Adds a line for each evaluation to metrics.jsonl, beside metrics.json.

    A run that resumes from a checkpoint adds its lines behind those that are there.

    Args:
      folder: of metrics.jsonl.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def evaluated(self, evaluation: Evaluation) -> None:
        """Adds the line, in one write, so that a process that is killed leaves at most its end."""
        tasks: Dict[str, Dict[str, object]] = {}
        for name, value in sorted(evaluation.values.items()):
            task, _, metric = name.rpartition("/")
            if task:
                tasks.setdefault(task, {})[metric] = None if math.isnan(value) else float(value)
        record = {"step": evaluation.step, "time": round(time.time(), 3), "tasks": tasks,
                  "rows": evaluation.rows}
        _add_line(os.path.join(self._folder, FILE), json.dumps(record, sort_keys=True))


def read(folder: str, last_step: int, are_other_rows: Callable[[str], bool]) -> List[Line]:
    """The evaluations of steps up to last_step, the last one of each step, in their order.

    A run that was killed evaluates the steps after its last checkpoint again, so what stands of
    them is left out; so are evaluations of an earlier pass, with other rows.

    Args:
      are_other_rows: as Trainer of common.callbacks.callback has it.
    """
    path = os.path.join(folder, FILE)
    if not os.path.exists(path):
        return []
    by_step: Dict[int, Line] = {}
    with open(path) as file:
        for text in file:
            line = _parse(text)
            if line and line.step <= last_step and not are_other_rows(line.rows):
                by_step[line.step] = line
    return [by_step[step] for step in sorted(by_step)]


def _parse(text: str) -> Optional[Line]:
    try:
        record = json.loads(text)
    except ValueError:  # the end of a line that a killed process began
        return None
    values: Dict[str, float] = {}
    for task, metrics in record["tasks"].items():
        for name, value in metrics.items():
            values["{}/{}".format(task, name)] = math.nan if value is None else value
    return Line(record["step"], values, record.get("rows", ""))


def _add_line(path: str, text: str) -> None:
    with open(path, "a+b") as file:
        is_cut = False
        if file.tell():
            file.seek(-1, os.SEEK_END)
            is_cut = file.read(1) != b"\n"
        file.write(("\n" if is_cut else "").encode() + text.encode() + b"\n")

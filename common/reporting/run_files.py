"""What the files of a run's folder say of it; each of them may be missing."""

import json
import os
import re
from typing import Any, Dict, List, NamedTuple, Optional, Sequence

import tensorflow.compat.v1 as tf

from common import files
from common.callbacks import curves, evaluation_log, validate_first
from common.callbacks.evaluation_log import Line
from common.checkpoint import table_sizes
from common.reporting import events
from common.reporting.events import Training

CONFIG, METRICS, DAYS = "config.json", "metrics.json", "days.jsonl"
_TABLE = re.compile(
    r"(?:^|/)input_layer/(.+)_embedding/embedding_weights(?:/part_\d+)?(-keys|-values)?$")

Tasks = Dict[str, Dict[str, Optional[float]]]


class Table(NamedTuple):
    """An embedding table of a checkpoint: how many rows it has, of which width."""

    name: str
    rows: int
    width: int


class RunFiles(NamedTuple):
    """A run as its folder has it.

    Attributes:
      label: what the report calls it.
      folder: of the run.
      checkpoints: the folder of its checkpoints and events.
      config, metrics, curves: config.json, metrics.json and curves.json; empty where not there.
      evaluations: the lines of metrics.jsonl, the last one of each step, ascending.
      validations, days, keys: the lines of validation.jsonl, days.jsonl and keys.jsonl.
      training: what the events say.
      tables: of the newest checkpoint.
      damaged: files that cannot be read, each with the reason.
    """

    label: str
    folder: str
    checkpoints: str
    config: Dict[str, Any]
    metrics: Dict[str, Any]
    curves: Dict[str, Any]
    evaluations: Sequence[Line]
    validations: Sequence[Line]
    days: Sequence[Dict[str, Any]]
    keys: Sequence[Dict[str, Any]]
    training: Training
    tables: Sequence[Table]
    damaged: Sequence[str]

    @property
    def last(self) -> Tasks:
        """The metrics of the last evaluation, by task; empty where there was none."""
        if self.metrics.get("tasks"):
            return self.metrics["tasks"]
        return by_task(self.evaluations[-1]) if self.evaluations else {}

    @property
    def last_step(self) -> Optional[int]:
        """The step of that evaluation."""
        if self.metrics.get("tasks"):
            return self.metrics.get("global_step")
        return self.evaluations[-1].step if self.evaluations else None

    @property
    def batch_size(self) -> Optional[int]:
        """Rows a step."""
        return self.config.get("run", {}).get("batch_size")


def by_task(line: Line) -> Tasks:
    """The metrics of a line by task."""
    tasks: Tasks = {}
    for name, value in line.values.items():
        task, _, metric = name.rpartition("/")
        tasks.setdefault(task, {})[metric] = value
    return tasks


def read(folder: str, label: str) -> RunFiles:
    """What a folder says of a run.

    Raises:
      ValueError: it is not the folder of a run.
    """
    damaged: List[str] = []

    def whole(name: str) -> Dict[str, Any]:
        return _json(os.path.join(folder, name), damaged)

    config = whole(CONFIG)
    if not config and not damaged:
        raise ValueError("{}: there is no {} in it, so it is not the folder of a run.".format(
            folder, CONFIG))
    checkpoints = _checkpoints(folder, config)
    training = events.read(checkpoints)
    damaged += ["{}: it ends in the middle of an event; what is before is shown".format(name)
                for name in training.damaged]
    by_step = {line.step: line for line in _lines(folder, evaluation_log.FILE, damaged)}
    return RunFiles(
        label, folder, checkpoints, config, whole(METRICS), whole(curves.FILE),
        [by_step[step] for step in sorted(by_step)],
        _lines(checkpoints, validate_first.FILE, damaged),
        files.read_lines(os.path.join(folder, DAYS)),
        files.read_lines(os.path.join(folder, table_sizes.FILE)),
        training, _tables(checkpoints, damaged), damaged)


def _json(path: str, damaged: List[str]) -> Dict[str, Any]:
    """What a file of JSON holds; nothing where it is not there, or damaged."""
    if not os.path.exists(path):
        return {}
    try:
        with open(path) as file:
            value = json.load(file)
    except (OSError, ValueError) as error:
        damaged.append("{}: it cannot be read ({})".format(os.path.basename(path), error))
        return {}
    if not isinstance(value, dict):
        damaged.append("{}: it holds no JSON object".format(os.path.basename(path)))
        return {}
    return value


def _lines(folder: str, name: str, damaged: List[str]) -> List[Line]:
    try:
        return evaluation_log.lines(os.path.join(folder, name))
    except (AttributeError, KeyError, TypeError, OSError) as error:
        damaged.append("{}: it has a line of another form ({})".format(name, error))
        return []


def _checkpoints(folder: str, config: Dict[str, Any]) -> str:
    """The folder of checkpoints and events: the run's own, or another one that it names."""
    run = config.get("run", {})
    other = run.get("checkpoint_dir") or folder
    is_apart = os.path.abspath(other) != os.path.abspath(run.get("result_dir") or other)
    return other if is_apart and os.path.isdir(other) else folder


def _tables(folder: str, damaged: List[str]) -> List[Table]:
    """The embedding tables of the newest checkpoint, the largest first."""
    newest = tf.train.latest_checkpoint(folder)
    if not newest:
        return []
    try:
        shapes = tf.train.load_checkpoint(newest).get_variable_to_shape_map()
    except (tf.errors.OpError, ValueError) as error:
        damaged.append("{}: it cannot be read ({})".format(os.path.basename(newest), error))
        return []
    rows: Dict[str, int] = {}
    width: Dict[str, int] = {}
    for name, shape in shapes.items():
        found = _TABLE.search(name)
        if not found:
            continue
        table, part = found.groups()
        if part != "-values":
            rows[table] = rows.get(table, 0) + shape[0]
        if part != "-keys":
            width[table] = shape[1]
    tables = [Table(name, rows[name], width.get(name, 0)) for name in rows]
    return sorted(tables, key=lambda table: (-table.rows, table.name))

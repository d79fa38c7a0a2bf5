"""The folder of a run's results: config.json when it starts, metrics.json when it is over."""

import enum
import hashlib
import itertools
import json
import os
import platform
import shlex
import sys
from typing import Any, Collection, Dict, Iterable, NamedTuple, Optional

import numpy as np
import pyarrow as pa
import tensorflow.compat.v1 as tf

from common.callbacks.progress import Trained
from common.config import schema_file
from common.config.run import Run
from common.errors import BadInput
from common.files import write_json
from common.formats.files import Files
from common.pipeline import identity
from common.pipeline.source import Data
from common.places.location import Stamp

CONFIG = "config.json"
METRICS = "metrics.json"
GROWING = ("ev", "adaptive_emb", "dynamic_ev")  # whose tables have a row for each id that comes
Metrics = Dict[str, Dict[str, float]]


def versions() -> Dict[str, str]:
    """What the numbers of a run depend on."""
    return {
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        "numpy": np.__version__,
        "pyarrow": pa.__version__,
        "machine": "{} x {}".format(os.cpu_count(), platform.machine()),
    }


def _peak_memory_mb() -> float:
    """The most memory this process has had, in MB.

    getrusage would also count that of the process that started this one.
    """
    with open("/proc/self/status") as file:
        lines = [line.split() for line in file]
    kilobytes = next(words[1] for words in lines if words[0] == "VmHWM:")
    return int(kilobytes) / 1024.0


def command() -> str:
    """The command line of this process, as a shell takes it in any folder."""
    script = os.path.abspath(sys.argv[0])
    words = [sys.executable, script, *sys.argv[1:]]
    return "cd {} && {}".format(shlex.quote(os.getcwd()), " ".join(map(shlex.quote, words)))


def as_json(value: object) -> Any:
    """A value of a run's settings as JSON.

    Named tuples become objects, enums their values; functions, as the partitioners of variables,
    are told by their names.
    """
    if hasattr(value, "_asdict"):
        return {name: as_json(field) for name, field in value._asdict().items()}
    if isinstance(value, dict):
        return {str(name): as_json(field) for name, field in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_json(item) for item in value]
    if isinstance(value, enum.Enum):
        return value.value
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return getattr(value, "__qualname__", str(value))


def check(folder: str, run: Run, data: Data, params: NamedTuple) -> None:
    """Checks that a run may resume from what is in its folder.

    Args:
      run: what the run is asked to do.
      params: of the model, its `training` among them.

    Raises:
      BadInput: the folder has checkpoints of another model, another optimizer, another schema or
        other vocabularies.
    """
    config = os.path.join(folder, CONFIG)
    if os.path.exists(config) and tf.train.latest_checkpoint(run.checkpoint_dir):
        with open(config) as file:
            before = json.load(file)
        optimizer = params.training.optimizer  # type: ignore[attr-defined]
        _check_same(config, before, run.model, optimizer)
        may_grow = any(name in GROWING for name, _ in run.enabled_features)
        _check_schema(config, before, data)
        check_words(config, before, data, may_grow)


def start(folder: str, run: Run, data: Data, params: NamedTuple, is_complete: bool) -> None:
    """Writes config.json, and removes the metrics of an earlier start unless the run is over.

    To be called once nothing refuses the run any more: what a refused one leaves in the folder is
    what was there before.

    Args:
      is_complete: whether all of the run was trained before.
    """
    os.makedirs(folder, exist_ok=True)
    vocabularies = {name: _described(words) for name, words in data.vocabularies.items()}
    write_json(os.path.join(folder, CONFIG), {
        "command": command(),
        "run": as_json(run),
        "params": _without_schema(params),
        "schema": schema_file.to_json(data.declared),
        "train": _listed(data.train),
        "test": _listed(data.test) if data.test else None,
        "vocabularies": vocabularies,
        "data_location": identity.whole_path(data.folder),
        "versions": versions(),
    })
    path = os.path.join(folder, METRICS)
    if not is_complete and os.path.exists(path):
        os.remove(path)


def _without_schema(params: NamedTuple) -> Dict[str, object]:
    """A model's parameters as JSON but for the schema, which config.json holds once."""
    values = as_json(params)
    values.pop("schema", None)
    return values


def _listed(rows: Files) -> Dict[str, object]:
    """The files of some rows, in the order in which they are read."""
    files = identity.listing(rows.paths, rows.stamps)
    named = [_named(*file) for file in zip(files.names, files.stamps)]
    return {"folder": files.folder, "files": named}


def _named(name: str, stamp: Stamp) -> Dict[str, object]:
    file: Dict[str, object] = {"name": name, "bytes": stamp.num_bytes, "version": stamp.version}
    if stamp.written:
        file["written"] = "{:%Y-%m-%d %H:%M:%S} UTC".format(stamp.written)
    return file


def _described(words: Dict[bytes, int]) -> Dict[str, object]:
    """What tells a vocabulary from another, and from one with words added at its end."""
    return {"words": len(words), "sha256": _digest(words, len(words))}


def _digest(words: Iterable[bytes], count: int) -> str:
    """Of the first words of a vocabulary."""
    text = b"\n".join(itertools.islice(words, count))
    return hashlib.sha256(text).hexdigest()


def _check_same(config: str, before: Dict[str, Any], model: str, optimizer: str) -> None:
    """Raises BadInput where the run that a config.json holds had other variables."""
    was = before["run"]["model"], _optimizer_of(before["params"])
    if was != (model, optimizer):
        raise BadInput(
            "{}: the checkpoints of this folder are of {} trained with {!r}; {} with {!r} cannot "
            "resume from them. Give the same flags, or another folder to --checkpoint.".format(
                config, *was, model, optimizer))


def _optimizer_of(params: Dict[str, Any]) -> str:
    """The optimizer that a config.json names; before 1.1 it held settings as Python prints them."""
    if "training" in params:
        return params["training"]["optimizer"]
    return params["optimizer"].strip("'")


def _check_schema(config: str, before: Dict[str, Any], data: Data) -> None:
    """Raises BadInput where a checkpoint was trained on other columns, where it kept them."""
    if "schema" not in before:
        return
    difference = schema_file.difference(before["schema"], schema_file.to_json(data.declared))
    if difference:
        raise BadInput(
            "{}: the checkpoints of this folder were trained with another schema: {}. Give the "
            "--schema of that run, which this file holds under \"schema\", or another folder to "
            "--checkpoint.".format(config, difference))


def check_words(config: str, before: Dict[str, Any], data: Data, may_grow: bool) -> None:
    """Checks that a checkpoint's rows would be read as those of the same words.

    Args:
      before: the config.json of the run whose checkpoints they are.
      may_grow: whether words may have been added at the end, as tables grow with their keys.

    Raises:
      BadInput: they would not.
    """
    for name in before.get("vocabularies", {}):
        check_vocabulary(config, before, name, data.vocabularies.get(name, {}), may_grow)


def check_vocabulary(config: str, before: Dict[str, Any], name: str, words: Collection[bytes],
                     may_grow: bool) -> None:
    """The same for the words of one vocabulary, in the order of their ids."""
    of_run = before["vocabularies"][name]
    is_longer = len(words) != of_run["words"]
    if _digest(words, of_run["words"]) != of_run["sha256"] or is_longer and not may_grow:
        raise BadInput(
            "{}: the checkpoints of this folder were trained with another {}, of {:,} words; that "
            "of now has {:,}, with other ids. Give the vocabularies of that run, or another folder "
            "to --checkpoint.".format(config, name, of_run["words"], len(words)))


def finish(folder: str, by_task: Metrics, seed: int, step: int, batch_size: int, data: Data,
           trained: Trained) -> None:
    """Writes metrics.json; a metric that does not exist is null."""
    tasks = {task: _without_nan(values) for task, values in by_task.items()}
    write_json(os.path.join(folder, METRICS), {
        "tasks": tasks,
        "seed": seed,
        "global_step": step,
        "bad_rows": data.bad_rows.count,
        "unknown_ids": data.bad_rows.unknown_ids,
        "secs": trained.secs,
        "steps_trained_here": trained.steps,
        "steps_per_sec": trained.steps_per_sec,
        "samples_per_sec": trained.steps_per_sec * batch_size,
        "cpu_secs_per_1000_samples": trained.cpu_secs_per_step * 1000 / batch_size,
        "versions": versions(),
        "peak_memory_mb": _peak_memory_mb(),
        "command": command(),
    })


def _without_nan(values: Dict[str, float]) -> Dict[str, Optional[float]]:
    return {name: None if np.isnan(value) else value for name, value in values.items()}

"""The folder of a run's results: config.json when it starts, metrics.json when it is over."""

import enum
import os
import platform
import shlex
import sys
from typing import Any, Dict, NamedTuple, Optional

import numpy as np
import pyarrow as pa
import tensorflow.compat.v1 as tf

from common import earlier_run
from common.callbacks.progress import Trained
from common.checkpoint.warm_start import Started
from common.config import schema_file
from common.config.run import Run
from common.files import write_json
from common.formats.files import Files
from common.pipeline import identity
from common.pipeline.source import Data
from common.places.location import Stamp

METRICS = "metrics.json"
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


def start(folder: str, run: Run, data: Data, params: NamedTuple, is_complete: bool,
          started: Optional[Started] = None) -> None:
    """Writes config.json, and removes the metrics of an earlier start unless the run is over.

    To be called once nothing refuses the run any more: what a refused one leaves in the folder is
    what was there before.

    Args:
      is_complete: whether all of the run was trained before.
      started: the warm start of this process; None where it resumes, so that config.json keeps what
        the run once started from.
    """
    os.makedirs(folder, exist_ok=True)
    vocabularies = {name: _described(words) for name, words in data.vocabularies.items()}
    write_json(os.path.join(folder, earlier_run.CONFIG), {
        "command": command(),
        "run": as_json(run),
        "params": _without_schema(params),
        "schema": schema_file.to_json(data.declared),
        "train": _listed(data.train),
        "test": _listed(data.test) if data.test else None,
        "vocabularies": vocabularies,
        "data_location": identity.whole_path(data.folder),
        "versions": versions(),
        "warm_start": as_json(started) if started else earlier_run.warm_start_of(folder, run),
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
    return {"words": len(words), "sha256": earlier_run.digest(words, len(words))}


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

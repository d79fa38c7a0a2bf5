"""The runs that common.benchmark.day_by_day compares, each by the commands that users give."""

import json
import os
import shutil
import subprocess
import sys
import time
from typing import Any, Dict, List, NamedTuple, Sequence

import numpy as np
import pyarrow.parquet

from common import days, files
from common.config.model import ROOT
from common.metrics import measures
from common.scoring.scores import PREFIX
from data.planted import DAY_FOLDER

_LABEL = "clk"
_POLL_SECS = 0.2


class Rows(NamedTuple):
    """Rows day by day, and what is to be trained on them.

    Attributes:
      model: "esmm", "mmoe" or "ple".
      task: whose AUC is compared.
      folder: with ds=DAY for each day.
      days: in their order.
      flags: of train.py, for all runs.
    """

    model: str
    task: str
    folder: str
    days: Sequence[str]
    flags: Sequence[str]

    def of(self, day: str) -> str:
        """The folder of a day."""
        return os.path.join(self.folder, DAY_FOLDER.format(day))

    def daily(self, run: str) -> List[str]:
        """The command that trains one day after another."""
        return [sys.executable, os.path.join(ROOT, "common", "daily.py"), self.model,
                "--days", "{}..{}".format(self.days[0], self.days[-1]),
                "--train_files", self.of("{day}"), "--checkpoint", run,
                *self.flags]

    def score(self, run: str, some: Sequence[str], out: str) -> List[str]:
        """The command that scores the rows of some days, beside their label."""
        return [sys.executable, os.path.join(ROOT, "common", "predict.py"), run,
                "--files", ",".join(map(self.of, some)), "--out", out, "--keep", _LABEL]

    def train(self, run: str, train: Sequence[str], *flags: str) -> List[str]:
        """The command that trains days once in a folder of its own."""
        script = os.path.join(ROOT, self.model, "train.py")
        named = ",".join(map(self.of, train))
        return [sys.executable, script, "--train_files", named, "--epochs", "1",
                "--checkpoint", run, *self.flags, *flags]


class Kill(NamedTuple):
    """When a run is killed: so many seconds after a start that finds, or comes to, a day."""

    day: int
    secs: float


class DailyRun(NamedTuple):
    """What one model over all days has done.

    Attributes:
      records: the lines of days.jsonl.
      secs: of all starts together.
      kills: how often it was killed.
    """

    records: List[Dict[str, Any]]
    secs: float
    kills: int


def plan(num_days: int, kills: int, seed: int) -> List[Kill]:
    """Kills spread evenly over the days, each at a random moment of its day."""
    rng = np.random.default_rng(seed)
    of_kills = sorted(number * num_days // kills for number in range(kills))
    return [Kill(day, float(rng.uniform(1, 12))) for day in of_kills]


def daily(rows: Rows, run: str, kills: Sequence[Kill], log: str) -> DailyRun:
    """Trains the days with common/daily.py, which is killed and started again.

    Raises:
      RuntimeError: it failed.
    """
    words = rows.daily(run)
    began = time.monotonic()
    num_killed = 0
    for kill in kills:
        num_killed += killed(words, run, kill, log)
    run_to_end(words, log)
    secs = time.monotonic() - began
    return DailyRun([days.record_of(run, day) or {} for day in rows.days], secs, num_killed)


def killed(words: Sequence[str], run: str, kill: Kill, log: str) -> bool:
    """Starts a command and kills it; whether it was still running then."""
    with open(log, "ab") as file:
        process = subprocess.Popen(words, stdout=file, stderr=file, cwd=ROOT)
    deadline = None
    while process.poll() is None:
        if deadline is None and _num_finished(run) >= kill.day:
            deadline = time.monotonic() + kill.secs
        if deadline is not None and time.monotonic() >= deadline:
            process.kill()
            process.wait()
            return True
        time.sleep(_POLL_SECS)
    if process.returncode:
        raise _failed(words, process.returncode, log)
    return False


def _num_finished(run: str) -> int:
    return len(files.read_lines(os.path.join(run, days.FILE)))


def run_to_end(words: Sequence[str], log: str) -> float:
    """Runs a command; returns its seconds.

    Raises:
      RuntimeError: it failed.
    """
    began = time.monotonic()
    with open(log, "ab") as file:
        status = subprocess.call(words, stdout=file, stderr=file, cwd=ROOT)
    if status:
        raise _failed(words, status, log)
    return time.monotonic() - began


def _failed(words: Sequence[str], status: int, log: str) -> RuntimeError:
    return RuntimeError("{} ended with status {}. See {}.".format(" ".join(words), status, log))


def lost_steps(run: DailyRun, rows_a_day: int, batch_size: int) -> int:
    """How many steps the days have more or less than their rows take; 0 is right."""
    expected = -(-rows_a_day // batch_size)
    steps = [record["last_step"] - record["first_step"] for record in run.records]
    gaps = [later["first_step"] - earlier["last_step"]
            for earlier, later in zip(run.records, run.records[1:])]
    return sum(abs(number - expected) for number in steps) + sum(map(abs, gaps))


def once(rows: Rows, run: str, num_days: int, log: str) -> Dict[str, float]:
    """The AUC on each later day of a model of the first days alone."""
    run_to_end(rows.train(run, rows.days[:num_days], "--no_eval"), log)
    later = rows.days[num_days:]
    out = run + "-scores.parquet"
    run_to_end(rows.score(run, later, out), log)
    scores = pyarrow.parquet.read_table(out)
    labels = scores.column(_LABEL).to_numpy()
    values = scores.column(PREFIX + rows.task).to_numpy()
    areas = {}
    for day, part in zip(later, np.split(np.arange(len(labels)), len(later))):
        areas[day] = measures.auc(labels[part], values[part])
    return areas


class Anew(NamedTuple):
    """A model trained anew for a day: its AUC on that day's rows, and the seconds of its run."""

    auc: float
    secs: float


def anew(rows: Rows, run: str, window: int, log: str) -> Dict[str, Anew]:
    """For each day but the first, a model of the `window` days before, which is then removed."""
    results = {}
    for number in range(1, len(rows.days)):
        day = rows.days[number]
        before = rows.days[max(number - window, 0):number]
        secs = run_to_end(rows.train(run, before, "--eval_files", rows.of(day)), log)
        with open(os.path.join(run, "metrics.json")) as file:
            metrics = json.load(file)["tasks"][rows.task]
        results[day] = Anew(metrics["auc"], secs)
        shutil.rmtree(run)
    return results

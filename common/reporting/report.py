"""report.html: what people look at of a run, or of several beside each other."""

import datetime
import math
import os
from typing import Dict, List, Sequence

from common.files import replacing
from common.reporting import facts, last_evaluation, over_steps, page, run_files
from common.reporting.numbers import MISSING, number, text
from common.reporting.page import Fact, Section
from common.reporting.run_files import RunFiles

FILE = "report.html"


def write(folders: Sequence[str], path: str) -> None:
    """Writes the report of the runs in some folders.

    Raises:
      ValueError: one is not the folder of a run.
      OSError: the file cannot be written.
    """
    labels = _labels(folders)
    runs = [run_files.read(folder, label) for folder, label in zip(folders, labels)]
    with replacing(path) as temporary:
        with open(temporary, "w", encoding="utf-8", errors="replace") as file:
            file.write(html(runs))


def _labels(folders: Sequence[str]) -> List[str]:
    """What tells runs apart: the names of their folders, with as much before them as that takes."""
    whole = [os.path.abspath(folder).split(os.sep) for folder in folders]
    taken = 1
    while taken < max(map(len, whole)):
        names = ["/".join(parts[-taken:]) for parts in whole]
        if len(set(names)) == len({tuple(parts) for parts in whole}):
            return names
        taken += 1
    return [os.sep.join(parts) for parts in whole]


def html(runs: Sequence[RunFiles]) -> str:
    """The page of some runs."""
    tasks = last_evaluation.tasks_of(runs)
    is_alone = len(runs) == 1
    sections = [
        Section("metrics", "Last evaluation", last_evaluation.metrics(runs, tasks)),
        Section("steps", "Over steps",
                _plots(over_steps.training(runs) + over_steps.evaluations(runs, tasks))),
        Section("curves", "ROC and reliability", last_evaluation.curves(runs, tasks)),
        Section("slices", "Slices", last_evaluation.slices(runs, tasks)),
    ]
    for place, run in enumerate(runs):
        suffix, name = ("", "") if is_alone else (": " + run.label, str(place + 1))
        sections += [
            Section("days" + name, "Days" + suffix, facts.days(run)),
            Section("tables" + name, "Tables and keys" + suffix, facts.tables(run)),
            Section("origin" + name, "Command, data and versions" + suffix, facts.origin(run)),
        ]
    title = _title(runs[0]) if is_alone else " and ".join(run.label for run in runs)
    lead = _state(runs[0]) if is_alone else "{} runs beside each other".format(len(runs))
    notes = [note for run in runs for note in _notes(run, is_alone)]
    return page.page(title, lead, _facts(runs[0], tasks) if is_alone else [], notes, sections,
                     _foot())


def _plots(figures: Sequence[str]) -> List[str]:
    return [page.figures(figures)] if figures else []


def _title(run: RunFiles) -> str:
    model = run.config.get("run", {}).get("model", "")
    return "{} \N{MIDDLE DOT} {}".format(model, run.label) if model else run.label


def _state(run: RunFiles) -> str:
    """Whether the run is finished, and where it is."""
    step = run.metrics.get("global_step")
    state = "not finished: there is no metrics.json yet"
    if step is not None:
        state = "finished at step {}".format(text(step, ",.0f"))
    return "{} \N{MIDDLE DOT} {}".format(state, os.path.abspath(run.folder))


def _facts(run: RunFiles, tasks: Sequence[str]) -> List[Fact]:
    """The numbers at the head of the page."""
    shown = []
    for task in tasks:
        values: Dict[str, object] = dict(run.last.get(task, {}))
        if values:
            low, high = (text(values.get("auc_" + end), ".4f") for end in ("low", "high"))
            below = "" if low == MISSING else "{} to {}".format(low, high)
            if low == MISSING:
                below = "{} positives".format(text(values.get("positives"), ",.0f"))
            shown.append(Fact("AUC " + task, text(values.get("auc"), ".4f"), below))
    speed = run.metrics.get("samples_per_sec")
    if speed:
        shown.append(Fact("samples/s", text(speed, ",.0f"), "{} steps/s of {} rows".format(
            text(run.metrics.get("steps_per_sec"), ".1f"), text(run.batch_size, ",.0f"))))
    if run.metrics.get("secs"):
        shown.append(Fact("seconds", text(run.metrics["secs"], ",.0f"),
                          "of the last start, all it did"))
    if run.metrics.get("peak_memory_mb"):
        shown.append(Fact("peak memory", "{} MB".format(
            text(run.metrics["peak_memory_mb"], ",.0f"))))
    return shown


def _notes(run: RunFiles, is_alone: bool) -> List[str]:
    """What is missing, and why the page lacks it."""
    notes = [*run.damaged, *_missing(run)]
    bad = number(run.metrics.get("bad_rows"))
    if bad > 0:
        notes.append("rows that could not be read and were left out: {:,.0f}".format(bad))
    for column, count in run.metrics.get("unknown_ids", {}).items():
        notes.append("{}: values that its vocabulary lacks: {:,}".format(column, count))
    for task, values in run.last.items():
        if math.isnan(number(values.get("auc"))):
            notes.append("{}: no AUC, as its rows are of one class ({} positives of {})".format(
                task, text(values.get("positives"), ",.0f"), text(values.get("rows"), ",.0f")))
    return notes if is_alone else ["{}: {}".format(run.label, note) for note in notes]


def _missing(run: RunFiles) -> List[str]:
    notes = []
    if not run.last:
        is_evaluated = run.config.get("run", {}).get("evaluate", True)
        notes.append("no evaluation yet" if is_evaluated else
                     "no evaluation: the run has --no_eval")
    elif not run.curves:
        notes.append("no ROC, reliability and slices: there is no curves.json. `python "
                     "common/report.py RUN` scores the test rows for them")
    elif run.curves.get("step") != run.last_step:
        notes.append("ROC, reliability and slices are of step {}, the metrics of step {}".format(
            text(run.curves.get("step"), ",.0f"), text(run.last_step, ",.0f")))
    if not run.training.loss:
        notes.append("no loss and no throughput: the folder has no TensorBoard events")
    sampled = [line.eval_rows for line in run.evaluations if line.eval_rows]
    if sampled:
        notes.append("evaluations within training are of a sample of {:,} rows (--eval_rows), the "
                     "last one of all".format(sampled[-1]))
    if len(run.evaluations) == 1:
        notes.append("one evaluation, so there is nothing to plot over steps: --eval_steps N "
                     "evaluates while training")
    return notes


def _foot() -> str:
    now = datetime.datetime.utcnow()
    return "Written {:%Y-%m-%d %H:%M} UTC. Intervals are at 95 %; common/runs.md says how they " \
           "are measured.".format(now)

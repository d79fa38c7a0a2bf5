"""The last evaluation of a run: its metrics, ROC and reliability, and slices."""

import math
from typing import Any, Dict, List, Sequence, Tuple

from common.reporting import page, svg
from common.reporting.numbers import interval, number, text, with_interval
from common.reporting.run_files import RunFiles
from common.reporting.series import Band, Bar, Line, Point
from common.reporting.ticks import Axis

_HEAD = ("task", "AUC", "95 % interval", "GAUC", "log loss", "calibration", "accuracy", "rows",
         "positives")
_SQUARE = 400  # the height of a plot whose axes are alike
_TABLE_ROWS = 20


def tasks_of(runs: Sequence[RunFiles]) -> List[str]:
    """The tasks of all runs, each once, in their order."""
    tasks: List[str] = []
    for run in runs:
        tasks += [task for task in _ordered(run) if task not in tasks]
    return tasks


def _ordered(run: RunFiles) -> List[str]:
    """The tasks of a run, in the order of its labels where the schema tells."""
    names = [column.get("task") or column.get("name")
             for column in run.config.get("schema", {}).get("columns", [])
             if isinstance(column, dict)]
    known = [*run.last, *run.curves.get("tasks", {})]
    for line in run.evaluations:
        known += [name.rpartition("/")[0] for name in line.values]
    distinct = sorted(set(known))
    return sorted(distinct, key=lambda task: names.index(task) if task in names else len(names))


def metrics(runs: Sequence[RunFiles], tasks: Sequence[str]) -> List[str]:
    """A table of the metrics: a row for each task of each run."""
    rows = []
    for task in tasks:
        for run in runs:
            if task in run.last:
                name = task if len(runs) == 1 else "{}, {}".format(task, run.label)
                rows.append([name, *_cells(run.last[task])])
    return [page.table("Metrics of the last evaluation", _HEAD, rows)] if rows else []


def _cells(values: Dict[str, Any]) -> List[str]:
    return [
        text(values.get("auc"), ".4f"), interval(values, "auc"), text(values.get("gauc"), ".4f"),
        text(values.get("log_loss"), ".5f"), text(values.get("calibration"), ".3f"),
        text(values.get("accuracy"), ".4f"), text(values.get("rows"), ",.0f"),
        text(values.get("positives"), ",.0f")]


def curves(runs: Sequence[RunFiles], tasks: Sequence[str]) -> List[str]:
    """Rows of figures: the ROC of each task, and below it its reliability."""
    roc, reliability = [], []
    for place, task in enumerate(tasks):
        of_runs = [(run, run.curves.get("tasks", {}).get(task, {})) for run in runs]
        colors = [place] if len(runs) == 1 else list(range(len(runs)))
        roc += _roc(task, of_runs, colors)
        reliability += _reliability(task, of_runs, colors)
    if len(tasks) == 1:
        return [page.figures(roc + reliability)] if roc or reliability else []
    return [page.figures(some) for some in (roc, reliability) if some]


OfRuns = Sequence[Tuple[RunFiles, Dict[str, Any]]]


def _roc(task: str, of_runs: OfRuns, colors: Sequence[int]) -> List[str]:
    lines = []
    for (run, found), color in zip(of_runs, colors):
        points = [list(map(number, point)) for point in found.get("roc", [])]
        if points:
            name = task if len(of_runs) == 1 else run.label
            lines.append(Line(name, [(point[0], point[1]) for point in points],
                              [(point[0], point[2], point[3]) for point in points], color))
    if not lines:
        return []
    chance = Line("chance", [(0, 0), (1, 1)], is_reference=True)
    plot = svg.lines("ROC: " + task, [*lines, chance], Axis("false positive rate", 0, 1),
                     Axis("true positive rate", 0, 1), _SQUARE)
    rows = []
    for line in lines:
        every = max(len(line.points) // _TABLE_ROWS, 1)
        for (x, y), (_, low, high) in list(zip(line.points, line.band))[::every]:
            rows.append([line.name, text(x, ".4f"), text(y, ".4f"),
                         "{} to {}".format(text(low, ".4f"), text(high, ".4f"))])
    numbers = page.table("ROC: " + task, [
        "line", "false positive rate", "true positive rate", "95 % interval"], rows)
    return [page.figure(plot, "The band is the 95 % interval of the true positive rate.", numbers)]


def _reliability(task: str, of_runs: OfRuns, colors: Sequence[int]) -> List[str]:
    lines, rows = [], []
    for (run, found), color in zip(of_runs, colors):
        bins = [list(map(number, one)) for one in found.get("reliability", [])]
        if bins:
            name = task if len(of_runs) == 1 else run.label
            points, band = _of_bins(bins)
            lines.append(Line(name, points, band, color))
            rows += [_bin_row(name, one) for one in bins]
    if not lines:
        return []
    across = [x for line in lines for x, _ in line.points]
    ideal = Line("ideal", [(end, end) for end in (min(across), max(across))], is_reference=True)
    plot = svg.lines("Reliability: " + task, [*lines, ideal], Axis("mean prediction"),
                     Axis("share of positives"), _SQUARE)
    numbers = page.table("Reliability: " + task, [
        "line", "mean prediction", "share of positives", "95 % interval", "rows"], rows)
    return [page.figure(
        plot, "Bins of as many rows each, by prediction, with the 95 % interval.", numbers)]


def _of_bins(bins: Sequence[Sequence[float]]) -> Tuple[List[Point], List[Band]]:
    """Bins as the points of a line and its band."""
    points = [(one[0], one[1]) for one in bins]
    return points, [(one[0], one[2], one[3]) for one in bins]


def _bin_row(name: str, one: Sequence[float]) -> List[str]:
    mean, share, low, high, size = one
    around = "{} to {}".format(text(low, ".5f"), text(high, ".5f"))
    return [name, text(mean, ".5f"), text(share, ".5f"), around, text(size, ",.0f")]


def slices(runs: Sequence[RunFiles], tasks: Sequence[str]) -> List[str]:
    """Figures of AUC and calibration by the values of columns, and their numbers as a table."""
    parts = []
    for run in runs:
        for sliced in run.curves.get("slices", []):
            parts += _sliced(run, sliced, tasks, is_alone=len(runs) == 1)
    return parts


def _sliced(run: RunFiles, sliced: Dict[str, Any], tasks: Sequence[str],
            is_alone: bool) -> List[str]:
    column, values = sliced["column"], sliced["values"]
    heading = "By {}".format(column)
    if not is_alone:
        heading = "{}, {}".format(heading, run.label)
    parts = ["<h3>{}</h3>".format(page.text_of(heading))]
    if sliced.get("note"):
        parts.append(page.paragraph("Note: {}.".format(sliced["note"])))
    rows, lines = [], []
    for name, title in (("auc", "AUC"), ("calibration", "Calibration")):
        figures: List[str] = []
        for color, task in enumerate(tasks):
            bars = _slice_bars(values, sliced["tasks"].get(task, []), name, color)
            mark = 1.0 if name == "calibration" else number(run.last.get(task, {}).get("auc"))
            figures += _slice_figure("{} of {} by {}".format(title, task, column), bars, mark)
        lines.append(figures)
    if len(tasks) == 1:
        lines = [lines[0] + lines[1]]
    parts += [page.figures(line) for line in lines]
    for task in tasks:
        for value, one in zip(values, sliced["tasks"].get(task, [])):
            rows.append(_slice_row(task, value, one))
    numbers = page.table("Metrics by {}".format(column), [
        "value", "task", "rows", "positives", "AUC", "95 % interval", "calibration",
        "95 % interval"], rows, words=[1])
    return [*parts, page.folded("Numbers by {}".format(column), numbers)]


def _slice_bars(values: Sequence[str], measured: Sequence[Dict[str, Any]], name: str,
                color: int) -> List[Bar]:
    bars = []
    for value, one in zip(values, measured):
        low, high = number(one.get(name + "_low")), number(one.get(name + "_high"))
        bars.append(Bar(value, number(one.get(name)), low, high, color))
    return bars


def _slice_figure(heading: str, bars: Sequence[Bar], mark: float) -> List[str]:
    """A figure of one metric by slice; none where no slice has it."""
    if not any(math.isfinite(bar.value) for bar in bars):
        return []
    is_marked = math.isfinite(mark)
    plot = svg.bars(heading, bars, Axis(""), mark if is_marked else None, from_zero=False)
    caption = ""
    if is_marked:
        caption = "Dashed: {}.".format("1" if mark == 1 else "all rows")
    return [page.figure(plot, caption)]


def _slice_row(task: str, value: str, one: Dict[str, Any]) -> List[str]:
    return [value, task, text(one.get("rows"), ",.0f"), text(one.get("positives"), ",.0f"),
            text(one.get("auc"), ".4f"), interval(one, "auc"),
            text(one.get("calibration"), ".3f"), interval(one, "calibration", ".3f")]


def headline(values: Dict[str, Any]) -> str:
    """A task's AUC with its interval."""
    return with_interval(values, "auc")

"""Plots of a run's training and evaluations over its steps; of several runs beside each other."""

import math
from typing import Callable, List, NamedTuple, Optional, Sequence, Tuple

from common.reporting import page, svg
from common.reporting.events import thinned
from common.reporting.numbers import text
from common.reporting.run_files import RunFiles
from common.reporting.series import Line
from common.reporting.ticks import Axis

_TABLE_ROWS = 40
_METRICS = (("auc", "AUC", ".4f"), ("log_loss", "Log loss", ".5f"),
            ("calibration", "Calibration", ".3f"), ("gauc", "GAUC", ".4f"))
_STEP = Axis("step")


class _Curve(NamedTuple):
    """What a plot of evaluations shows of one run: a task's metric."""

    run: RunFiles
    task: str
    metric: str

    def line(self, name: str, color: int) -> Line:
        """The metric over steps, with its interval where it has one."""
        points, band = [], []
        for evaluation in self.run.evaluations:
            key = "{}/{}".format(self.task, self.metric)
            value = evaluation.values.get(key, math.nan)
            points.append((float(evaluation.step), value))
            low = evaluation.values.get(key + "_low", math.nan)
            high = evaluation.values.get(key + "_high", math.nan)
            band.append((float(evaluation.step), low, high))
        return Line(name, thinned(points), band if len(band) <= 500 else (), color)


def training(runs: Sequence[RunFiles]) -> List[str]:
    """Figures of the loss and of the speed."""
    losses = [(run.label, run.training.loss) for run in runs]
    figures = _figures_of("Training loss", "loss of a batch", losses, "",
                          lambda value: text(value, ".5f"))
    speeds = []
    for run in runs:
        size = run.batch_size or 1
        speeds.append((run.label, [(step, value * size)
                                   for step, value in run.training.steps_per_sec]))
    caption = "All trainers together, with pauses for saves and evaluations."
    return figures + _figures_of("Throughput", "samples/s", speeds, caption,
                                 lambda value: text(value, ",.0f"), low=0.0)


Series = Sequence[Tuple[str, Sequence[Tuple[float, float]]]]


def _figures_of(title: str, unit: str, series: Series, caption: str,
                form: Callable[[float], str], low: Optional[float] = None) -> List[str]:
    """A figure of a line for each run that has points; none where no run has."""
    there = [(number, label, points) for number, (label, points) in enumerate(series) if points]
    if not there:
        return []
    lines = [Line(label, points, color=number) for number, label, points in there]
    plot = svg.lines(title, lines, _STEP, Axis(unit, low), names_one=len(series) > 1)
    return [page.figure(plot, caption, _table(title, lines, form))]


def evaluations(runs: Sequence[RunFiles], tasks: Sequence[str]) -> List[str]:
    """Figures of the metrics of all evaluations; none where no run has more than one."""
    if all(len(run.evaluations) < 2 for run in runs):
        return []
    figures = []
    for metric, title, form in _METRICS:
        if len(runs) == 1:
            lines = [_Curve(runs[0], task, metric).line(task, number)
                     for number, task in enumerate(tasks)]
            figures += _figure(title, lines, form, names_one=False)
            continue
        for task in tasks:
            lines = [_Curve(run, task, metric).line(run.label, number)
                     for number, run in enumerate(runs)]
            heading = "{}: {}".format(title, task)
            figures += _figure(heading, lines, form, names_one=True)
    return figures


def _figure(title: str, lines: Sequence[Line], form: str, names_one: bool) -> List[str]:
    """A figure of some lines; none where no line has a value."""
    there = [line for line in lines if any(math.isfinite(y) for _, y in line.points)]
    if not there:
        return []
    plot = svg.lines(title, there, _STEP, Axis(""), names_one=names_one)
    caption = "The band is the 95 % interval." if any(_has_band(line) for line in there) else ""
    return [page.figure(plot, caption, _table(title, there, lambda value: text(value, form)))]


def _has_band(line: Line) -> bool:
    return any(math.isfinite(low) for _, low, _ in line.band)


def _table(title: str, lines: Sequence[Line], form: Callable[[float], str]) -> str:
    """Some of the points of all lines, by their step."""
    steps = sorted({step for line in lines for step, _ in line.points})
    every = max(-(-len(steps) // _TABLE_ROWS), 1)
    chosen = steps[::every]
    if steps[-1] not in chosen:
        chosen.append(steps[-1])
    by_line = [dict(line.points) for line in lines]
    rows = []
    for step in chosen:
        cells = [form(values.get(step, math.nan)) for values in by_line]
        rows.append(["{:,.0f}".format(step), *cells])
    return page.table(title, ["step", *(line.name for line in lines)], rows)

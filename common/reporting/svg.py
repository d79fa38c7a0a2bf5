"""Plots as SVG text: lines with bands, and bars or dots with whiskers.

A plot takes its colours from the CSS of common/reporting/colors.py, in a page that has it or, by
`standalone`, in a file of its own. Values are told where the pointer is, by CSS alone.
"""

import math
from typing import Iterable, List, Optional, Sequence, Tuple

from common.reporting import colors, drawn, shapes
from common.reporting.series import Bar, Line
from common.reporting.ticks import Axis, Scale, labels, scale_of, ticks, written

WIDTH, HEIGHT = 420, 280
_RIGHT, _BOTTOM = 16, 42
_TITLE, _LEGEND = 40, 18  # heights of the title with what the y axis shows, and of a legend's line
_LETTER = 6.6  # the mean width of a letter
_WIDE_LETTER = 7.6  # of digits and capitals
_NAME = 24  # letters of a bar's name that are shown
_BAR = 22  # the height of a bar with its gap


def lines(title: str, series: Sequence[Line], x: Axis, y: Axis, height: int = HEIGHT,
          names_one: bool = False) -> str:
    """A plot of lines.

    Args:
      title: above the plot.
      y: its title stands above the axis; none where the plot's title says it.
      series: at least one; its points may be none.
      height: in pixels of a plot that is 420 wide.
      names_one: whether the legend names a line that is alone, too.
    """
    head = _TITLE if y.title else _TITLE - 19
    legend = _legend_rows(series) if names_one or len(series) > 1 else []
    up = scale_of(y, _all_y(series), height - _BOTTOM, head + _LEGEND * len(legend) + 6)
    letters = max(len(label) for _, label in _labelled(up))
    left = 10 + _WIDE_LETTER * max(letters, 4)
    across = scale_of(x, _all_x(series), left, WIDTH - _RIGHT)
    parts = [shapes.text(0, 14, title, "title")]
    if y.title:
        parts.append(shapes.text(0, 33, y.title, "soft"))
    parts += _legend(legend, head)
    parts += _grid(across, up, x.title, height)
    for line in series:
        parts += drawn.line(line, across, up)
    parts += drawn.spots(series, across, up)
    return _svg(title, height, parts)


def bars(title: str, rows: Sequence[Bar], axis: Axis, mark: Optional[float] = None,
         from_zero: bool = True) -> str:
    """A plot of named numbers, one below the other.

    Args:
      title: above the plot.
      rows: from top to bottom.
      axis: of the numbers.
      mark: a number that the others are compared with, at a dashed line.
      from_zero: whether bars grow from 0; else each number is a dot, on an axis of any ends.
    """
    below = _BOTTOM if axis.title else _BOTTOM - 18
    height = _TITLE + 6 + _BAR * len(rows) + below
    left = 14 + _WIDE_LETTER * max((min(len(row.name), _NAME) for row in rows), default=0)
    values = [number for row in rows for number in (row.value, row.low, row.high)]
    values += [0.0] if from_zero else []
    values += [] if mark is None else [mark]
    across = scale_of(axis, values, left, WIDTH - 58, count=4)
    bottom = height - below
    parts = [shapes.text(0, 14, title, "title")]
    parts += _upright(across, bottom, mark)
    for number, row in enumerate(rows):
        parts += _bar(row, _TITLE + _BAR * number + _BAR / 2, across, from_zero)
    if axis.title:
        middle = (across.begin + across.end) / 2
        parts.append(shapes.text(middle, height - 6, axis.title, "soft", "middle"))
    return _svg(title, height, parts)


def _upright(across: Scale, bottom: float, mark: Optional[float]) -> List[str]:
    """The ticks of bars with their lines and numbers, and the dashed line of a mark."""
    parts = []
    for number, label in _labelled(across, 4):
        parts.append(shapes.line(across(number), _TITLE - 8, across(number), bottom, "rule"))
        parts.append(shapes.text(across(number), bottom + 16, label, "soft", "middle"))
    if mark is not None:
        parts.append(shapes.line(across(mark), _TITLE - 8, across(mark), bottom, "mark"))
    return parts


def standalone(plot: str) -> str:
    """A plot as the text of an .svg file, with its colours."""
    head, tag_end, rest = plot.partition(">")
    return "{}{}<style>{}svg.plot{{background:var(--card)}}</style>{}\n".format(
        head, tag_end, colors.style(), rest)


def _svg(title: str, height: float, parts: Sequence[str]) -> str:
    head = ('<svg xmlns="http://www.w3.org/2000/svg" class="plot" role="img" aria-label="{}" '
            'viewBox="0 0 {} {:.0f}" width="{}" height="{:.0f}">')
    opening = head.format(shapes.text_of(title), WIDTH, height, WIDTH, height)
    return "".join([opening, *parts, "</svg>"])


def _all_x(series: Sequence[Line]) -> Iterable[float]:
    return [point[0] for line in series for point in (*line.points, *line.band)]


def _all_y(series: Sequence[Line]) -> Iterable[float]:
    return [value for line in series for point in (*line.points, *line.band)
            for value in point[1:]]


def _legend_rows(series: Sequence[Line]) -> List[List[Line]]:
    """The lines that a legend names, as they fit beside and below one another."""
    rows: List[List[Line]] = [[]]
    used = 0.0
    for line in series:
        width = 40 + _LETTER * len(line.name)
        if rows[-1] and used + width > WIDTH:
            rows.append([])
            used = 0.0
        rows[-1].append(line)
        used += width
    return rows


def _legend(rows: Sequence[Sequence[Line]], head: float) -> List[str]:
    parts = []
    for number, row in enumerate(rows):
        x, y = 0.0, head + 11 + _LEGEND * number
        for line in row:
            kind = "mark" if line.is_reference else "line s{}".format(drawn.color_of(line.color))
            parts.append(shapes.line(x, y - 4, x + 16, y - 4, kind))
            parts.append(shapes.text(x + 21, y, line.name))
            x += 40 + _LETTER * len(line.name)
    return parts


def _labelled(scale: Scale, count: int = 5) -> List[Tuple[float, str]]:
    numbers = ticks(scale, count)
    return list(zip(numbers, labels(numbers)))


def _below(x: float, y: float, label: str) -> str:
    """The number of a tick, in its middle where that is not beyond the edge."""
    if x + _WIDE_LETTER * len(label) / 2 > WIDTH:
        return shapes.text(WIDTH, y, label, "soft", "end")
    return shapes.text(x, y, label, "soft", "middle")


def _fitting(across: Scale) -> List[Tuple[float, str]]:
    """As many ticks as there is room for their numbers beside each other."""
    for count in (5, 4, 3):
        found = _labelled(across, count)
        width = sum(_WIDE_LETTER * len(label) + 10 for _, label in found)
        if width <= across.end - across.begin:
            return found
    return _labelled(across, 2)


def _grid(across: Scale, up: Scale, title: str, height: float) -> List[str]:
    """The ticks of both axes with their lines and numbers, and what the lower one shows."""
    parts = []
    for number, label in _labelled(up):
        parts.append(shapes.line(across.begin, up(number), across.end, up(number), "rule"))
        parts.append(shapes.text(across.begin - 7, up(number) + 4, label, "soft", "end"))
    for number, label in _fitting(across):
        parts.append(shapes.line(across(number), up.begin, across(number), up.begin + 4, "axis"))
        parts.append(_below(across(number), up.begin + 17, label))
    parts.append(shapes.line(across.begin, up.begin, across.end, up.begin, "axis"))
    parts.append(shapes.text(across.end, height - 6, title, "soft", "end"))
    return parts


def _bar(row: Bar, middle: float, across: Scale, from_zero: bool) -> List[str]:
    """A bar or dot with its name, its whisker and its number."""
    shown = row.name
    if len(shown) > _NAME:
        shown = shown[:_NAME - 1] + "\N{HORIZONTAL ELLIPSIS}"
    name = shapes.text(across.begin - 10, middle + 4, shown, "", "end", full=row.name)
    if not math.isfinite(row.value):
        return [name, shapes.text(WIDTH, middle + 4, "n/a", "soft", "end")]
    color, right = drawn.color_of(row.color), across(row.value)
    parts = [name]
    if from_zero:
        begin, end = sorted((across(0.0), right))
        parts.append(shapes.box(begin, middle - 6, max(end - begin, 0.5), 12, "f{}".format(color)))
    if math.isfinite(row.low) and math.isfinite(row.high):
        kind = "whisker axis" if from_zero else "whisker s{}".format(color)
        parts.append(shapes.line(across(row.low), middle, across(row.high), middle, kind))
        right = max(right, across(row.high))
    if not from_zero:
        parts.append(shapes.dot(across(row.value), middle, color, 4))
    parts.append(shapes.text(WIDTH, middle + 4, _four_digits(row.value), "soft", "end"))
    return parts


def _four_digits(value: float) -> str:
    """A number among others below one another: with as many digits behind the point as they."""
    return "{:.4f}".format(value) if abs(value) < 100 else written(value)

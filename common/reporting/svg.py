"""Plots as SVG text: lines with bands, and bars or dots with whiskers.

A plot takes its colours from the CSS of common/reporting/colors.py, in a page that has it or, by
`standalone`, in a file of its own. Values are told where the pointer is, by CSS alone.
"""

import math
from typing import Iterable, List, NamedTuple, Optional, Sequence, Tuple

from common.reporting import colors, shapes
from common.reporting.ticks import Axis, Scale, labels, scale_of, ticks, written

Point = Tuple[float, float]
Band = Tuple[float, float, float]

WIDTH, HEIGHT = 420, 280
_LEFT, _RIGHT, _BOTTOM = 50, 16, 42
_TITLE, _LEGEND = 40, 18  # heights of the title with what the y axis shows, and of a legend's line
_MAX_SPOTS = 60  # where a plot tells its values
_DOTTED = 24  # points up to which each has its dot
_LETTER = 6.6  # the mean width of a letter
_NAME = 24  # letters of a bar's name that are shown
_BAR = 22  # the height of a bar with its gap


class Line(NamedTuple):
    """A series of points.

    Attributes:
      name: for the legend.
      points: (x, y), ascending in x; the line has a gap where y is not finite.
      band: (x, low, high) of its interval, where it has one.
      color: the number of its colour, of colors.NUM_SERIES.
      is_reference: whether it is what others are compared with: thin, without colour or values.
    """

    name: str
    points: Sequence[Point]
    band: Sequence[Band] = ()
    color: int = 0
    is_reference: bool = False


class Bar(NamedTuple):
    """A named number.

    Attributes:
      name: left of it.
      value: NaN where it does not exist.
      low, high: its interval; NaN where it has none.
      color: the number of its colour.
    """

    name: str
    value: float
    low: float = math.nan
    high: float = math.nan
    color: int = 0


def lines(title: str, series: Sequence[Line], x: Axis, y: Axis, height: int = HEIGHT) -> str:
    """A plot of lines.

    Args:
      title: above the plot.
      series: at least one; its points may be none.
      height: in pixels of a plot that is 420 wide.
    """
    top = _TITLE + _LEGEND * len(_legend_rows(series)) + 6
    across = scale_of(x, _all_x(series), _LEFT, WIDTH - _RIGHT)
    up = scale_of(y, _all_y(series), height - _BOTTOM, top)
    parts = [shapes.text(0, 14, title, "title"), shapes.text(0, 33, y.title, "soft")]
    parts += _legend(series)
    parts += _grid(across, up, x.title, height)
    for line in series:
        parts += _drawn(line, across, up)
    parts += _spots(series, across, up)
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
    height = _TITLE + 6 + _BAR * len(rows) + _BOTTOM
    left = 12 + _LETTER * max((min(len(row.name), _NAME) for row in rows), default=0)
    values = [number for row in rows for number in (row.value, row.low, row.high)]
    values += [0.0] if from_zero else []
    values += [] if mark is None else [mark]
    across = scale_of(axis, values, left, WIDTH - 58, count=4)
    bottom = height - _BOTTOM
    parts = [shapes.text(0, 14, title, "title")]
    for number, label in _labelled(across, 4):
        parts.append(shapes.line(across(number), _TITLE - 8, across(number), bottom, "rule"))
        parts.append(shapes.text(across(number), bottom + 16, label, "soft", "middle"))
    if mark is not None:
        parts.append(shapes.line(across(mark), _TITLE - 8, across(mark), bottom, "mark"))
    for number, row in enumerate(rows):
        parts += _bar(row, _TITLE + _BAR * number + _BAR / 2, across, from_zero)
    middle = (left + WIDTH - 58) / 2
    parts.append(shapes.text(middle, height - 6, axis.title, "soft", "middle"))
    return _svg(title, height, parts)


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
    """The lines that a legend names, as they fit below one another; none where it is one line."""
    if len(series) < 2:
        return []
    rows: List[List[Line]] = [[]]
    used = 0.0
    for line in series:
        width = 34 + _LETTER * len(line.name)
        if rows[-1] and used + width > WIDTH:
            rows.append([])
            used = 0.0
        rows[-1].append(line)
        used += width
    return rows


def _legend(series: Sequence[Line]) -> List[str]:
    parts = []
    for number, row in enumerate(_legend_rows(series)):
        x, y = 0.0, _TITLE + 11 + _LEGEND * number
        for line in row:
            kind = "mark" if line.is_reference else "line s{}".format(_color(line.color))
            parts.append(shapes.line(x, y - 4, x + 16, y - 4, kind))
            parts.append(shapes.text(x + 21, y, line.name))
            x += 34 + _LETTER * len(line.name)
    return parts


def _color(number: int) -> int:
    return number % colors.NUM_SERIES


def _labelled(scale: Scale, count: int = 5) -> List[Tuple[float, str]]:
    numbers = ticks(scale, count)
    return list(zip(numbers, labels(numbers)))


def _grid(across: Scale, up: Scale, title: str, height: float) -> List[str]:
    """The ticks of both axes with their lines and numbers, and what the lower one shows."""
    parts = []
    for number, label in _labelled(up):
        parts.append(shapes.line(across.begin, up(number), across.end, up(number), "rule"))
        parts.append(shapes.text(across.begin - 7, up(number) + 4, label, "soft", "end"))
    for number, label in _labelled(across):
        parts.append(shapes.line(across(number), up.begin, across(number), up.begin + 4, "axis"))
        parts.append(shapes.text(across(number), up.begin + 17, label, "soft", "middle"))
    parts.append(shapes.line(across.begin, up.begin, across.end, up.begin, "axis"))
    parts.append(shapes.text(across.end, height - 6, title, "soft", "end"))
    return parts


def _drawn(line: Line, across: Scale, up: Scale) -> List[str]:
    """A line with its band and, where there are few points, its dots."""
    parts = []
    color = _color(line.color)
    for piece in _pieces(line.band):
        there = ["{:.1f},{:.1f}".format(across(x), up(high)) for x, _, high in piece]
        back = ["{:.1f},{:.1f}".format(across(x), up(low)) for x, low, _ in reversed(piece)]
        parts.append('<polygon class="band f{}" points="{}"/>'.format(
            color, " ".join(there + back)))
    kind = "mark" if line.is_reference else "line s{}".format(color)
    for piece in _pieces(line.points):
        places = " ".join("{:.1f},{:.1f}".format(across(x), up(y)) for x, y in piece)
        parts.append('<polyline class="{}" points="{}"/>'.format(kind, places))
        if len(line.points) <= _DOTTED and not line.is_reference:
            parts += [shapes.dot(across(x), up(y), color) for x, y in piece]
    return parts


def _pieces(points: Sequence[Tuple[float, ...]]) -> List[List[Tuple[float, ...]]]:
    """Points in runs without gaps."""
    pieces: List[List[Tuple[float, ...]]] = [[]]
    for point in points:
        if all(map(math.isfinite, point)):
            pieces[-1].append(point)
        elif pieces[-1]:
            pieces.append([])
    return [piece for piece in pieces if piece]


def _spots(series: Sequence[Line], across: Scale, up: Scale) -> List[str]:
    """Strips of a plot that tell the values of all lines there, while the pointer is on them."""
    told = [line for line in series if not line.is_reference]
    xs = _spread({x for line in told for x, y in line.points if math.isfinite(y)}, across)
    middles = [(before + after) / 2 for before, after in zip(xs, xs[1:])]
    edges = [across.low, *middles, across.high]
    parts = []
    for x, low, high in zip(xs, edges, edges[1:]):
        left, right = across(low), across(high)
        strip = shapes.box(left, up.end, max(right - left, 0.5), up.begin - up.end, "hit")
        tip = _tip(_values(told, x, low, high), x, across, up)
        parts.append('<g class="spot">{}{}</g>'.format(strip, tip))
    return parts


def _spread(xs: Iterable[float], across: Scale) -> List[float]:
    """Some of the numbers of an axis, ascending, far enough apart to point at each."""
    gap = abs(across.end - across.begin) / _MAX_SPOTS
    spread: List[float] = []
    for x in sorted(xs):
        if not spread or across(x) - across(spread[-1]) >= gap:
            spread.append(x)
    return spread


def _values(told: Sequence[Line], x: float, low: float, high: float) -> List[Tuple[Line, float]]:
    """The lines that have a point in a strip from low to high, each with that nearest to x."""
    values = []
    for line in told:
        near = [point for point in line.points
                if low <= point[0] <= high and math.isfinite(point[1])]
        if near:
            nearest = min(near, key=lambda point: abs(point[0] - x))
            values.append((line, nearest[1]))
    return values


def _tip(values: Sequence[Tuple[Line, float]], x: float, across: Scale, up: Scale) -> str:
    """The values of lines at x, beside an upright line through the plot."""
    place = across(x)
    is_right = place > (across.begin + across.end) / 2
    side, anchor = (-8, "end") if is_right else (8, "start")
    parts = [shapes.line(place, up.begin, place, up.end, "axis"),
             shapes.text(place + side, up.begin - 8, written(x), "soft", anchor)]
    for row, (line, value) in enumerate(values):
        words = written(value)
        if len(values) > 1:
            words = "{} {}".format(line.name, words)
        parts.append(shapes.dot(place, up(value), _color(line.color)))
        parts.append(shapes.text(place + side, up.end + 15 * (row + 1), words, "", anchor))
    return '<g class="tip">{}</g>'.format("".join(parts))


def _bar(row: Bar, middle: float, across: Scale, from_zero: bool) -> List[str]:
    """A bar or dot with its name, its whisker and its number."""
    shown = row.name
    if len(shown) > _NAME:
        shown = shown[:_NAME - 1] + "\N{HORIZONTAL ELLIPSIS}"
    name = shapes.text(across.begin - 10, middle + 4, shown, "", "end", full=row.name)
    if not math.isfinite(row.value):
        return [name, shapes.text(across.begin + 6, middle + 4, "n/a", "soft")]
    color, right = _color(row.color), across(row.value)
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

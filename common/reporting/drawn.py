"""A series on its plot: a line with its band, and its values where the pointer is."""

import math
from typing import Iterable, List, Sequence, Tuple

from common.reporting import colors, shapes
from common.reporting.series import Line
from common.reporting.ticks import Scale, written

_MAX_SPOTS = 60  # where a plot tells its values
_DOT, _LONE_DOT = 2.6, 4.0
_DOTTED = 24  # points up to which each has its dot


def color_of(number: int) -> int:
    """The colour of a series, of those that there are."""
    return number % colors.NUM_SERIES


def line(of: Line, across: Scale, up: Scale) -> List[str]:
    """A line with its band and, where there are few points, its dots."""
    color = color_of(of.color)
    parts = [_band(piece, color, across, up) for piece in _pieces(of.band)]
    kind = "mark" if of.is_reference else "line s{}".format(color)
    is_dotted = len(of.points) <= _DOTTED and not of.is_reference
    radius = _DOT if len(of.points) > 1 else _LONE_DOT
    for piece in _pieces(of.points):
        places = " ".join("{:.1f},{:.1f}".format(across(x), up(y)) for x, y in piece)
        parts.append('<polyline class="{}" points="{}"/>'.format(kind, places))
        if is_dotted:
            parts += [shapes.dot(across(x), up(y), color, radius) for x, y in piece]
    return parts


def _band(piece: Sequence[Tuple[float, ...]], color: int, across: Scale, up: Scale) -> str:
    """A band without gaps; a whisker where it is of one point."""
    if len(piece) == 1:
        (x, low, high), = piece
        return shapes.line(across(x), up(low), across(x), up(high), "whisker s{}".format(color))
    there = ["{:.1f},{:.1f}".format(across(x), up(high)) for x, _, high in piece]
    back = ["{:.1f},{:.1f}".format(across(x), up(low)) for x, low, _ in reversed(piece)]
    return '<polygon class="band f{}" points="{}"/>'.format(color, " ".join(there + back))


def _pieces(points: Sequence[Tuple[float, ...]]) -> List[List[Tuple[float, ...]]]:
    """Points in runs without gaps."""
    pieces: List[List[Tuple[float, ...]]] = [[]]
    for point in points:
        if all(map(math.isfinite, point)):
            pieces[-1].append(point)
        elif pieces[-1]:
            pieces.append([])
    return [piece for piece in pieces if piece]


def spots(series: Sequence[Line], across: Scale, up: Scale) -> List[str]:
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
        parts.append(shapes.dot(place, up(value), color_of(line.color)))
        parts.append(shapes.text(place + side, up.end + 15 * (row + 1), words, "", anchor))
    return '<g class="tip">{}</g>'.format("".join(parts))

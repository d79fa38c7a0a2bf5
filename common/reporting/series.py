"""What plots show: lines of points, and named numbers."""

import math
from typing import NamedTuple, Sequence, Tuple

Point = Tuple[float, float]
Band = Tuple[float, float, float]


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

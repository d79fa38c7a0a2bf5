"""Axes with round numbers: where they end, where their ticks are, and how numbers are written."""

import math
from typing import Iterable, List, NamedTuple, Optional, Tuple

_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)  # what may lie between two ticks, times a power of ten
_UNITS = ((1e9, "G"), (1e6, "M"), (1e3, "k"))
_TINY = 1e-9  # of a step: what rounding may have moved a tick by


class Axis(NamedTuple):
    """What an axis shows.

    Attributes:
      title: what its numbers are, with their unit.
      low, high: its ends; None for round numbers around the data.
    """

    title: str
    low: Optional[float] = None
    high: Optional[float] = None


class Scale(NamedTuple):
    """Numbers as lengths: `low` lies at `begin` pixels, `high` at `end`."""

    low: float
    high: float
    begin: float
    end: float

    def __call__(self, value: float) -> float:
        """Where a number lies, in pixels; those beyond an end lie at that end."""
        share = (value - self.low) / (self.high - self.low)
        return self.begin + min(max(share, 0.0), 1.0) * (self.end - self.begin)


def step_for(extent: float, count: int) -> float:
    """The smallest round step that covers an extent > 0 in at most `count` of them."""
    raw = extent / count
    power = 10.0 ** math.floor(math.log10(raw))
    for step in _STEPS:
        if step * power >= raw * (1 - _TINY):
            return step * power
    return 10.0 * power


def scale_of(axis: Axis, values: Iterable[float], begin: float, end: float,
             count: int = 5) -> Scale:
    """The scale of an axis over some numbers, its free ends at round numbers around them.

    Args:
      values: the data; numbers that are not finite are left out.
      begin, end: of the axis, in pixels.
      count: how many steps between ticks are wanted at most.
    """
    low, high = _ends(axis, [value for value in values if math.isfinite(value)])
    step = step_for(high - low, count)
    if axis.low is None:
        low = math.floor(low / step + _TINY) * step
    if axis.high is None:
        high = math.ceil(high / step - _TINY) * step
    return Scale(low, high, begin, end)


def _ends(axis: Axis, values: List[float]) -> Tuple[float, float]:
    """The ends of an axis over some numbers, apart from each other, not yet round."""
    low = min(values, default=0.0) if axis.low is None else axis.low
    high = max(values, default=1.0) if axis.high is None else axis.high
    if high > low:
        return low, high
    apart = max(abs(low), abs(high)) * 0.2 or 0.5
    if axis.low is None:
        low = min(low, high) - apart
    if axis.high is None:
        high = max(low, high) + apart
    return low, high


def ticks(scale: Scale, count: int = 5) -> List[float]:
    """The round numbers between the ends of a scale, ascending."""
    step = step_for(scale.high - scale.low, count)
    first = math.ceil(scale.low / step - _TINY)
    last = math.floor(scale.high / step + _TINY)
    return [number * step for number in range(first, last + 1)]


def labels(numbers: List[float]) -> List[str]:
    """The numbers of ticks as text: as few digits as tell them apart, thousands as `20k`."""
    if not numbers:
        return []
    largest = max(abs(number) for number in numbers)
    if 0 < largest < 1e-3:
        return ["{:.3g}".format(number) if number else "0" for number in numbers]
    unit, suffix = _unit(largest)
    gaps = [after - before for before, after in zip(numbers, numbers[1:])]
    digits = _digits(min(gaps, default=largest) / unit)
    texts = []
    for number in numbers:
        text = "{:.{}f}".format(number / unit + 0.0, digits)
        texts.append(text + suffix if number else text)
    return texts


def _digits(gap: float) -> int:
    """How many digits behind the point tell numbers apart that are so far apart, six at most."""
    digits = 0
    while digits < 6 and abs(round(gap, digits) - gap) > 1e-6 * gap:
        digits += 1
    return digits


def _unit(largest: float) -> Tuple[float, str]:
    """What ticks are counted in."""
    for unit, suffix in _UNITS:
        if largest >= 10 * unit:
            return unit, suffix
    return 1.0, ""


def written(value: float) -> str:
    """A number as it is told beside a plot: whole ones in full, others with four digits."""
    if not math.isfinite(value):
        return "n/a"
    if value == int(value) and abs(value) < 1e15:
        return "{:,.0f}".format(value)
    if abs(value) >= 1000:
        return "{:,.0f}".format(value)
    return "{:.4g}".format(value)

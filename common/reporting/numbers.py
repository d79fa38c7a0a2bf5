"""Metrics in the words of tables and plots, where each may not exist."""

import math
from typing import Mapping, Optional

Values = Mapping[str, Optional[float]]
MISSING = "n/a"


def number(value: object) -> float:
    """A value of JSON as a number; NaN for none."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if is_number else math.nan  # type: ignore[arg-type]


def text(value: object, form: str) -> str:
    """A number in a format; n/a for none."""
    found = number(value)
    return format(found, form) if math.isfinite(found) else MISSING


def interval(values: Values, name: str, form: str = ".4f") -> str:
    """The interval of a metric; n/a where it has none."""
    low, high = number(values.get(name + "_low")), number(values.get(name + "_high"))
    if not (math.isfinite(low) and math.isfinite(high)):
        return MISSING
    return "{} to {}".format(format(low, form), format(high, form))


def with_interval(values: Values, name: str, form: str = ".4f") -> str:
    """A metric with its interval behind it, where it has one."""
    shown = text(values.get(name), form)
    around = interval(values, name, form)
    return shown if around == MISSING else "{} ({})".format(shown, around)


def size(num_bytes: float) -> str:
    """A number of bytes in the largest unit that leaves at least 1."""
    for unit in ("B", "kB", "MB", "GB"):
        if num_bytes < 1000:
            return "{:.3g} {}".format(num_bytes, unit)
        num_bytes /= 1000
    return "{:,.3g} TB".format(num_bytes)

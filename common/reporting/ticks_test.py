import math

import pytest

from common.reporting import ticks
from common.reporting.ticks import Axis


@pytest.mark.parametrize("low, high, expected", [
    (0.0, 1.0, ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
    (0.5, 0.75, ["0.50", "0.55", "0.60", "0.65", "0.70", "0.75"]),
    (0, 8000, ["0", "2000", "4000", "6000", "8000"]),
    (0, 50000, ["0", "10k", "20k", "30k", "40k", "50k"]),
    (-0.05, 0.15, ["-0.05", "0.00", "0.05", "0.10", "0.15"]),
    (0, 25e6, ["0", "5M", "10M", "15M", "20M", "25M"]),
    (1.0, 2.25, ["1.00", "1.25", "1.50", "1.75", "2.00", "2.25"]),
    (0, 5e-5, ["0", "1e-05", "2e-05", "3e-05", "4e-05", "5e-05"])])
def test_ticks_are_round_and_told_apart(low: float, high: float, expected: list) -> None:
    scale = ticks.scale_of(Axis("", low, high), [], 0, 100)
    assert ticks.labels(ticks.ticks(scale)) == expected


@pytest.mark.parametrize("values, ends", [
    ([0.512, 0.731], (0.5, 0.75)),
    ([3.0, math.nan, 97.0, math.inf], (0.0, 100.0)),
    ([0.7, 0.7], (0.5, 0.9)),
    ([0.0], (-0.6, 0.6)),
    ([], (0.0, 1.0)),
    ([-1234.5], (-1500.0, -900.0))])
def test_free_ends_are_round_numbers_around_the_data(values: list, ends: tuple) -> None:
    scale = ticks.scale_of(Axis("share"), values, 0, 100)
    assert (scale.low, scale.high) == pytest.approx(ends)
    finite = [value for value in values if math.isfinite(value)]
    assert all(scale.low <= value <= scale.high for value in finite)
    assert len(ticks.ticks(scale)) >= 2


def test_an_axis_that_is_given_one_end_has_length() -> None:
    scale = ticks.scale_of(Axis("", low=5.0), [1.0, 2.0], 0, 100)
    assert scale.low == 5.0 and scale.high > 5.0
    scale = ticks.scale_of(Axis("", high=0.0), [1.0], 0, 100)
    assert scale.high == 0.0 and scale.low < 0.0


def test_numbers_become_pixels_and_stay_on_the_plot() -> None:
    scale = ticks.Scale(0.0, 10.0, 100.0, 0.0)  # upwards, as pixels count downwards
    assert [scale(value) for value in (0, 2.5, 10, 99, -1)] == [100.0, 75.0, 0.0, 0.0, 100.0]


def test_numbers_beside_a_plot() -> None:
    values = [0.71234567, 12.0, 1234567.0, 12345.6, 0.0000123, math.nan, 0.0]
    assert [ticks.written(value) for value in values] == [
        "0.7123", "12", "1,234,567", "12,346", "1.23e-05", "n/a", "0"]

import numpy as np
import pytest

from common.optimizers.train_step import Training
from common.testing import known_gradients
from common.testing.known_gradients import KINDS, Step, V


def step(kind: str, optimizer: str, clip_norm: float, slices: int = 0) -> tuple:
    training = Training(optimizer, 1.0, known_gradients.toggles(kind, slices), clip_norm=clip_norm)
    return tuple(known_gradients.train(kind, training, 1))


def check(before: Step, after: Step, scale: float, change_of: object) -> None:
    rows = scale * known_gradients.gradient_of_rows()
    np.testing.assert_allclose(before.weight - after.weight, change_of(scale * V),  # type: ignore
                               rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(before.rows - after.rows, change_of(rows),  # type: ignore
                               rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("slices", [0, 2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_rows_that_are_named_twice_count_once_by_their_sum(kind: str, slices: int) -> None:
    norm = known_gradients.global_norm()
    before, after = step(kind, "gradientdescent", 0.3, slices)
    check(before, after, 0.3 / norm, lambda gradient: gradient)
    assert after.scalars["gradient_norm"] == pytest.approx(norm, rel=1e-5)


@pytest.mark.parametrize("optimizer", ["adagrad", "adagraddecay"])
@pytest.mark.parametrize("kind", KINDS)
def test_native_updates_get_the_clipped_gradient(kind: str, optimizer: str) -> None:
    before, after = step(kind, optimizer, 0.3)
    check(before, after, 0.3 / known_gradients.global_norm(),
          lambda gradient: gradient / np.sqrt(0.1 + gradient ** 2))


@pytest.mark.parametrize("kind", KINDS)
def test_a_gradient_below_the_norm_stays_as_it_is(kind: str) -> None:
    before, after = step(kind, "gradientdescent", 2 * known_gradients.global_norm())
    check(before, after, 1.0, lambda gradient: gradient)
    before, after = step(kind, "gradientdescent", 0.0)
    check(before, after, 1.0, lambda gradient: gradient)
    assert "gradient_norm" not in after.scalars

import pytest
import tensorflow.compat.v1 as tf

from common.callbacks.staging import Staging
from common.config.toggles import Toggles
from common.deeprec import symbols as deeprec

MODES = tf.estimator.ModeKeys


class Spec:
    """Hooks of an EstimatorSpec."""

    training_hooks = evaluation_hooks = ("before",)

    def _replace(self, **changes: object) -> object:
        return changes


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> None:
    """DeepRec's staging, as far as names go."""
    monkeypatch.setattr(deeprec, "has", lambda feature: feature == "smartstaged")
    monkeypatch.setattr(deeprec, "staged", lambda features, labels: ("staged", labels))
    monkeypatch.setattr(deeprec, "staging_hook", lambda: "hook")


def test_batches_are_staged_where_deeprec_serves_it(served: None) -> None:
    staging = Staging(Toggles(smartstaged=True))
    assert staging.batch("features", "labels", MODES.TRAIN) == ("staged", "labels")
    assert staging.change(Spec(), {}, MODES.TRAIN) == {"training_hooks": ["before", "hook"]}
    assert staging.change(Spec(), {}, MODES.EVAL) == {"evaluation_hooks": ["before", "hook"]}
    spec = Spec()
    assert staging.change(spec, {}, MODES.PREDICT) is spec


def test_off_without_the_flag(served: None) -> None:
    spec, staging = Spec(), Staging(Toggles())
    assert staging.batch("features", "labels", MODES.TRAIN) == ("features", "labels")
    assert staging.change(spec, {}, MODES.TRAIN) is spec


def test_off_on_stock_tensorflow() -> None:
    staging = Staging(Toggles(smartstaged=True))
    assert staging.batch("features", "labels", MODES.TRAIN) == ("features", "labels")

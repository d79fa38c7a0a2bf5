import glob
import os

import pytest

from common.callbacks.timeline import Timeline
from common.testing.steps import train_with


@pytest.mark.parametrize("steps, count", [(0, 0), (2, 3)])
def test_traces(tmp_path: object, steps: int, count: int) -> None:
    train_with(Timeline(steps, str(tmp_path)), [0.5] * 6, {})
    traces = glob.glob(os.path.join(str(tmp_path), "timeline-*.json"))
    assert len(traces) == count

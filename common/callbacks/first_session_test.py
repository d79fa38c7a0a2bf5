from typing import List

from common.callbacks.first_session import FirstSession
from common.testing.steps import train_with


def test_a_function_is_called_at_the_first_session_alone() -> None:
    calls: List[str] = []
    callback = FirstSession(lambda: calls.append("called"))
    assert calls == []
    for _ in range(2):
        train_with(callback, [0.5, 0.5], {})
        assert calls == ["called"]

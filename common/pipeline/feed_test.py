from typing import List

import pytest

from common.pipeline.feed import Feed, Item


def test_before_a_session_there_are_none() -> None:
    with pytest.raises(RuntimeError,
                       match="asks for work items before a session with the hook that takes them"):
        next(Feed().items())


def test_the_input_gets_what_the_line_is_answered() -> None:
    feed = Feed()
    line = feed.open(lambda: False)
    line.answer(Item(0, 3, 5))
    line.answer(None)
    assert list(feed.items()) == [Item(0, 3, 5)]


def test_an_error_on_the_line_is_raised() -> None:
    feed = Feed()
    feed.open(lambda: False).answer(ValueError("what was wrong"))
    with pytest.raises(ValueError, match="what was wrong"):
        next(feed.items())


def test_a_session_that_ends_ends_the_wait() -> None:
    feed = Feed()
    is_over: List[bool] = []
    feed.open(lambda: bool(is_over) or is_over.append(True) or False)
    assert list(feed.items()) == []

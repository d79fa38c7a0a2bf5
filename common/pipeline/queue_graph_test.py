import threading
import time
from typing import Callable, List, Optional

import pytest
import tensorflow.compat.v1 as tf

from common.kernels.pipeline.work_queue import END, ITEM, NOTHING_NOW, Assignment
from common.pipeline import queue_graph
from common.pipeline.feed import Feed, Item
from common.pipeline.queue_graph import Taking


class Shared:
    """What Taking calls of a queue; the ops are names, which the session below gives meaning."""

    def take(self, worker: str) -> str:
        return "take " + worker

    def release(self, worker: str) -> str:
        return "release " + worker

    def advance(self, worker: str, rows: object) -> str:
        return "alive " + worker


class Session:
    """Answers takes by `answers`, one after another, and notes what was run."""

    def __init__(self, answers: List[object]) -> None:
        self.answers, self.ran = answers, []

    def run(self, op: str, options: Optional[tf.RunOptions] = None) -> object:
        self.ran.append(op)
        if not op.startswith("take"):
            return None
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def begin(feed: Feed, session: Session, coord: tf.train.Coordinator) -> Taking:
    with tf.Graph().as_default():
        taking = Taking(Shared(), "w", None, feed)
    taking.after_create_session(session, coord)
    return taking


def taken(item: int) -> Assignment:
    return Assignment(ITEM, 0, item, 5)


@pytest.mark.slow
def test_items_come_one_at_a_time_until_the_end() -> None:
    feed, coord = Feed(), tf.train.Coordinator()
    session = Session(
        [taken(3), Assignment(NOTHING_NOW, 0, 0, 0),
         taken(4), Assignment(END, 0, 0, 0)])
    begin(feed, session, coord)
    items = feed.items()
    assert next(items) == Item(0, 3, 5)
    time.sleep(0.5)
    assert session.ran == ["release w", "take w"]  # none is taken ahead
    assert list(items) == [None, Item(0, 4, 5)]  # None: nothing now
    coord.request_stop()


def test_an_error_of_the_thread_ends_the_input() -> None:
    feed, coord = Feed(), tf.train.Coordinator()
    error = tf.errors.InvalidArgumentError(None, None, "what was wrong")
    begin(feed, Session([taken(1), error]), coord)
    with pytest.raises(tf.errors.InvalidArgumentError, match="what was wrong"):
        list(feed.items())
    assert feed.error is error
    coord.request_stop()


@pytest.mark.slow
@pytest.mark.parametrize("stops", [True, False])
def test_a_lost_server_leaves_the_step_time_to_fail_by_itself(
        stops: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_graph, "_LOSS_SECS", 1.0)
    feed, coord = Feed(), tf.train.Coordinator()
    begin(feed, Session([tf.errors.UnavailableError(None, None, "server gone")]), coord)
    if stops:
        threading.Timer(0.2, coord.request_stop).start()
        assert list(feed.items()) == [] and not feed.error
        return
    began = time.monotonic()
    with pytest.raises(tf.errors.UnavailableError, match="server gone"):
        next(feed.items())
    assert time.monotonic() - began >= 0.9
    coord.request_stop()


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_whoever_waits_leaves_when_the_session_ends_and_the_next_one_has_a_line_of_its_own(
) -> None:
    feed, coord = Feed(), tf.train.Coordinator()
    never = Session(100000 * [Assignment(NOTHING_NOW, 0, 0, 0)])
    begin(feed, never, coord)
    old: List[Optional[Item]] = []
    reader = threading.Thread(target=lambda: old.extend(feed.items()))
    reader.start()
    wait_until(lambda: "take w" in never.ran)
    coord.request_stop()
    reader.join(5)
    assert not reader.is_alive() and set(old) <= {None}
    again = tf.train.Coordinator()
    begin(feed, Session([taken(1), Assignment(END, 0, 0, 0)]), again)
    assert [item.item for item in feed.items()] == [1]
    again.request_stop()


def test_a_session_that_takes_nothing_shows_that_it_is_there(
        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_graph, "_ALIVE_SECS", 0.1)
    coord = tf.train.Coordinator()
    session = Session([])
    begin(Feed(), session, coord)
    wait_until(lambda: session.ran.count("alive w") >= 2)
    coord.request_stop()


def test_strays_are_said_once(capsys: pytest.CaptureFixture) -> None:
    with tf.Graph().as_default():
        taking = Taking(Shared(), "w", None, Feed())
    for strays in (0, 3, 4):
        taking.after_run(None, tf.train.SessionRunValues(strays, None, None))
    assert capsys.readouterr().err.count("the rows that it had read are trained twice") == 1

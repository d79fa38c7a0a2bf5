import pytest
import tensorflow.compat.v1 as tf

from common.callbacks.queue_record import QueueRecord
from common.config.schema import ROW

MODES = tf.estimator.ModeKeys


class Queue:
    """Notes the rows that it is attached to."""

    def attach(self, spec: object, rows: object) -> object:
        self.rows = rows
        return "changed", "taking"


def test_training_steps_tell_the_queue_their_rows() -> None:
    queue = Queue()
    callback = QueueRecord(queue)  # type: ignore[arg-type]
    assert callback.change("spec", {ROW: "rows"}, MODES.TRAIN) == "changed"
    assert callback.hooks("changed") == ["taking"] and queue.rows == "rows"


@pytest.mark.parametrize("queue, mode", [(None, MODES.TRAIN), (Queue(), MODES.EVAL),
                                         (Queue(), MODES.PREDICT)])
def test_otherwise_nothing_is_added(queue: object, mode: str) -> None:
    callback = QueueRecord(queue)  # type: ignore[arg-type]
    assert callback.change("spec", {ROW: "rows"}, mode) == "spec"
    assert callback.hooks("spec") == []

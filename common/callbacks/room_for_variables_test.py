from typing import Any

import pytest
import tensorflow.compat.v1 as tf

from common.callbacks.room_for_variables import RoomForVariables
from common.errors import BadInput

TRAIN = tf.estimator.ModeKeys.TRAIN
KILO = 1000


def check(memory: int, mode: str = TRAIN) -> Any:
    """Checks a graph with 2 KB in a small variable, 8 KB in a large one and 40 KB on a server."""
    with tf.Graph().as_default():
        tf.get_variable("small", [250, 2], tf.float32)
        tf.get_variable("large", [1000], tf.int64, tf.zeros_initializer())
        with tf.device("/job:ps/task:1"):
            tf.get_variable("served", [10000], tf.float32)
        return RoomForVariables(lambda: memory).change("spec", {}, mode)


def test_variables_that_fit_change_nothing() -> None:
    assert check(10 * KILO) == "spec"
    assert check(1, tf.estimator.ModeKeys.EVAL) == "spec"


def test_variables_that_cannot_fit_are_refused_with_the_largest() -> None:
    message = (r"the variables of this model take 0.0 GB, and this process may use 0.0 GB of "
               r"memory. The largest is large, int64 of \[1000\], with 0.0 GB. Give its column "
               r"fewer buckets or a smaller width; or train with --ev")
    with pytest.raises(BadInput, match=message):
        check(10 * KILO - 1)


def test_sizes_are_in_gigabytes() -> None:
    with tf.Graph().as_default():
        tf.get_variable("table", [2 ** 31 - 1, 16], initializer=tf.zeros_initializer())
        with pytest.raises(BadInput, match=r"take 137.4 GB, and .* may use 64.0 GB"):
            RoomForVariables(lambda: 64 * 10 ** 9).change("spec", {}, TRAIN)

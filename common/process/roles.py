"""What the processes of a cluster do besides steps: serve, evaluate, wait for others, and end.

Whether training is over stands in the folder of checkpoints alone, so every process may be killed
and restarted at any moment.
"""

import json
import os
import time
from typing import Callable, ContextManager, Dict, Optional

import tensorflow.compat.v1 as tf

from common import tf_private
from common.config.cluster import GRACE_SECS, Cluster
from common.errors import Stopped
from common.kernels import native
from common.log import log
from common.process import waiting

_POLL_SECS = 2.0
_LINGER_SECS = GRACE_SECS - 60.0  # the rest is for ending by itself, not by SIGKILL
# What a step may raise after a server was restarted: MonitoredSession recovers from most of them,
# but not within a save.
LOSSES = (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.FailedPreconditionError,
          tf.errors.DeadlineExceededError, tf.errors.CancelledError)


def serve(cluster: Cluster, config: tf.estimator.RunConfig, is_over: Callable[[], bool],
          wait_secs: float) -> None:
    """A parameter server: serves until training is over and no trainer is left.

    After a signal it goes on serving while a trainer is reachable, for up to four minutes: the
    chief gets the same signal, and can save the variables only from here.

    Raises:
      NeverCame: no trainer was reachable for wait_secs.
      Stopped: a signal came.
    """
    native.load()  # graphs of the trainers place native ops on this server
    server = tf.train.Server(config.cluster_spec, "ps", cluster.task, config=config.session_config,
                             protocol=config.protocol)
    log("ps-{} serves at {}".format(cluster.task, server.target))
    trainers = cluster.processes("chief", "worker")

    def is_served() -> bool:
        return any(waiting.is_reachable(address) for address in trainers.values())

    def describe() -> str:
        return "one of " + ", ".join(waiting.missing(trainers))

    try:
        while not is_over() or is_served():
            waiting.wait(lambda: is_served() or is_over(), describe, wait_secs)
            time.sleep(_POLL_SECS)
    except Stopped:
        stopped_at = time.monotonic()
        while is_served() and time.monotonic() - stopped_at < _LINGER_SECS:
            time.sleep(0.2)
        raise
    log("training is over and no trainer is left")


def await_servers(cluster: Cluster, is_over: Callable[[], bool], wait_secs: float) -> None:
    """Waits until each server can be reached, or training is over.

    Raises:
      NeverCame: it took longer than wait_secs.
    """
    servers = cluster.processes("ps")

    def describe() -> str:
        return ", ".join(waiting.missing(servers))

    waiting.wait(lambda: is_over() or not describe(), describe, wait_secs)


def await_metrics(path: str, steps: int, wait_secs: float) -> None:
    """Waits until the evaluator has written the metrics of the last step.

    Raises:
      NeverCame: it took longer than wait_secs.
    """
    def is_there() -> bool:
        if not os.path.exists(path):
            return False
        with open(path) as file:
            return json.load(file)["global_step"] >= steps

    waiting.wait(is_there, lambda: "the evaluator to write {}".format(path), wait_secs)


def evaluate_each(evaluate: Callable[[str], Dict[str, float]], checkpoint_dir: str,
                  cluster: Cluster, is_last: Callable[[int], bool],
                  wait_secs: float) -> Dict[str, float]:
    """Evaluates each new checkpoint of a folder; returns the metrics of the last one.

    Args:
      evaluate: gives the metrics of a checkpoint, `global_step` among them.
      is_last: whether a step's checkpoint is the last one of the run.

    Raises:
      NeverCame: no checkpoint came, and the chief was not reachable, for wait_secs.
    """
    def newest() -> Optional[str]:
        return tf.train.latest_checkpoint(checkpoint_dir)

    evaluated: Optional[str] = None
    values: Dict[str, float] = {}
    (chief, address), = cluster.processes("chief").items()

    def is_done() -> bool:
        return bool(values) and is_last(int(values["global_step"]))

    def is_new() -> bool:
        return newest() not in (None, evaluated)

    wanted = "a checkpoint of {} ({})".format(chief, address)
    while not is_done():
        waiting.wait(lambda: is_done() or is_new(), lambda: wanted, wait_secs,
                     is_coming=lambda: waiting.is_reachable(address))
        if is_done():
            break
        checkpoint = newest()
        try:
            values = evaluate(str(checkpoint))
        except (ValueError, tf.errors.NotFoundError, tf.errors.DataLossError):
            if newest() == checkpoint:
                raise
            continue  # the chief removed its files when it saved the next
        evaluated = checkpoint
        if not is_done():
            log_areas(values)
    return values


def log_areas(values: Dict[str, float]) -> None:
    """Logs the AUC of each task in the metrics of a checkpoint, `global_step` among them."""
    areas = ["{} {:.4f}".format(name, value) for name, value in sorted(values.items())
             if name.endswith("/auc")]
    log("step {}: {}".format(values["global_step"], ", ".join(areas)))


def quick_recovery() -> ContextManager[None]:
    """Sessions that wait for the chief look again every 2 s."""
    return tf_private.recovery_wait_secs(_POLL_SECS)

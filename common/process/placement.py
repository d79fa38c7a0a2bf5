"""Which process of a cluster with parameter servers holds a variable or runs an operation."""

from typing import Callable, List, Optional

import tensorflow.compat.v1 as tf

from common.config.cluster import Cluster

_VARIABLES = ("Variable", "VariableV2", "VarHandleOp")


class BySize:
    """A strategy of replica_device_setter: each variable goes to the server that holds the fewest
    bytes so far.

    Every process builds its variables in the same order, so all arrive at the same placement.

    Attributes:
      load: the bytes that each server holds.
    """

    def __init__(self, num_servers: int) -> None:
        self.load: List[int] = num_servers * [0]

    def __call__(self, op: tf.Operation) -> int:
        """The server of a variable's op."""
        server = self.load.index(min(self.load))
        num_elements = tf.TensorShape(op.get_attr("shape")).num_elements()
        self.load[server] += num_elements * op.get_attr("dtype").size
        return server


def device_fn(cluster: Cluster) -> Optional[Callable[[tf.Operation], str]]:
    """Places variables on the servers and everything else on this process; None without servers."""
    servers = cluster.jobs.get("ps", [])
    if not servers:
        return None
    setter = tf.train.replica_device_setter(
        worker_device=cluster.device, ps_tasks=len(servers), ps_ops=_VARIABLES,
        ps_strategy=BySize(len(servers)))
    return lambda op: setter(op)  # RunConfig refuses a device_fn whose argument has another name


def device_filters(cluster: Cluster) -> List[str]:
    """The devices that this process' session uses.

    Without other trainers among them, a session neither waits for their start nor fails when one
    ends.
    """
    return ["/job:ps", cluster.device]

"""Where the variables and the operations of a process live in a cluster with parameter servers."""

from typing import Callable, List, Optional

import tensorflow.compat.v1 as tf

from common.config.cluster import Cluster

_VARIABLES = ("Variable", "VariableV2", "VarHandleOp")


class BySize:
    """A strategy of replica_device_setter: each variable to the server that holds the fewest bytes so far.

    Every process builds its variables in the same order and so comes to the same answer.
    """

    def __init__(self, num_servers: int) -> None:
        self.load: List[int] = num_servers * [0]

    def __call__(self, op: tf.Operation) -> int:
        """The server of a variable's op."""
        server = self.load.index(min(self.load))
        self.load[server] += tf.TensorShape(op.get_attr("shape")).num_elements() * op.get_attr("dtype").size
        return server


def device_fn(cluster: Cluster) -> Optional[Callable[[tf.Operation], str]]:
    """Variables on the servers, all else on this process; None without servers."""
    servers = cluster.jobs.get("ps", [])
    if not servers:
        return None
    setter = tf.train.replica_device_setter(
        worker_device="/job:{}/task:{}".format(cluster.role, cluster.task), ps_tasks=len(servers),
        ps_ops=_VARIABLES, ps_strategy=BySize(len(servers)))
    return lambda op: setter(op)  # RunConfig wants an argument of this name


def device_filters(cluster: Cluster) -> List[str]:
    """The processes that this one talks to: a trainer does not wait for other trainers, nor ends with them."""
    return ["/job:ps", "/job:{}/task:{}".format(cluster.role, cluster.task)]

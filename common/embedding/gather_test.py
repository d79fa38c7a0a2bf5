from typing import List

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from common.config.cluster import Cluster
from common.embedding import gather
from common.process import placement

JOB = Cluster({"chief": ["c:1"], "ps": ["p:1", "q:1"]}, "chief", 0)
IDS = [[3, 3, 0, 7], [1], [], [5, 5, 5]]


def build(slices: int = 1) -> List[tf.Tensor]:
    """The sum of squares of all rows, its gradient in each table, and the rows, for four tables."""
    partitioner = tf.fixed_size_partitioner(slices) if slices > 1 else None
    tables = [tf.get_variable("table_{}".format(i), [8, 4], partitioner=partitioner,
                              initializer=tf.random_normal_initializer(seed=i)) for i in range(4)]
    rows = gather.rows_of(
        tables, [tf.placeholder_with_default(np.array(ids, np.int32), [None]) for ids in IDS])
    total = tf.add_n([tf.reduce_sum(part ** 2) for part in rows])
    parts = [part for table in tables for part in (list(table) if slices > 1 else [table])]
    return [total, *tf.gradients(total, parts, colocate_gradients_with_ops=True), *rows]


@pytest.mark.slow
@pytest.mark.parametrize("slices", [1, 3])
def test_placed_on_servers_or_not_rows_and_gradients_are_the_same(slices: int) -> None:
    results = []
    for distributed in (False, True):
        with tf.Graph().as_default() as graph:
            tf.set_random_seed(1)
            with tf.device(placement.device_fn(JOB) if distributed else None):
                wanted = build(slices)
        local = tf.Graph()  # the same graph without its devices, so that one process can run it
        definition = graph.as_graph_def()
        for node in definition.node:
            node.device = ""
        with local.as_default(), tf.Session() as session:
            tf.import_graph_def(definition, name="")
            session.run([op for op in local.get_operations() if op.type == "Assign"])
            dense = []
            for tensor in wanted:
                if isinstance(tensor, tf.IndexedSlices):
                    values, indices = session.run([tensor.values.name, tensor.indices.name])
                    tensor_value = np.zeros([8, 4], np.float32)
                    np.add.at(tensor_value, indices, values)
                    dense.append(tensor_value)
                else:
                    dense.append(session.run(tensor.name))
        results.append(dense)
    for plain, placed in zip(*results):
        np.testing.assert_allclose(placed, plain, rtol=1e-5, atol=1e-6)


def test_tables_of_several_widths_lie_on_one_server() -> None:
    with tf.Graph().as_default(), tf.device("/job:ps/task:0"):
        tables = [tf.get_variable(name, [8, width]) for name, width in zip("abc", (4, 2, 4))]
        rows = gather.rows_of(tables, [tf.constant([1, 1]), tf.constant([3]), tf.constant([2])])
    assert [part.shape.as_list()[-1] for part in rows] == [4, 2, 4]


def crosses(tensor: tf.Tensor, consumer: tf.Operation) -> bool:
    """Whether numbers go from one process to another, one of them a server."""
    if tensor.dtype.base_dtype != tf.float32 or tensor.device == consumer.device:
        return False
    return "ps" in tensor.device + consumer.device


def is_initial(tensor: tf.Tensor) -> bool:
    """Whether a tensor is on the way to a variable's initial value."""
    return "Initializer" in tensor.name or "random" in tensor.name


def test_one_tensor_goes_to_a_server_and_one_comes_back() -> None:
    with tf.Graph().as_default() as graph, tf.device(placement.device_fn(JOB)):
        build()
    crossing = [(tensor, consumer.device)
                for op in graph.get_operations()
                for tensor in op.outputs
                for consumer in tensor.consumers() if crosses(tensor, consumer)]
    for server in ("/job:ps/task:0", "/job:ps/task:1"):
        from_server = {tensor.name for tensor, _ in crossing if tensor.device == server}
        to_server = {tensor.name for tensor, device in crossing
                     if device == server and not is_initial(tensor)}
        assert len(from_server) == 1 and len(to_server) <= 1, (from_server, to_server)

import tensorflow.compat.v1 as tf

from common.config.cluster import Cluster
from common.process import placement

JOB = Cluster({"chief": ["c:1"], "worker": ["w:1"], "ps": ["p:1", "q:1"]}, "worker", 0)


def test_variables_go_to_the_server_with_the_fewest_bytes() -> None:
    with tf.Graph().as_default(), tf.device(placement.device_fn(JOB)):
        sizes = [100, 10, 20, 80, 5]
        variables = [tf.get_variable("v{}".format(size), [size, 4]) for size in sizes]
        resource = tf.get_variable("resource", [7], use_resource=True)
        total = tf.add_n([tf.reduce_sum(variable) for variable in variables])
    assert [v.device for v in variables] == ["/job:ps/task:{}".format(i) for i in (0, 1, 1, 1, 0)]
    assert resource.device == "/job:ps/task:0"
    assert total.device == "/job:worker/task:0"


def test_slices_of_a_variable_are_placed_one_by_one() -> None:
    with tf.Graph().as_default(), tf.device(placement.device_fn(JOB)):
        table = tf.get_variable("table", [12, 4], partitioner=tf.fixed_size_partitioner(3))
        assert [part.device for part in table] == ["/job:ps/task:{}".format(i) for i in (0, 1, 0)]


def test_slots_stay_with_their_variable() -> None:
    with tf.Graph().as_default(), tf.device(placement.device_fn(JOB)):
        big, small = tf.get_variable("big", [100]), tf.get_variable("small", [10])
        optimizer = tf.train.AdagradOptimizer(0.1)
        optimizer.minimize(tf.reduce_sum(big) + tf.reduce_sum(small))
        for variable in (big, small):
            assert optimizer.get_slot(variable, "accumulator").device == variable.device


def test_without_servers_everything_is_here() -> None:
    assert placement.device_fn(JOB._replace(jobs={"chief": ["c:1"]}, role="chief")) is None


def test_a_trainer_talks_to_servers_alone() -> None:
    assert placement.device_filters(JOB) == ["/job:ps", "/job:worker/task:0"]

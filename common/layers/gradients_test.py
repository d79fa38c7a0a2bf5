import gc
import weakref
from typing import Callable, List, Tuple

import numpy as np
import tensorflow.compat.v1 as tf

from common.layers.gradients import custom_gradient


def test_a_gradient_takes_the_place_of_the_functions_own() -> None:
    @custom_gradient
    def scaled(
            x: tf.Tensor,
            y: tf.Tensor,
    ) -> Tuple[tf.Tensor, Callable[[tf.Tensor], List[tf.Tensor]]]:
        return x * y, lambda upstream: [5 * upstream, 7 * upstream]

    @custom_gradient
    def shifted(x: tf.Tensor) -> Tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
        return x + 1, lambda upstream: 11 * upstream

    with tf.Graph().as_default(), tf.Session() as session:
        x, y = tf.constant([2.0]), tf.constant([3.0])
        output = scaled(x, y) + shifted(x)
        values = session.run([output] + tf.gradients(2 * output, [x, y]))
    np.testing.assert_array_equal(values, [[9], [10 + 22], [14]])


def test_a_graph_goes_when_nobody_uses_it() -> None:
    graph = tf.Graph()
    with graph.as_default():
        x = tf.constant([1.0])
        tf.gradients(custom_gradient(lambda x: (x, lambda upstream: upstream))(x), x)
    gone = weakref.ref(graph)
    del graph, x
    gc.collect()
    assert gone() is None

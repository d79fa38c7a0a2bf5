"""Functions with gradients of their own."""

import functools
from typing import Callable, Dict, List, Sequence, Tuple, Union

import tensorflow.compat.v1 as tf

Gradients = Union[tf.Tensor, Sequence[tf.Tensor]]
Gradient = Callable[[tf.Tensor], Gradients]

_GIVEN = ("__gradients",)  # not a string, so that no MetaGraph holds it


def custom_gradient(function: Callable[..., Tuple[tf.Tensor, Gradient]]) -> Callable[..., tf.Tensor]:
    """What tf.custom_gradient does, for graphs, and for functions of tensors alone.

    TensorFlow registers each use of its own under a new name for the life of the process, and with it the graph, so a
    process that evaluates many checkpoints grows by a graph each time. Here a graph holds the gradients of its uses.

    Args:
      function: tensors -> (tensor, what makes the gradients of the tensors from the gradient of the result).

    Returns:
      tensors -> the tensor.
    """
    @functools.wraps(function)
    def call(*inputs: tf.Tensor) -> tf.Tensor:
        result, gradient = function(*inputs)
        graph = tf.get_default_graph()
        with graph.gradient_override_map({"IdentityN": "ZooGiven"}):
            output = tf.identity_n([result, *inputs])[0]
        _given(graph)[output.op] = gradient
        return output

    return call


def _given(graph: tf.Graph) -> Dict[tf.Operation, Gradient]:
    """The gradients that uses in a graph were given, by the operation that stands for the use."""
    kept = graph.get_collection_ref(_GIVEN)
    if not kept:
        kept.append({})
    return kept[0]


@tf.RegisterGradient("ZooGiven")
def _given_gradient(op: tf.Operation, upstream: tf.Tensor, *_: tf.Tensor) -> List[tf.Tensor]:
    gradient = _given(op.graph).get(op)
    if gradient is None:
        raise LookupError("{} has a gradient in the graph in which it was made alone, not in copies.".format(op.name))
    made = gradient(upstream)
    return [None, *made] if isinstance(made, (list, tuple)) else [None, made]

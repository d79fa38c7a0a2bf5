"""Functions with gradients of their own."""

import functools
from typing import Callable, Dict, List, Sequence, Tuple, Union

import tensorflow.compat.v1 as tf

Gradients = Union[tf.Tensor, Sequence[tf.Tensor]]
Gradient = Callable[[tf.Tensor], Gradients]
Function = Callable[..., Tuple[tf.Tensor, Gradient]]

_TYPE = "ZooCustomGradient"
# A tuple, as TensorFlow tries to write every collection whose key is a string into each MetaGraph.
_KEY = ("custom_gradients",)


def custom_gradient(function: Function) -> Callable[..., tf.Tensor]:
    """What tf.custom_gradient does, for graphs, and for functions of tensors alone.

    TensorFlow registers each use of its own under a new name for the life of the process, and with
    it the graph, so a process that evaluates many checkpoints grows by a graph each time. Here a
    graph holds the gradients of its uses.

    Args:
      function: tensors -> (tensor, what makes the gradients of the tensors from the gradient of the
        result).

    Returns:
      tensors -> the tensor.
    """
    @functools.wraps(function)
    def call(*inputs: tf.Tensor) -> tf.Tensor:
        result, gradient = function(*inputs)
        graph = tf.get_default_graph()
        # IdentityN takes the inputs too: tf.gradients passes through it in place of the ops that
        # made the result.
        with graph.gradient_override_map({"IdentityN": _TYPE}):
            output = tf.identity_n([result, *inputs])[0]
        _gradients_of(graph)[output.op] = gradient
        return output

    return call


def _gradients_of(graph: tf.Graph) -> Dict[tf.Operation, Gradient]:
    """The gradients of a graph's custom functions, by the IdentityN of each use."""
    tables = graph.get_collection_ref(_KEY)
    if not tables:
        tables.append({})
    return tables[0]


@tf.RegisterGradient(_TYPE)
def _gradient(op: tf.Operation, upstream: tf.Tensor, *_: tf.Tensor) -> List[tf.Tensor]:
    """Of the result, which IdentityN passes on first, and of each input by the function's own
    gradient.
    """
    gradient = _gradients_of(op.graph).get(op)
    if gradient is None:
        raise LookupError(
            "{} has a gradient only in the graph in which it was made, not in copies.".format(
                op.name))
    gradients = gradient(upstream)
    if not isinstance(gradients, (list, tuple)):
        gradients = [gradients]
    return [None, *gradients]

"""TensorFlow without two costs of a graph that no test looks at."""

import functools
import inspect
from typing import Any

from tensorflow.python.training import training_util
from tensorflow.python.util import tf_inspect

_inspected = functools.lru_cache(maxsize=4096)(inspect.getfullargspec)


def skip_costs() -> None:
    """Writes no graph.pbtxt, and inspects each function once.

    A CheckpointSaverHook prints its graph as text when a session starts, which takes up to half as
    long as building it. TensorFlow's decorators of deprecated arguments look up the signature of
    what they decorate in every call.
    """
    training_util.write_graph = _write_nothing
    tf_inspect._getfullargspec = _full_argspec


def _write_nothing(*_: object, **__: object) -> None:
    """In place of training_util.write_graph."""


def _full_argspec(target: Any) -> inspect.FullArgSpec:
    try:
        spec = _inspected(target)
    except TypeError:  # it cannot be hashed, or has no signature
        return inspect.getfullargspec(target)
    return spec._replace(args=list(spec.args))  # the Estimator removes 'self' from the list it gets

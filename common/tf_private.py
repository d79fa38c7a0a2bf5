"""TensorFlow's private names: the one file that a change inside TensorFlow can break.

Nothing else imports tensorflow.python or reads a name of TensorFlow's with a leading underscore,
apart from methods that tf.train.Optimizer calls in its subclasses. tf_private_test.py shows what
each of these is relied on for.
"""

import contextlib
import functools
import inspect
import weakref
from typing import Any, Callable, Iterator, List, NamedTuple, Optional, Sequence, Union

import tensorflow.compat.v1 as tf
from tensorflow.core.framework.variable_pb2 import VariableDef  # noqa: F401
from tensorflow.python.client.timeline import Timeline
from tensorflow.python.ops import resources
from tensorflow.python.ops.lookup_ops import MutableHashTable  # noqa: F401
from tensorflow.python.ops.variables import PartitionedVariable, _all_saveable_objects  # noqa: F401
from tensorflow.python.training import training_util
from tensorflow.python.training.checkpoint_management import update_checkpoint_state_internal
from tensorflow.python.training.saver import BulkSaverBuilder
from tensorflow.python.training.saving.saveable_object import SaveableObject, SaveSpec  # noqa: F401
from tensorflow.python.util import tf_inspect

# PartitionedVariable: what tf.get_variable returns under a partitioner; no public name tells it
# from a variable. MutableHashTable: tf.contrib has it too, but importing tf.contrib takes seconds.
# SaveableObject, SaveSpec: what tf.train.Saver saves besides variables; they have no public name.
# VariableDef: a variable as a graph's file holds it, with its slice of a partitioned one.


class SelfRestoring(SaveableObject):
    """A SaveableObject that reads the checkpoint itself, whatever tensors it has there.

    A SaveableObject of TensorFlow's own gets its tensors read, just as many as it saves and under
    the same names.

    Attributes:
      needs_tensors: whether a checkpoint without its tensors cannot be restored.
    """

    needs_tensors = True

    def restore_from(self, path: tf.Tensor) -> tf.Operation:
        """Restores from the checkpoint whose files have this prefix, string scalar."""
        raise NotImplementedError


def save_whole(names: Sequence[str], tensors: Sequence[tf.Tensor]) -> List[SaveSpec]:
    """The specs of a SaveableObject that saves tensors under these names."""
    return [SaveSpec(tensor, "", name) for name, tensor in zip(names, tensors)]


def read(path: tf.Tensor, names: Union[tf.Tensor, Sequence[str]],
         dtypes: Sequence[tf.DType], slices: Sequence[str] = ()) -> List[tf.Tensor]:
    """The tensors of those names in a checkpoint.

    Args:
      slices: which part of each is read, as a checkpoint names the parts of sliced variables; all
        of them where it is empty.
    """
    # Public, but unlike its siblings without a name outside of raw_ops.
    return tf.raw_ops.RestoreV2(
        prefix=path,
        tensor_names=names,
        shape_and_slices=list(slices) or len(dtypes) * [""],
        dtypes=dtypes)


class SaverBuilder(BulkSaverBuilder):
    """The `builder` of a tf.train.Saver of SelfRestoring objects."""

    def _AddRestoreOps(self, filename_tensor: tf.Tensor, saveables: List[SaveableObject],
                       *args: object, **kwargs: object) -> tf.Operation:
        # Not bulk_restore, the hook meant for this: its result must have a tensor for each one
        # saved.
        plain = [saveable for saveable in saveables if not isinstance(saveable, SelfRestoring)]
        restored = []
        if plain:
            restored.append(super()._AddRestoreOps(filename_tensor, plain, *args, **kwargs))
        for saveable in saveables:
            if isinstance(saveable, SelfRestoring):
                restored.append(saveable.restore_from(filename_tensor))
        return tf.group(*restored)


def all_saveables() -> List[object]:
    """What a tf.train.Saver of the default graph saves: variables and SaveableObjects."""
    # tf.global_variables() and GraphKeys.SAVEABLE_OBJECTS in the Saver's own order.
    return _all_saveable_objects()


def write_checkpoint_state(folder: str, paths: Sequence[str]) -> None:
    """Names checkpoints, oldest first, in a folder's `checkpoint` file, relative to the folder."""
    # tf.train.update_checkpoint_state writes absolute paths, which break when the folder moves.
    update_checkpoint_state_internal(folder, paths[-1], list(paths), save_relative_paths=True)


class Slice(NamedTuple):
    """Where a slice of a partitioned variable lies: whole's name and shape, first index, shape."""

    full_name: str
    full_shape: List[int]
    offset: List[int]
    shape: List[int]

    @property
    def spec(self) -> str:
        """The slice as checkpoints name it."""
        return tf.Variable.SaveSliceInfo(*self).spec


def slice_of(variable: tf.Variable) -> Optional[Slice]:
    """Where a variable lies in a partitioned one, None for a whole variable."""
    # A slice knows its place only for savers; its own name and shape do not tell it.
    info = variable._get_save_slice_info()
    return Slice(info.full_name, info.full_shape, info.var_offset, info.var_shape) if info else None


def set_slice(variable: tf.Variable, place: Slice) -> None:
    """Tells savers that a variable is that slice of a whole."""
    # Slots get the place of their variable, which is wrong for slots of another shape.
    variable._set_save_slice_info(tf.Variable.SaveSliceInfo(*place))


def full_name(variable: tf.Variable) -> str:
    """A variable's name in checkpoints: for a slice, that of the whole."""
    place = slice_of(variable)
    return place.full_name if place else variable.op.name


def full_shape(variable: tf.Variable) -> List[int]:
    """A variable's shape in checkpoints: for a slice, that of the whole."""
    place = slice_of(variable)
    return list(place.full_shape) if place else variable.shape.as_list()


def is_reference(variable: tf.Variable) -> bool:
    """Whether a variable's tensor can be written in place; not so of a resource variable."""
    # TensorFlow 1.15 has no public name that tells the two kinds of variables apart.
    return variable.dtype._is_ref_dtype


def reference(variable: tf.Variable) -> tf.Tensor:
    """The tensor of a variable that native ops write in place."""
    # Converting a variable to a tensor gives a copy, which an op's Ref input refuses.
    return variable._ref()


def register_resource(handle: tf.Tensor, make: tf.Operation, is_there: tf.Tensor) -> None:
    """Has sessions of the graph run `make`, and wait until `is_there`, as they do for variables."""
    # Scaffolds initialize and await the resources of a private collection; its only writer is
    # private.
    resources.register_resource(handle, make, is_there)


def initialize_resources() -> tf.Operation:
    """Makes the resources of the default graph."""
    return resources.initialize_resources(resources.shared_resources())


def uninitialized_resources() -> tf.Tensor:
    """The names of the default graph's resources that are not there yet, string [N]."""
    return resources.report_uninitialized_resources()


@contextlib.contextmanager
def recovery_wait_secs(secs: float) -> Iterator[None]:
    """Sessions made meanwhile ask every `secs` whether the chief has set the variables."""
    # The 30 s of TensorFlow's are a default that MonitoredSession gives no way to set.
    init = tf.train.SessionManager.__init__
    tf.train.SessionManager.__init__ = functools.partialmethod(init, recovery_wait_secs=secs)
    try:
        yield
    finally:
        tf.train.SessionManager.__init__ = init


class AdamNumbers(NamedTuple):
    """The numbers of an Adam step: rate and powers are scalar tensors, the others floats."""

    rate: tf.Tensor
    beta1: float
    beta2: float
    epsilon: float
    beta1_power: tf.Tensor
    beta2_power: tf.Tensor


def adam_numbers(optimizer: tf.train.AdamOptimizer) -> AdamNumbers:
    """The numbers with which an optimizer updates; to be asked within its apply_gradients()."""
    # Native ops stand in for TensorFlow's within one optimizer, so they share its powers, which are
    # private.
    power1, power2 = optimizer._get_beta_accumulators()
    floats = optimizer._beta1, optimizer._beta2, optimizer._epsilon
    return AdamNumbers(optimizer._lr_t, *floats, power1, power2)


def adagrad_rate(optimizer: tf.train.AdagradOptimizer) -> tf.Tensor:
    """The learning rate of an optimizer, scalar; to be asked within its apply_gradients()."""
    # One constant for all variables: asking for another would change the graph, and its seeds.
    return optimizer._learning_rate_tensor


def save_now(hook: tf.train.CheckpointSaverHook, session: tf.Session, step: int) -> bool:
    """Saves a checkpoint as the hook does on its clock; whether a listener asks for a stop."""
    # The hook saves on its own clock alone, and a second hook would save everything twice.
    return bool(hook._save(session, step))


class Profiler(tf.train.ProfilerHook):
    """Hands a Chrome trace of every so many steps, as text, to a function with the step.

    Args:
      folder: of the events for TensorBoard that go with the traces.
    """

    def __init__(self, steps: int, folder: str, write: Callable[[int, str], None]) -> None:
        super().__init__(steps, output_dir=folder)
        self._write = write

    def _save(self, step: int, _: str, step_stats: object) -> None:
        # The hook writes in place, under names that say nothing of the process.
        self._write(step, Timeline(step_stats).generate_chrome_trace_format())


def write_no_graph_texts() -> None:
    """Lets no session of this process write graph.pbtxt from now on; for tests, to be quick."""
    # A CheckpointSaverHook prints its graph as text when a session starts, which takes up to half
    # as long as building it, and no argument prevents that.
    training_util.write_graph = _write_nothing


def _write_nothing(*_: object, **__: object) -> None:
    """In place of training_util.write_graph."""


# Weak: what a function has closed over, often a whole graph, would stay with it else.
_inspected: "weakref.WeakKeyDictionary[Any, inspect.FullArgSpec]" = weakref.WeakKeyDictionary()


def inspect_once() -> None:
    """Lets TensorFlow look up each function's signature once in this process, from now on.

    For tests, to be quick.
    """
    # Its decorators of deprecated arguments look up what they decorate in every call.
    tf_inspect._getfullargspec = _full_argspec


def _full_argspec(target: Any) -> inspect.FullArgSpec:
    target = getattr(target, "__func__", target)  # of a method, whose object would be kept with it
    try:
        spec = _inspected.get(target)
        if spec is None:
            spec = _inspected[target] = inspect.getfullargspec(target)
    except TypeError:  # it cannot be a key, or has no signature
        return inspect.getfullargspec(target)
    return spec._replace(args=list(spec.args))  # the Estimator removes 'self' from the list it gets

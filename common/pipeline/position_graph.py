"""The place of a run in its rows, in the graph of training: in its step and in its checkpoints.

The plan and the counts stand beside the global step, so that all trainers of a cluster read them
from one place: a trainer that was restarted alone resumes where its own count is.
"""

from typing import Callable, List, Sequence, Tuple

import numpy as np
import tensorflow.compat.v1 as tf

from common import tf_private
from common.pipeline import position
from common.pipeline.identity import Rows
from common.pipeline.plans import Plan
from common.pipeline.position import Place, Reading, Saved
from common.tf_private import SelfRestoring

_PREFIX = "position/"
_PLAN, _TRAINED = _PREFIX + "plan", _PREFIX + "trained"
QUEUE_PREFIX = "work_queue/"
QUEUE_ROWS, QUEUE_TRAINED = QUEUE_PREFIX + "rows", QUEUE_PREFIX + "trained"


class Position:
    """The variables of the default graph that say where training is.

    Attributes:
      plan: which rows each trainer reads, as Plan.to_json writes it; string scalar.
      trained: how many rows of it each trainer has trained, int64 [N].

    Args:
      reading: how the rows are read.
      client: the device of this process, which reads checkpoints.
    """

    def __init__(self, reading: Reading, client: str) -> None:
        first = position.resume(None, reading)
        # In no collection, as savers would miss them in checkpoints of earlier versions. Resource
        # variables, as tf.data does not optimize an input that depends on others.
        with tf.colocate_with(tf.train.get_global_step(), ignore_existing=True):
            self.plan = tf.get_variable(
                _PLAN, [], tf.string, tf.constant_initializer(first.plan.to_json()),
                trainable=False, collections=[], use_resource=True)
            self.trained = tf.get_variable(
                _TRAINED, [reading.trainers], tf.int64, tf.zeros_initializer(), trainable=False,
                collections=[], use_resource=True)
        variables = [self.plan, self.trained]
        initializer = tf.group(*[variable.initializer for variable in variables])
        is_there = tf.stack([tf.is_variable_initialized(variable) for variable in variables])
        tf_private.register_resource(self.trained, initializer, tf.reduce_all(is_there))
        # Savers save what is in this collection along with the variables.
        tf.add_to_collection(
            tf.GraphKeys.SAVEABLE_OBJECTS, _Saved(self.plan, self.trained, reading, client))

    def read(self, trainer: int) -> List[tf.Tensor]:
        """The plan, string scalar, and the count of a trainer, int64 scalar."""
        return [tf.identity(self.plan), tf.identity(self.trained)[trainer]]

    def now(self, session: tf.Session) -> Place:
        """Where training is."""
        plan, trained = session.run([self.plan, self.trained])
        return Place(Plan.from_json(plan.decode()), tuple(trained.tolist()))

    def count(self, step: tf.Operation, trainer: int, rows: tf.Tensor) -> tf.Operation:
        """A training step that also counts its rows, int scalar, for a trainer."""
        number = tf.cast(rows, tf.int64)
        with tf.control_dependencies([step]), tf.colocate_with(self.trained):
            return tf.raw_ops.ResourceScatterAdd(
                resource=self.trained.handle, indices=[trainer], updates=[number])


class _Saved(SelfRestoring):
    """The place in checkpoints; it is restored from those of any plan, or of none."""

    needs_tensors = False

    def __init__(self, plan: tf.Variable, trained: tf.Variable, reading: Reading,
                 client: str) -> None:
        self._plan, self._trained = plan, trained
        self._reading, self._client = reading, client
        with tf.colocate_with(trained):
            tensors = [tf.identity(plan), tf.identity(trained)]
        specs = tf_private.save_whole([_PLAN, _TRAINED], tensors)
        super().__init__(trained, specs, "position")

    def restore_from(self, path: tf.Tensor) -> tf.Operation:
        """Sets the place to where training resumes after the checkpoint with this prefix."""
        return self._set_by(lambda path: read_saved(path.decode()), [path])

    def restore(self, restored_tensors: Sequence[tf.Tensor],
                restored_shapes: object) -> tf.Operation:
        """The same for TensorFlow's own savers, as DeepRec's increments use them.

        They need a checkpoint that has a place.
        """
        def read(plan: bytes, trained: np.ndarray) -> Saved:
            return Saved(0, Plan.from_json(plan.decode()), tuple(trained.tolist()))

        return self._set_by(read, restored_tensors)

    def _set_by(self, read: Callable[..., Saved], inputs: Sequence[tf.Tensor]) -> tf.Operation:
        """Sets the place to where training resumes after what a function makes of tensors."""
        def resume(*values: object) -> Tuple[bytes, np.ndarray]:
            place = position.resume(read(*values), self._reading)
            return place.plan.to_json().encode(), np.array(place.trained, np.int64)

        with tf.device(self._client):
            plan, trained = tf.py_func(resume, inputs, [tf.string, tf.int64])
        plan.set_shape([])
        trained.set_shape([self._reading.trainers])
        with tf.colocate_with(self._trained):
            return tf.group(self._plan.assign(plan), self._trained.assign(trained))


def read_saved(path: str) -> Saved:
    """What the checkpoint with this prefix says of the rows that were trained."""
    checkpoint = tf.train.load_checkpoint(path)
    saved = Saved(int(checkpoint.get_tensor(tf.GraphKeys.GLOBAL_STEP)))
    if checkpoint.has_tensor(_PLAN):
        plan = Plan.from_json(checkpoint.get_tensor(_PLAN).decode())
        trained = tuple(checkpoint.get_tensor(_TRAINED).tolist())
        return saved._replace(plan=plan, trained=trained)
    if checkpoint.has_tensor(QUEUE_ROWS):
        rows = Rows.from_json(checkpoint.get_tensor(QUEUE_ROWS).decode())
        trained_rows = int(checkpoint.get_tensor(QUEUE_TRAINED))
        return saved._replace(queue_rows=rows, queue_trained=trained_rows)
    return saved

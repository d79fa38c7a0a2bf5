"""Full checkpoints of a graph: what saves and restores its variables in every mode."""

import glob
import os
import time
from typing import Dict, List, Optional

import tensorflow.compat.v1 as tf

from common.checkpoint import leftovers, tables
from common.embedding import graph_record
from common.errors import BadInput, in_one_line
from common.tf_private import SaverBuilder, full_name, full_shape


class Saver(tf.train.Saver):
    """Saves and restores all variables and GraphKeys.SAVEABLE_OBJECTS of the default graph.

    A restored checkpoint is not written over itself when training resumes: TensorFlow writes an
    index file in place, so that a kill meanwhile would leave no checkpoint at all.

    Args:
      keep: newest checkpoints kept.
    """

    def __init__(self, keep: int) -> None:
        self._restored: Optional[str] = None
        self._keep = keep
        variables = tf.global_variables()
        self._shapes = {full_name(variable): _shape_of(variable) for variable in variables}
        self._tables = tables.restorers()
        is_exported = bool(graph_record.of_graph().served_tables)
        self._of_variables: Optional[tf.train.Saver] = None
        if is_exported:
            self._of_variables = tf.train.Saver(variables, sharded=True)
        super().__init__(
            sharded=True,
            max_to_keep=keep,
            save_relative_paths=True,
            builder=SaverBuilder())
        if is_exported:
            # A loader of the exported graph would take the tables' names there for operations.
            tf.get_default_graph().clear_collection(tf.GraphKeys.SAVEABLE_OBJECTS)

    def has(self, save_path: str, global_step: Optional[int]) -> bool:
        """Whether the variables were restored from the checkpoint that save() would write."""
        return self._restored == "{}-{}".format(save_path, global_step)

    def save(self, sess: tf.Session, save_path: str, global_step: Optional[int] = None,
             **kwargs: object) -> str:
        """Saves as tf.train.Saver does; returns the prefix of the files."""
        if self.has(save_path, global_step):
            return str(self._restored)
        self._restored = None
        self._forget_oldest()
        try:
            return super().save(sess, save_path, global_step, **kwargs)
        except tf.errors.ResourceExhaustedError as error:
            raise _no_space(os.path.dirname(save_path), error)

    def _forget_oldest(self) -> None:
        """Removes checkpoints beyond those that are kept, of a start that kept more of them.

        TensorFlow removes one at each save.
        """
        paths = self.last_checkpoints
        for path in paths[:-self._keep]:
            tf.train.remove_checkpoint(path)
        now = time.time()
        self.set_last_checkpoints_with_time([(path, now) for path in paths[-self._keep:]])

    def restore(self, sess: tf.Session, save_path: str) -> None:
        """Restores as tf.train.Saver does, and the embedding variables from any number of parts.

        Raises:
          BadInput: the checkpoint is of a model with other variables.
        """
        checkpoint = tf.train.load_checkpoint(save_path)
        _check(save_path, checkpoint, self._shapes)
        # Tables come first: the other trainers wait for the variables alone.
        for table in self._tables:
            table.restore(sess, save_path, checkpoint)
        if self._of_variables:
            self._of_variables.restore(sess, save_path)
        else:
            super().restore(sess, save_path)
        self._restored = save_path


def _no_space(folder: str, error: tf.errors.OpError) -> BadInput:
    """The error of a disk that is full; removes what was half written, so that it is not fuller."""
    leftovers.remove(leftovers.of_saves(folder))
    newest = tf.train.latest_checkpoint(folder)
    size = ""
    if newest:
        parts = glob.glob(glob.escape(newest) + ".*")
        size = "; the last one has {:,.0f} MB".format(sum(map(os.path.getsize, parts)) / 1e6)
    return BadInput(
        "{}: there is no space for a checkpoint{}. What was half written is removed. Free some "
        "space, or keep fewer by --keep_checkpoint_max: the same command resumes from {}. "
        "TensorFlow says: {}".format(
            folder, size, newest or "the start", in_one_line(error.message)))


def _shape_of(variable: tf.Variable) -> Optional[List[int]]:
    """A variable's shape, or that of the whole of which it is a slice; None where it may change."""
    return full_shape(variable) if variable.shape.is_fully_defined() else None


def _check(path: str, checkpoint: tf.train.NewCheckpointReader,
           shapes: Dict[str, Optional[List[int]]]) -> None:
    """Raises BadInput for variables that a checkpoint lacks, or has in another shape."""
    absent = sorted(name for name in shapes if not checkpoint.has_tensor(name))
    if absent:
        raise BadInput("{}: it lacks {} of {} variables, such as {}: it was made with other flags. "
                       "Go on with those, or give another --checkpoint.".format(
                           path, len(absent), len(shapes), absent[0]))
    there = checkpoint.get_variable_to_shape_map()
    others = sorted(name for name in shapes if shapes[name] not in (None, there[name]))
    if others:
        raise BadInput("{}: {} of {} variables have another shape, such as {}, which is {} there "
                       "and {} here: it was made with another schema or other flags. Go on with "
                       "those, or give another --checkpoint.".format(
                           path, len(others), len(shapes), others[0], there[others[0]],
                           shapes[others[0]]))

"""The checkpoints of a graph: what saves and restores its variables in every mode."""

from typing import List, Optional, Sequence

import tensorflow.compat.v1 as tf
from tensorflow.python.training import saver as tf_saver

from common.checkpoint import table_saving
from common.embedding import graph_record
from common.errors import BadInput
from common.optimizers.adam_async import full_name


class Builder(tf_saver.BulkSaverBuilder):
    """Makes a Saver's operations; a saveable may read the checkpoint itself.

    A SaveableObject with an attribute `restore_from` is asked for none of its tensors: its restore() gets
    [prefix of the checkpoint's files, string scalar] in their place. It may so read tensors whose shapes the graph
    does not know.
    """

    def _AddRestoreOps(self, filename_tensor: tf.Tensor, saveables: List[object], *args: object,
                       **kwargs: object) -> tf.Operation:
        # Not bulk_restore, which has to give a saveable as many tensors as it saves.
        plain = [saveable for saveable in saveables if not hasattr(saveable, "restore_from")]
        restored = [super()._AddRestoreOps(filename_tensor, plain, *args, **kwargs)] if plain else []
        restored += [saveable.restore([filename_tensor], None)  # type: ignore[attr-defined]
                     for saveable in saveables if hasattr(saveable, "restore_from")]
        return tf.group(*restored)


class Saver(tf.train.Saver):
    """Saves and restores all variables and GraphKeys.SAVEABLE_OBJECTS of the default graph.

    What was restored is not written over itself when training goes on: TensorFlow writes an index file in place, so
    that a kill meanwhile would leave no checkpoint at all.

    Args:
      keep: newest checkpoints kept.
    """

    def __init__(self, keep: int) -> None:
        self._restored: Optional[str] = None
        self._needed = sorted({full_name(variable) for variable in tf.global_variables()})
        self._tables = table_saving.restorers()
        is_exported = bool(graph_record.of_graph().served_tables)
        self._of_variables = tf.train.Saver(tf.global_variables(), sharded=True) if is_exported else None
        super().__init__(sharded=True, max_to_keep=keep, save_relative_paths=True, builder=Builder())
        if is_exported:  # whose names in an exported graph would be taken for those of operations
            tf.get_default_graph().clear_collection(tf.GraphKeys.SAVEABLE_OBJECTS)

    def has(self, save_path: str, global_step: Optional[int]) -> bool:
        """Whether the variables were restored from the checkpoint that save() would write."""
        return self._restored == "{}-{}".format(save_path, global_step)

    def save(self, sess: tf.Session, save_path: str, global_step: Optional[int] = None, **kwargs: object) -> str:
        """Saves as tf.train.Saver does; returns the prefix of the files."""
        if self.has(save_path, global_step):
            return str(self._restored)
        self._restored = None
        return super().save(sess, save_path, global_step, **kwargs)

    def restore(self, sess: tf.Session, save_path: str) -> None:
        """Restores as tf.train.Saver does, and the embedding variables from however many parts they were saved in.

        Raises:
          BadInput: the checkpoint is of a model with other variables.
        """
        checkpoint = tf.train.load_checkpoint(save_path)
        _check(save_path, checkpoint, self._needed)
        for table in self._tables:  # before the variables, for which the other trainers wait
            table.restore(sess, save_path, checkpoint)
        if self._of_variables:
            self._of_variables.restore(sess, save_path)
        else:
            super().restore(sess, save_path)
        self._restored = save_path


def _check(path: str, checkpoint: tf.train.NewCheckpointReader, names: Sequence[str]) -> None:
    """Raises BadInput for variables that a checkpoint lacks."""
    lacking = [name for name in names if not checkpoint.has_tensor(name)]
    if lacking:
        raise BadInput("{}: it lacks {} of {} variables, such as {}: it was made with other flags. Go on with those, "
                       "or give another --checkpoint.".format(path, len(lacking), len(names), lacking[0]))

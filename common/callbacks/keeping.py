"""Checkpoints, and the increments between them."""

import enum
import functools
from typing import Callable, Optional, TypeVar

import tensorflow.compat.v1 as tf

from common.callbacks.callback import Callback, Hooks, Listeners, Tensors, Trainer
from common.checkpoint import increment_files, increments, newest, table_sizes
from common.checkpoint.increment_hook import SaveEvery
from common.config.run import Run
from common.deeprec import symbols as deeprec
from common.process import roles

Value = TypeVar("Value")


class Increments(enum.Enum):
    """Who saves increments between full checkpoints."""

    NOBODY = "nobody"
    OURS = "ours"
    DEEPREC = "DeepRec"


def increments_of(run: Run) -> Increments:
    """Who saves the increments of a run."""
    if not run.incremental_ckpt:
        return Increments.NOBODY
    return Increments.DEEPREC if deeprec.has("incremental_ckpt") else Increments.OURS


def first_step(run: Run) -> int:
    """The step at which training resumes."""
    return resumed(run, increment_files.step_of) or 0


def resumed(run: Run, of: Callable[[str], Value]) -> Optional[Value]:
    """What a function reads from the files from which training resumes; None if there are none."""
    if increments_of(run) is Increments.OURS:
        return newest.read_resumed(run.checkpoint_dir, of)
    return newest.read(run.checkpoint_dir, of)


class Keeping(Callback):
    """Saves checkpoints and increments, and restores what was saved when a session begins.

    An Estimator adds a saver hook by itself, but ahead of the model's hooks, so that a checkpoint
    would be saved before anything could object to it; here the hook stands where the list of
    callbacks has it.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._increments = increments_of(run)

    def attach(self, trainer: Trainer) -> None:
        """Asks the trainer for listeners, and tells it of saves."""
        self._trainer = trainer

    def change(self, spec: tf.estimator.EstimatorSpec, features: Tensors,
               mode: str) -> tf.estimator.EstimatorSpec:
        """Gives the graph the saver that knows embedding variables and increments."""
        run, is_training = self._run, mode == tf.estimator.ModeKeys.TRAIN
        if is_training and self._increments is Increments.DEEPREC:
            return spec._replace(scaffold=deeprec.scaffold(run.keep_checkpoint_max))
        incremental = is_training and self._increments is Increments.OURS
        return increments.with_saver(spec, run.checkpoint_dir, run.keep_checkpoint_max, incremental)

    def hooks(self, spec: tf.estimator.EstimatorSpec) -> Hooks:
        """What saves, in the chief alone."""
        if not self._trainer.config.is_chief:
            return []
        self.saver = self._make_saver(spec)
        if self._increments is Increments.OURS:
            return [self.saver, self._make_incremental(spec)]
        return [self.saver]

    def listeners(self) -> Listeners:
        """What counts and evicts keys of embedding variables."""
        return table_sizes.listeners(self._run.result_dir)

    def _make_saver(self, spec: tf.estimator.EstimatorSpec) -> tf.train.CheckpointSaverHook:
        make: Callable[..., tf.train.CheckpointSaverHook] = tf.train.CheckpointSaverHook
        if self._increments is Increments.DEEPREC:
            make = functools.partial(deeprec.saver_hook, self._run.incremental_ckpt)
        config = self._trainer.config
        told = _SavingTold(self._trainer.tell_saving)
        return make(config.model_dir, config.save_checkpoints_secs, config.save_checkpoints_steps,
                    scaffold=spec.scaffold, listeners=[*self._trainer.listeners(), told])

    def _make_incremental(self, spec: tf.estimator.EstimatorSpec) -> SaveEvery:
        losses = roles.LOSSES if self._run.cluster else ()
        return SaveEvery(spec.scaffold.saver, self._run.incremental_ckpt, self._run.steps,
                         self._trainer.tell_saving, losses)


class _SavingTold(tf.train.CheckpointSaverListener):
    """Tells when a checkpoint is being saved (True) and when it is saved (False).

    It is the last listener, so that what the others do with a checkpoint counts as saving it.
    """

    def __init__(self, tell: Callable[[bool], None]) -> None:
        self._tell = tell

    def before_save(self, session: tf.Session, global_step_value: int) -> None:
        """Saving begins."""
        self._tell(True)

    def after_save(self, session: tf.Session, global_step_value: int) -> None:
        """The checkpoint is there, and every other listener has seen it."""
        self._tell(False)

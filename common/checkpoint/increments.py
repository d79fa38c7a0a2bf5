"""Incremental checkpoints: between two full ones, what was touched since the first of them, every few seconds.

Each is cumulative: with the full checkpoint that it builds on, it gives the variables of its step, bit by bit.

DeepRec feature: incremental checkpoints (its docs/docs_en/Incremental-Checkpoint.md).
"""

import os
import time
from typing import Callable, Optional, Tuple, Type

import tensorflow.compat.v1 as tf
from tensorflow.python.ops import resources

from common.checkpoint import increment_files, saving, table_saving, touched
from common.config.flag_types import FEATURES, FlagParser, count
from common.log import log
from common.optimizers import updates
from common.optimizers.adam_async import full_name


def add_flags(parser: FlagParser) -> None:
    """Adds the flag of how often increments are saved."""
    parser.group(FEATURES).add_argument(
        "--incremental_ckpt", type=count, default=0, metavar="SECS",
        help="seconds between incremental checkpoints of the rows touched since the last whole "
             "one; 0: none (default 0)")


class Saver(saving.Saver):
    """A Saver of full checkpoints and of increments on top of them; restores both. For a graph with touched.track.

    Args:
      folder: of the full checkpoints.
      keep: newest full checkpoints kept, and newest increments.
    """

    def __init__(self, folder: str, keep: int) -> None:
        super().__init__(keep)
        self._folder = os.path.join(folder, increment_files.FOLDER)
        self._newest: Optional[int] = None
        self._generation, since, base = touched.generation(), touched.since(), touched.base()
        self._variables = touched.variables()
        saveables = touched.saveables()
        self._increments = tf.train.Saver(saveables, sharded=True, max_to_keep=keep, save_relative_paths=True,
                                          builder=saving.Builder(), name="save_increment")
        self._names = touched.names(saveables)
        self._lacking = tf.identity(tf.report_uninitialized_variables(self._variables))
        self._next = self._generation.assign_add(1)
        self._values = [tf.placeholder(tf.int32, []), tf.placeholder(tf.string, [])]
        self._follow = [since.assign(self._values[0]), base.assign(self._values[1])]

    def start(self, sess: tf.Session) -> None:
        """Begins where there is no checkpoint."""
        sess.run([variable.initializer for variable in self._variables])
        increment_files.remove_all_but(self._folder, [])

    def save(self, sess: tf.Session, save_path: str, global_step: Optional[int] = None, **kwargs: object) -> str:
        """Saves a full checkpoint that the next increments build on; returns the prefix of its files."""
        if self.has(save_path, global_step):
            return super().save(sess, save_path, global_step, **kwargs)
        generation = int(sess.run(self._next))
        path = super().save(sess, save_path, global_step, **kwargs)
        self._build_on(sess, path, generation, int(global_step or 0))
        return path

    def save_increment(self, sess: tf.Session, step: int) -> None:
        """Saves what was touched since the last full checkpoint, unless there is none or nothing came after it."""
        if self._newest is None or step <= self._newest:
            return
        os.makedirs(self._folder, exist_ok=True)
        self._increments.save(sess, os.path.join(self._folder, "model.ckpt"), step, write_meta_graph=False)
        self._newest = step

    def restore(self, sess: tf.Session, save_path: str) -> None:
        """Restores a full checkpoint and the newest increment on top of it, and says which ones cannot be used.

        The marks go first and the generation comes last where it was lost with its server, so that no other process
        takes a step meanwhile, or none whose rows are not marked.
        """
        lacking = {name.decode() for name in sess.run(self._lacking)}
        is_lost = self._generation.op.name in lacking
        sess.run([variable.initializer for variable in self._variables if variable is not self._generation and (
            is_lost or variable.op.name in lacking)])
        generation = 1 if is_lost else int(sess.run(self._next))
        super().restore(sess, save_path)
        newest = self._choose(save_path)
        self._build_on(sess, save_path, generation, newest.step)
        if newest.path:
            self._increments.restore(sess, newest.path)
        if is_lost:
            sess.run(self._generation.initializer)

    def _choose(self, full: str) -> increment_files.Newest:
        newest = increment_files.find(full, self._names)
        for path, reason in newest.unusable.items():
            log("{} is left out: {}".format(path, reason))
        kept = [path for path in increment_files.listed(self._folder) if path not in newest.unusable]
        increment_files.remove_all_but(self._folder, kept)
        self._increments.recover_last_checkpoints(kept)
        return newest

    def _build_on(self, sess: tf.Session, full: str, generation: int, step: int) -> None:
        sess.run(self._follow, dict(zip(self._values, (generation, increment_files.identity(full)))))
        self._newest = step


class SaveEvery(tf.train.SessionRunHook):
    """Saves an increment every so many seconds.

    Args:
      last_step: of training; a full checkpoint is saved there, and an increment would keep it from being the end.
      note: is told when an increment is being saved (True) and when it is saved (False).
      losses: errors that mean a lost process of a cluster. The next step finds it missing and mends what can be mended.
    """

    def __init__(self, saver: Saver, secs: float, last_step: int, note: Callable[[bool], None] = lambda _: None,
                 losses: Tuple[Type[Exception], ...] = ()) -> None:
        self._saver, self._secs, self._last_step, self._note, self._losses = saver, secs, last_step, note, losses
        self._saved_at = 0.0
        self._global_step = tf.train.get_global_step()

    def begin(self) -> None:
        """Says what makes increments large."""
        tables = {full_name(table) for table in updates.whole_tables()}
        if tables:
            log("the optimizer moves all rows of a table in each step, so increments hold all {} tables whole".format(
                len(tables)))

    def after_create_session(self, session: tf.Session, coord: tf.train.Coordinator) -> None:
        """Starts the clock."""
        self._saved_at = time.monotonic()

    def after_run(self, run_context: tf.train.SessionRunContext, run_values: object) -> None:
        """Saves if it is time to."""
        if time.monotonic() - self._saved_at < self._secs:
            return
        self._saved_at = time.monotonic()
        self._note(True)
        try:
            step = int(run_context.session.run(self._global_step))
            if step < self._last_step:
                self._saver.save_increment(run_context.session, step)
        except self._losses as error:
            log("an increment was not saved, as a process was lost: {}".format(error))
        finally:
            self._note(False)


def with_saver(spec: tf.estimator.EstimatorSpec, folder: str, keep: int,
               incremental: bool) -> tf.estimator.EstimatorSpec:
    """The spec whose scaffold saves and restores the checkpoints of its graph.

    Args:
      folder: of the checkpoints.
      keep: newest checkpoints kept, and newest increments.
      incremental: whether the graph trains and saves increments.
    """
    if incremental:
        return _with_increments(spec, folder, keep)
    return spec._replace(scaffold=tf.train.Scaffold(saver=saving.Saver(keep), copy_from_scaffold=spec.scaffold))


def _with_increments(spec: tf.estimator.EstimatorSpec, folder: str, keep: int) -> tf.estimator.EstimatorSpec:
    """The spec of a training step that marks rows, and whose scaffold saves and restores increments."""
    table_saving.contribute()
    spec = spec._replace(train_op=touched.track(spec.train_op))
    saver = Saver(folder, keep)
    ready = tf.concat([tf.report_uninitialized_variables(), resources.report_uninitialized_resources(),
                       tf.report_uninitialized_variables(touched.variables())], axis=0)
    return spec._replace(scaffold=tf.train.Scaffold(
        saver=saver, init_fn=lambda _, session: saver.start(session), ready_op=ready,
        copy_from_scaffold=spec.scaffold))

"""Incremental checkpoints: between two full ones, what was touched since the first of them.

Each is cumulative: with the full checkpoint that it builds on, it gives the variables of its step,
bit by bit.

DeepRec feature: incremental checkpoints (its docs/docs_en/Incremental-Checkpoint.md).
"""

import os
from typing import List, Optional, Sequence, Set

import tensorflow.compat.v1 as tf

from common import tf_private
from common.checkpoint import generations, increment_files, table_increments, touched_rows
from common.checkpoint.generations import Tracked
from common.checkpoint.saver import Saver
from common.config.flag_types import FEATURES, FlagParser, count
from common.log import log
from common.optimizers import updates
from common.tf_private import SaveableObject, SaverBuilder, SelfRestoring, full_name


def add_flags(parser: FlagParser) -> None:
    """Adds the flag of how often increments are saved."""
    parser.group(FEATURES).add_argument(
        "--incremental_ckpt", type=count, default=0, metavar="SECS",
        help="seconds between incremental checkpoints of the rows touched since the last whole "
             "one; 0: none (default 0)")


class IncrementSaver(Saver):
    """A Saver of full checkpoints and of increments on top of them; restores both.

    Args:
      folder: of the full checkpoints.
      keep: newest full checkpoints kept, and newest increments.
      tracked: the training step of the default graph.
    """

    def __init__(self, folder: str, keep: int, tracked: Tracked) -> None:
        super().__init__(keep)
        self._folder = os.path.join(folder, increment_files.FOLDER)
        self._newest: Optional[int] = None
        self._generation, since, base = tracked.generations
        self._variables = tracked.variables
        saveables = _saveables(tracked)
        self._increments = tf.train.Saver(
            saveables,
            sharded=True,
            max_to_keep=keep,
            save_relative_paths=True,
            builder=SaverBuilder(),
            name="save_increment")
        self._tensors = _tensor_names(saveables)
        unset = tf.report_uninitialized_variables(self._variables)
        self._unset = tf.identity(unset)
        self._next = self._generation.assign_add(1)
        self._new_since = tf.placeholder(tf.int32, [])
        self._new_base = tf.placeholder(tf.string, [])
        self._follow = [since.assign(self._new_since), base.assign(self._new_base)]

    def start(self, sess: tf.Session) -> None:
        """Begins where there is no checkpoint."""
        sess.run([variable.initializer for variable in self._variables])
        increment_files.remove_all_but(self._folder, [])

    def save(self, sess: tf.Session, save_path: str, global_step: Optional[int] = None,
             **kwargs: object) -> str:
        """Saves a full checkpoint that the next increments build on; returns its prefix."""
        if self.has(save_path, global_step):
            return super().save(sess, save_path, global_step, **kwargs)
        generation = int(sess.run(self._next))
        path = super().save(sess, save_path, global_step, **kwargs)
        self._build_on(sess, path, generation, int(global_step or 0))
        return path

    def save_increment(self, sess: tf.Session, step: int) -> None:
        """Saves what was touched since the last full checkpoint, if there is one and any news."""
        if self._newest is None or step <= self._newest:
            return
        os.makedirs(self._folder, exist_ok=True)
        path = os.path.join(self._folder, "model.ckpt")
        self._increments.save(sess, path, step, write_meta_graph=False)
        self._newest = step

    def restore(self, sess: tf.Session, save_path: str) -> None:
        """Restores a full checkpoint and the newest increment on top of it.

        Logs which newer increments cannot be used.
        """
        is_lost = self._initialize_marks(sess)
        generation = 1 if is_lost else int(sess.run(self._next))
        super().restore(sess, save_path)
        newest = self._choose(save_path)
        self._build_on(sess, save_path, generation, newest.step)
        if newest.path:
            self._increments.restore(sess, newest.path)
        if is_lost:
            sess.run(self._generation.initializer)

    def _initialize_marks(self, sess: tf.Session) -> bool:
        """Sets marks that are not there; returns whether the generation was lost with its server.

        All marks are set then, and the generation comes last, so that no other process takes a step
        meanwhile, or none whose rows are not marked.
        """
        names = sess.run(self._unset)
        unset = {name.decode() for name in names}
        is_lost = self._generation.op.name in unset
        marks = [variable for variable in self._variables if variable is not self._generation]
        if not is_lost:
            marks = [variable for variable in marks if variable.op.name in unset]
        sess.run([variable.initializer for variable in marks])
        return is_lost

    def _choose(self, full: str) -> increment_files.Newest:
        """The increment to restore on top of a full checkpoint; removes those of no use."""
        newest = increment_files.find(full, self._tensors)
        for path, reason in newest.unusable.items():
            log("{} is left out: {}".format(path, reason))
        usable = [path for path in increment_files.listed(self._folder)
                  if path not in newest.unusable][-self._keep:]
        increment_files.remove_all_but(self._folder, usable)
        self._increments.recover_last_checkpoints(usable)
        return newest

    def _build_on(self, sess: tf.Session, full: str, generation: int, step: int) -> None:
        """Has the next increments hold what is touched from a generation on."""
        base = increment_files.identity(full)
        feed = {self._new_since: generation, self._new_base: base}
        sess.run(self._follow, feed)
        self._newest = step


def _saveables(tracked: Tracked) -> List[object]:
    """What an increment holds: the contributions, all else of a full checkpoint, and the base."""
    replaced: Set[int] = set()
    rows = []
    for contribution in tracked.contributions:
        replaced.update(id(part) for part in contribution.replaces)
        rows.append(contribution.saveable)
    saveables = tf_private.all_saveables()
    whole = [part for part in saveables if id(part) not in replaced]
    return [*whole, *rows, tracked.generations.base]


def _tensor_names(saveables: Sequence[object]) -> List[str]:
    """The names of the tensors that a restore reads, of variables and SaveableObjects."""
    names = []
    for part in saveables:
        if isinstance(part, SelfRestoring) and not part.needs_tensors:
            continue
        if isinstance(part, SaveableObject):
            names += [spec.name for spec in part.specs]
        else:
            names.append(full_name(part))
    return names


def with_saver(
        spec: tf.estimator.EstimatorSpec,
        folder: str,
        keep: int,
        incremental: bool) -> tf.estimator.EstimatorSpec:
    """The spec whose scaffold saves and restores the checkpoints of its graph.

    Args:
      folder: of the checkpoints.
      keep: newest checkpoints kept, and newest increments.
      incremental: whether the graph trains and saves increments.
    """
    if incremental:
        return _with_increments(spec, folder, keep)
    # An Estimator saves with the saver of its Scaffold; it has no other place for one.
    scaffold = tf.train.Scaffold(saver=Saver(keep), copy_from_scaffold=spec.scaffold)
    return spec._replace(scaffold=scaffold)


def _with_increments(
        spec: tf.estimator.EstimatorSpec,
        folder: str,
        keep: int) -> tf.estimator.EstimatorSpec:
    """The spec of a training step that marks rows, with a saver of increments."""
    tracked = track(spec.train_op)
    saver = IncrementSaver(folder, keep, tracked)
    unset = [tf.report_uninitialized_variables(), tf_private.uninitialized_resources(),
             tf.report_uninitialized_variables(tracked.variables)]
    # Trainers wait until nothing of ready_op is left; by default it knows global variables only.
    scaffold = tf.train.Scaffold(
        saver=saver,
        init_fn=lambda _, session: saver.start(session),
        ready_op=tf.concat(unset, axis=0),
        copy_from_scaffold=spec.scaffold)
    return spec._replace(train_op=tracked.train_op, scaffold=scaffold)


def track(train_op: tf.Operation) -> Tracked:
    """The training step of the default graph that also marks the rows it has touched."""
    counters = generations.make()
    contributions = table_increments.contributions(counters)
    by_rows = updates.recorded().by_rows
    contributions += touched_rows.contributions(by_rows, counters)
    return generations.track(train_op, counters, contributions)

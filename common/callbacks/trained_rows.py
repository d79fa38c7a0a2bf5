"""The count of the rows that were trained, and the wait for those of other trainers at the end."""

from typing import Dict, List, Optional, Tuple

import tensorflow.compat.v1 as tf

from common.callbacks.callback import Callback, Hooks, Protocol, Tensors, Trainer
from common.config.cluster import Cluster
from common.config.run import Run
from common.counts import counted
from common.errors import Lost
from common.process import waiting


class Counter(Protocol):
    """What counts the rows; common.rows.FilePart is one."""

    def count(self, step: tf.Operation, rows: tf.Tensor) -> tf.Operation:
        """A training step that also counts its rows, int scalar."""

    def rows_left(self, session: tf.Session) -> List[int]:
        """How many rows each trainer has left of the epochs of the run."""


class TrainedRows(Callback):
    """Counts the rows of each step where the trainers read parts of the files.

    Stands behind what replaces batches, and before what saves: a chief whose part is read waits for
    the other trainers before the last checkpoint.

    Args:
      counter: None where a work queue gives out the rows.
    """

    def __init__(self, run: Run, counter: Optional[Counter]) -> None:
        self._run = run
        self._counter = counter
        self._size: Optional[tf.Tensor] = None

    def attach(self, trainer: Trainer) -> None:
        """Takes what says whether the run ends for another reason."""
        self._trainer = trainer

    def batch(self, features: Tensors, labels: Tensors, mode: str) -> Tuple[Tensors, Tensors]:
        """Leaves the batch as it is and takes its size."""
        self._size = tf.shape(next(iter(labels.values())))[0]
        return features, labels

    def change(self, spec: tf.estimator.EstimatorSpec, features: Tensors,
               mode: str) -> tf.estimator.EstimatorSpec:
        """Adds the count to the step."""
        if not self._counter or mode != tf.estimator.ModeKeys.TRAIN:
            return spec
        return spec._replace(train_op=self._counter.count(spec.train_op, self._size))

    def hooks(self, spec: tf.estimator.EstimatorSpec) -> Hooks:
        """What waits at the end of the epochs, in clusters of several trainers."""
        cluster = self._run.cluster
        if not self._counter or not self._run.epochs or not cluster or cluster.num_trainers == 1:
            return []
        return [_AwaitTrainers(self._counter, self._trainer, cluster)]


class _AwaitTrainers(tf.train.SessionRunHook):
    """At the end of this trainer's rows, waits until the others have read theirs.

    The chief saves the last checkpoint only then. A worker stays until it is saved: if the chief is
    lost before, what the worker has trained since the checkpoint before has to be trained again.
    """

    def __init__(self, counter: Counter, trainer: Trainer, cluster: Cluster) -> None:
        self._counter = counter
        self._trainer = trainer
        self._cluster = cluster
        self._global_step = tf.train.get_global_step()

    def end(self, session: tf.Session) -> None:
        """Waits, unless training ends for another reason than the end of the rows.

        Raises:
          NeverCame: a trainer that has rows left could not be reached for --wait_secs.
          Lost: the chief was lost, and with it what this trainer has trained.
        """
        if self._ends_otherwise(session) or self._cluster.name in self._left(session):
            return
        try:
            waiting.wait(
                lambda: self._ends_otherwise(session) or self._others_are_done(session),
                lambda: self._describe(session), self._trainer.run.wait_secs, self._are_there)
            if self._cluster.role == "worker":
                self._await_last_checkpoint(session)
        finally:
            self._trainer.tell_saving(False)

    def _ends_otherwise(self, session: tf.Session) -> bool:
        """Whether a signal, an early end or the last step ends training."""
        trainer = self._trainer
        if trainer.signals.received or trainer.ended_early():
            return True
        max_steps = trainer.max_steps
        return max_steps is not None and int(session.run(self._global_step)) >= max_steps

    def _left(self, session: tf.Session) -> Dict[str, int]:
        """Trainer -> its rows left, of those that have any."""
        trainers = self._cluster.processes("chief", "worker")
        left = zip(trainers, self._counter.rows_left(session))
        return {name: rows for name, rows in left if rows}

    def _others_are_done(self, session: tf.Session) -> bool:
        """Whether no other trainer has rows left, once this one has none."""
        self._tell_waiting()
        left = self._left(session)
        self._check_not_set_back(left)
        return not left

    def _tell_waiting(self) -> None:
        # Whoever watches for steps that do not end takes this for a save, which takes its time.
        self._trainer.tell_saving(True)

    def _check_not_set_back(self, left: Dict[str, int]) -> None:
        """Raises Lost where this trainer, which had read its rows, has some left again."""
        if self._cluster.name in left:
            raise Lost("{} was set back to a checkpoint at the end of its rows".format(
                self._cluster.name))

    def _await_last_checkpoint(self, session: tf.Session) -> None:
        (chief, address), = self._cluster.processes("chief").items()

        def is_saved() -> bool:
            if self._ends_otherwise(session) or self._trainer.is_over():
                return True
            if not tf.train.latest_checkpoint(self._trainer.run.checkpoint_dir):
                return True  # the folder is not the chief's, so nothing will ever be seen in it
            if not waiting.is_reachable(address):
                raise Lost("{} lost {} before the last checkpoint was saved".format(
                    self._cluster.name, chief))
            self._tell_waiting()
            self._check_not_set_back(self._left(session))
            return False

        waiting.wait(is_saved, lambda: "the last checkpoint of {} ({})".format(chief, address),
                     self._trainer.run.wait_secs, lambda: True)

    def _describe(self, session: tf.Session) -> str:
        addresses = self._cluster.processes("chief", "worker")
        return ", ".join("{} ({}) to read {}".format(
            name, addresses[name], counted(rows, "more row"))
                         for name, rows in self._left(session).items())

    def _are_there(self) -> bool:
        """Whether all trainers can be reached."""
        return not waiting.missing(self._cluster.processes("chief", "worker"))

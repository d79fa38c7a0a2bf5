"""Training, evaluation and export of a run with tf.estimator, alone or as a process of a cluster.

A run is put together here from where its rows come from (common.rows), what it does besides its
steps (common.run_callbacks) and its Estimators (common.estimators).
"""

import contextlib
import functools
from typing import Callable, Dict, Iterator, NamedTuple, Optional, Sequence

import tensorflow.compat.v1 as tf

from common import earlier_run, evaluations, rows, saved_model, tf_private
from common.callbacks import keeping
from common.callbacks.callback import Evaluation, Listeners
from common.callbacks.keeping import Keeping
from common.callbacks.progress import Progress, Trained
from common.callbacks.warm_start import WarmStart
from common.checkpoint import early_end, newest
from common.checkpoint.early_end import EarlyEnd, Rules
from common.checkpoint.warm_start import Started
from common.config.cluster import Cluster
from common.config.run import Run
from common.errors import Stopped
from common.estimators import Estimators, ModelFn
from common.evaluations import Evaluations
from common.log import log
from common.pipeline import position_graph
from common.pipeline.identity import Rows
from common.pipeline.position import Saved
from common.pipeline.source import Data
from common.places.mirrors import Mirror
from common.process import roles
from common.process.signals import Signals
from common.run_callbacks import Own, callbacks_of


class Trainer:
    """One process of a run: its rows, its callbacks and its Estimators.

    Args:
      on_start: what to call when training has a session for the first time.
      mirrors: of the run's folders, where these lie in an object store.

    Attributes:
      run: what it is asked to do; without steps, it gets the step at which the epochs end.
      max_steps: the global step that ends training in any case; None where the rows alone end it.
      config: of training; in a cluster, this process's place in it.
      signals: that came while this process trains or evaluates.
      rows: where its training rows come from.
    """

    def __init__(self, run: Run, data: Data, model_fn: ModelFn, params: NamedTuple,
                 on_start: Callable[[], None] = lambda: None,
                 mirrors: Sequence[Mirror] = ()) -> None:
        self.saved = keeping.resumed(run, position_graph.read_saved)
        self.rows = rows.of_run(run, data, self.saved)
        self.max_steps = run.steps or None
        if not run.steps:
            first_step = self.saved.step if self.saved else 0
            run = run._replace(steps=first_step + self.rows.steps_left(self.saved))
        self.run = run
        self.signals = Signals()
        self._data = data
        self._progress = Progress(run)
        self._keeping = Keeping(run)
        self._warm_start = WarmStart(run, functools.partial(earlier_run.growth, data))
        own = Own(self._progress, self._keeping, self._warm_start)
        self._callbacks = callbacks_of(run, data, self.rows, own, on_start, mirrors)
        self._early_end: Optional[EarlyEnd] = None
        self._rules: Rules = {}
        for callback in self._callbacks:
            self._rules.update(callback.ends_early_by())
        self._evaluation: Optional[Evaluation] = None
        self._estimators = Estimators(run, model_fn, params, self._callbacks)
        self._evaluations = Evaluations(run, data, self._estimators.evaluate)
        self.config = self._estimators.config
        for callback in self._callbacks:
            callback.attach(self)

    @property
    def is_chief(self) -> bool:
        """Whether this process trains alone or is the chief of its cluster."""
        return not self.run.cluster or self.run.cluster.role == "chief"

    @property
    def started(self) -> Optional[Started]:
        """What this process has started the run from; None where it has not."""
        return self._warm_start.started

    def first_step(self) -> int:
        """The step at which training resumes."""
        return keeping.first_step(self.run)

    def is_over(self) -> bool:
        """Whether the newest checkpoint is the last one of the run."""
        saved = newest.read(self.run.checkpoint_dir, position_graph.read_saved)
        if saved is None:
            return False
        if self._reaches_end(saved):
            return True
        end = self.ended_early()
        return end is not None and saved.step >= end.step

    def is_last(self, step: int) -> bool:
        """Whether the checkpoint of a step is the last one, as far as the chief has said so."""
        saved = newest.read(self.run.checkpoint_dir, position_graph.read_saved)
        if saved and saved.step == step and self._reaches_end(saved):
            return True
        end = self.ended_early()
        return end is not None and end.last_step is not None and step >= end.last_step

    def _reaches_end(self, saved: Saved) -> bool:
        """Whether a checkpoint has the last step, or the last row of the epochs."""
        if self.max_steps is not None and saved.step >= self.max_steps:
            return True
        return self.run.epochs > 0 and not self.rows.steps_left(saved)

    def ended_early(self) -> Optional[EarlyEnd]:
        """Why the run ends before its steps and epochs, None where it does not."""
        end = early_end.read(self.run.checkpoint_dir, self._rules)
        if end is not None and self.are_other_rows(end.rows):
            return None
        return end

    def are_other_rows(self, text: str) -> bool:
        """Whether a run with the rows that a text tells from others was another pass.

        Args:
          text: of identity.Rows.to_json; empty, as files of earlier versions have it, is of any
            rows.
        """
        return bool(text) and self.rows.reading.reads_others_than(Rows.from_json(text))

    @property
    def has_ended_early(self) -> bool:
        """Whether this process has ended the run early."""
        return bool(self._early_end)

    def end_early(self, step: int, reason: str, decided_by: Rules) -> None:
        """Ends the run in all of its processes.

        Args:
          step: of the checkpoint that decided it.
          decided_by: flags and their values, of those that callbacks name in ends_early_by().

        Raises:
          ValueError: no callback names them, so the other processes would not heed the end.
        """
        if not decided_by or not decided_by.items() <= self._rules.items():
            raise ValueError("decided_by must be among what callbacks return from ends_early_by(), "
                             "{}. Got: {}.".format(self._rules, decided_by))
        if self.ended_early():
            return
        # As the chief has written them: this process may have a copy of the files, of other times.
        trained = newest.read(self.run.checkpoint_dir, evaluations.rows_of) or ""
        self._early_end = EarlyEnd(step, reason, decided_by, rows=trained)
        early_end.write(self.run.checkpoint_dir, self._early_end)
        log("step {}: training ends early: {}".format(step, reason))

    def train(self) -> None:
        """Trains to the last step, or to an early end.

        Raises:
          BadInput: rows that cannot be read.
          Stopped: a signal came; the chief saved a checkpoint.
          NeverCame: a server was not there for run.wait_secs.
        """
        with contextlib.ExitStack() as stack:
            for callback in self._callbacks:
                stack.enter_context(callback.around())
            with self._errors_of_input():
                self._train()
        if self.signals.received:
            raise Stopped(self.signals.received, self.run.shown(self.run.checkpoint_dir))

    def _train(self) -> None:
        hooks = [hook for callback in self._callbacks for hook in callback.first_hooks()]
        spec = tf.estimator.TrainSpec(lambda: self.rows.input_fn()(), self.max_steps, hooks)
        if not self.run.cluster:
            self._estimators.train.train(spec.input_fn, spec.hooks, max_steps=spec.max_steps)
            return
        # TensorFlow's executor starts this process's server; as trainers evaluate by a callback, it
        # gets an EvalSpec that it never uses.
        unused = tf.estimator.EvalSpec(lambda: rows.evaluation_input(self.run, self._data)())
        tf.estimator.train_and_evaluate(self._estimators.train, spec, unused)

    @contextlib.contextmanager
    def _errors_of_input(self) -> Iterator[None]:
        """Raises the exception that ended the input, whose type tf.data does not keep."""
        try:
            yield
        except tf.errors.OpError:
            error = self._data.bad_rows.error or self.rows.error
            if error:
                raise error
            raise

    def close(self) -> None:
        """This process has made its last step, now or in an earlier start."""
        for callback in self._callbacks:
            callback.close()

    def save(self, run_context: tf.train.SessionRunContext, step: int) -> None:
        """Saves a full checkpoint within training; for hooks of the chief."""
        if tf_private.save_now(self._keeping.saver, run_context.session, step):
            run_context.request_stop()

    def listeners(self) -> Listeners:
        """What hears of full checkpoints."""
        return [listener for callback in self._callbacks for listener in callback.listeners()]

    def tell_saving(self, is_saving: bool) -> None:
        """Tells the callbacks that something begins to be saved, or is saved."""
        for callback in self._callbacks:
            callback.saving(is_saving)

    def evaluate(self) -> Dict[str, float]:
        """The metrics of the newest checkpoint.

        Raises:
          BadInput: test rows that cannot be read.
          Stopped: a signal came.
        """
        with self.signals, self._errors_of_input():
            return self._evaluate_last()

    def _evaluate_last(self) -> Dict[str, float]:
        """The metrics of the newest checkpoint on all test rows, and on the sample before."""
        step = newest.checkpoint_step(self.run.checkpoint_dir)
        evaluation = self._evaluation
        if not evaluation or evaluation.step != step:  # else it was evaluated within training
            newest_path = tf.train.latest_checkpoint(self.run.checkpoint_dir)
            evaluation = self._tell(self._evaluations.within(newest_path))
        if not self._evaluations.is_of_all_rows(evaluation):
            evaluation = self._tell(self._evaluations.of_all_rows(evaluation.checkpoint))
        return evaluation.values

    def evaluate_newest(self) -> Dict[str, float]:
        """The metrics of the newest checkpoint, within training."""
        return self.evaluate_checkpoint(tf.train.latest_checkpoint(self.run.checkpoint_dir))

    def evaluate_checkpoint(self, checkpoint: str) -> Dict[str, float]:
        """The metrics of a checkpoint on the rows of evaluations within training, which all
        callbacks are told.
        """
        return self._tell(self._evaluations.within(checkpoint)).values

    def _tell(self, evaluation: Evaluation) -> Evaluation:
        self._evaluation = evaluation
        for callback in self._callbacks:
            callback.evaluated(evaluation)
        return evaluation

    def rows_seen(self) -> int:
        """How many of its rows the checkpoint has trained from which training resumes."""
        return self.rows.standing(self.saved).rows_trained if self.saved else 0

    def validate(self, checkpoint: str) -> Evaluation:
        """What the training rows say of a checkpoint that has not seen them; callbacks are not
        told.
        """
        with self._errors_of_input():
            evaluation = self._evaluations.of_new_rows(checkpoint)
        return evaluation._replace(rows=self.rows.reading.rows.to_json())

    def evaluate_each(self, cluster: Cluster) -> Dict[str, float]:
        """Evaluates checkpoints as they come; returns the metrics of the last on all test rows.

        Raises:
          BadInput: test rows that cannot be read.
          NeverCame: no checkpoint came, and the chief was not there, for run.wait_secs.
        """
        with self._errors_of_input():
            roles.evaluate_each(self.evaluate_checkpoint, self.run.checkpoint_dir, cluster,
                                self.is_last, self.run.wait_secs)
            return self._evaluate_last()

    @property
    def steps(self) -> int:
        """How many steps this process has made since training began."""
        return self._progress.steps

    def trained(self, secs: float) -> Trained:
        """What this process trained in a run of so many seconds."""
        return self._progress.trained(secs)

    def export(self, folder: str, checkpoint: Optional[str] = None) -> None:
        """Writes FOLDER/TIMESTAMP with a sample request among its extra assets.

        Args:
          checkpoint: that is exported; None for the newest.
        """
        saved_model.write(
            self._estimators.export, folder, self._data, self.run.toggles.tf, checkpoint)

"""Evaluation within training (--eval_steps), and on how many rows (--eval_rows)."""

import argparse
import time
from typing import Callable, NamedTuple

import tensorflow.compat.v1 as tf

from common.callbacks.callback import Callback, Hooks, Listeners, Trainer
from common.config.flag_types import TRAINING, FlagParser, count
from common.config.run import Run
from common.process import roles

_THROTTLE_SECS = 600.0  # as TensorFlow's train_and_evaluate


class EvalSteps(NamedTuple):
    """Global steps between evaluations within training, 0 for none."""

    steps: int = 0


def add_flags(parser: FlagParser) -> None:
    """Adds the flags that say how often to evaluate, and on how many rows."""
    parser.group(TRAINING).add_argument(
        "--eval_steps", type=count, default=0, metavar="N",
        help="global steps between evaluations within training, which save a checkpoint each; 0: "
             "evaluate at the end (default 0)")
    parser.group(TRAINING).add_argument(
        "--eval_rows", type=count, default=0, metavar="N",
        help="evaluate within training, and measure with --validate_first, on N rows: a random "
             "sample by --seed, the same each time; the last evaluation is of all test rows as "
             "well; 0: all rows (default 0)")


def from_flags(args: argparse.Namespace) -> EvalSteps:
    """How often the flags ask for an evaluation.

    Raises:
      ValueError: --eval_steps with --no_eval, or --eval_rows where nothing is evaluated.
    """
    if args.eval_steps and args.no_eval:
        raise ValueError(
            "--eval_steps {} evaluates, which --no_eval forbids. Drop one of them.".format(
                args.eval_steps))
    if args.eval_rows and args.no_eval and not args.validate_first:
        raise ValueError(
            "--eval_rows {} says on how many rows to evaluate, which --no_eval forbids. Drop one "
            "of them.".format(args.eval_rows))
    return EvalSteps(args.eval_steps)


class EvaluateEvery(Callback):
    """Saves a checkpoint every so many global steps, which this process or the evaluator evaluates.

    Without --eval_steps, a process that trains alone evaluates the checkpoints that it saves
    anyway, one in ten minutes at most.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._every = run.setting(EvalSteps).steps
        self._evaluated_at = time.monotonic()

    def attach(self, trainer: Trainer) -> None:
        """Asks the trainer for checkpoints and evaluations."""
        self._trainer = trainer

    def hooks(self, spec: tf.estimator.EstimatorSpec) -> Hooks:
        """What saves the checkpoints, in the chief alone."""
        if not self._every or not self._trainer.config.is_chief:
            return []
        return [_SaveEvery(self._every, self._trainer.save)]

    def listeners(self) -> Listeners:
        """What evaluates a checkpoint that was saved, where no evaluator does."""
        cluster = self._run.cluster
        if not self._run.evaluate or cluster and cluster.has_evaluator:
            return []
        return [_EvaluateSaved(self._evaluate)]

    def _evaluate(self, step: int, previous_step: int) -> None:
        """Evaluates the checkpoint of a step, if it is time to.

        Args:
          previous_step: that of the checkpoint saved before it.
        """
        is_last = step >= self._run.steps  # which is evaluated when training is over
        if not is_last and self._is_due(step, previous_step):
            values = self._trainer.evaluate_newest()
            roles.log_areas(values)
            self._evaluated_at = time.monotonic()

    def _is_due(self, step: int, previous_step: int) -> bool:
        if self._every:
            return _passes(previous_step, step, self._every)
        is_alone = not self._run.cluster
        return is_alone and time.monotonic() - self._evaluated_at >= _THROTTLE_SECS


class _SaveEvery(tf.train.SessionRunHook):
    """Saves a checkpoint when the global step passes a multiple of a number."""

    def __init__(self, every: int, save: Callable[[tf.train.SessionRunContext, int], None]) -> None:
        self._every, self._save = every, save
        self._global_step = tf.train.get_global_step()
        self._previous_step = 0

    def after_create_session(self, session: tf.Session, coord: tf.train.Coordinator) -> None:
        """Counts from the step at which the session begins."""
        self._previous_step = int(session.run(self._global_step))

    def before_run(self, run_context: tf.train.SessionRunContext) -> tf.train.SessionRunArgs:
        """Asks for the global step."""
        return tf.train.SessionRunArgs(self._global_step)

    def after_run(self, run_context: tf.train.SessionRunContext,
                  run_values: tf.train.SessionRunValues) -> None:
        """Saves if it is time to."""
        before_step = int(run_values.results)  # read beside the update, which may come later
        if not _passes(self._previous_step, before_step + 1, self._every):
            return
        step = int(run_context.session.run(self._global_step))
        if _passes(self._previous_step, step, self._every):
            self._previous_step = step
            self._save(run_context, step)


class _EvaluateSaved(tf.train.CheckpointSaverListener):
    """Hands each checkpoint but a session's first, and the one before it, to a function."""

    def __init__(self, evaluate: Callable[[int, int], None]) -> None:
        self._evaluate = evaluate
        self._previous_step = -1

    def after_save(self, session: tf.Session, global_step_value: int) -> None:
        """The checkpoint is there."""
        if self._previous_step >= 0:
            self._evaluate(global_step_value, self._previous_step)
        self._previous_step = global_step_value


def _passes(previous_step: int, step: int, every: int) -> bool:
    """Whether a multiple of a number lies between two steps, or is the later one."""
    return step // every > previous_step // every

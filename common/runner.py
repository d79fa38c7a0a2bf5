"""One training run, alone or as a process of a cluster, from start to exit status.

The result folder holds config.json, checkpoints, events, metrics.json and export/; metrics.json and
export/ appear when the run is over, so a folder without them is not complete.
"""

import os
import signal
import sys
import time
from typing import Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

import tensorflow.compat.v1 as tf

from common import earlier_run, results, run_folder
from common.callbacks import mirroring
from common.checkpoint import newest
from common.config.cluster import LOST_STATUS, Cluster
from common.config.run import Run
from common.counts import counted
from common.deeprec import support
from common.errors import (AucDropped, BadInput, FolderInUse, Lost, NanLoss, NeverCame,
                           Stopped)
from common.estimators import ModelFn
from common.formats.files import Files
from common.log import log
from common.metrics import heads, metrics_table
from common.pipeline import position_graph
from common.pipeline.position import Saved
from common.pipeline.source import Data
from common.places.mirrors import Mirror
from common.process import roles, signals
from common.reporting import report
from common.results import Metrics
from common.trainer import Trainer


def exit_status(main: Callable[[], None]) -> int:
    """Runs main and returns the process's exit status.

    0: done. 1: the run failed and would fail again. 2: wrong use. 128 + n: signal n ended it. 138:
    it lost other processes of its cluster. From 128 on the same command resumes the run, and
    Kubernetes' training operator starts it again.
    """
    quiet_tensorflow()
    try:
        with signals.raising_stopped():
            main()
    except (AucDropped, BadInput, NanLoss, NeverCame, OSError) as error:
        return _failed(error, 1)
    except FolderInUse as error:
        return _failed(error, 2)
    except Lost as error:
        return _failed(error, LOST_STATUS)
    except Stopped as stopped:
        print("{}.".format(stopped), file=sys.stderr)
        return stopped.status
    except KeyboardInterrupt:  # before training, when there is nothing to save
        return 128 + signal.SIGINT
    return 0


def _failed(error: Exception, status: int) -> int:
    print("{}: error: {}".format(os.path.basename(sys.argv[0]), error), file=sys.stderr)
    return status


def quiet_tensorflow() -> None:
    """Silences TensorFlow's deprecation warnings and notes; to be called before any session.

    Its C++ code notes each kernel, and each tensor that a process of a cluster asked for in vain.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    tf.logging.set_verbosity(tf.logging.ERROR)


def train_and_evaluate(run: Run, data: Data, model_fn: ModelFn, params: NamedTuple,
                       tasks: Sequence[str]) -> Metrics:
    """Does this process's part of a run: alone, all of it; in a cluster, its role's.

    The chief and the workers train to run.steps. The evaluator, or without one the chief, evaluates
    the last checkpoint, exports it and writes metrics.json.

    Args:
      model_fn: (features, labels, mode, params) -> EstimatorSpec.
      tasks: the names of its tasks, for the table of metrics.

    Returns:
      each task's metrics; empty where this process did not evaluate.

    Raises:
      BadInput: rows that cannot be read, or a folder of another run. No metrics.json is written.
      NanLoss: the loss is not a number.
      Stopped: a signal came. A process that trained alone or as the chief has saved a checkpoint.
      NeverCame: another process was not there for run.wait_secs.
      Lost: a step failed because another process was gone.
    """
    try:
        with mirroring.mirrored(run.mirrors) as mirrors, run_folder.held(run):
            process = _Process(run, data, model_fn, params, tasks, mirrors)
            process.print_start_up()
            return process.play()
    except tf.errors.OpError as error:
        if run.cluster and isinstance(error, roles.LOSSES):
            raise Lost("{} lost another process: {}".format(run.cluster.name, error.message))
        raise


class _Process:
    """What one process does in a run."""

    def __init__(self, run: Run, data: Data, model_fn: ModelFn, params: NamedTuple,
                 tasks: Sequence[str], mirrors: Sequence[Mirror]) -> None:
        self._data, self._params, self._tasks = data, params, tasks
        self._began = time.monotonic()
        self._trainer = Trainer(run, data, model_fn, params, self._start_results, mirrors)
        self._run = self._trainer.run
        self._has_results = False

    def print_start_up(self) -> None:
        """Prints who serves which feature, and what there is to do."""
        run, data = self._run, self._data
        rows = support.start_up(run.toggles, run.protocol, run.enabled_features)
        rows += self._trainer.rows.described()
        rows += [
            ("train rows", _number_of_rows(data.train, data)),
            ("test rows", _number_of_rows(data.test, data)),
            *self._sampled(),
            ("steps", self._number_of_steps()),
            ("checkpoints", run.shown(run.checkpoint_dir)),
        ]
        for mirror in run.mirrors:
            rows.append(("local copy", mirror.folder))
        if run.cluster:
            rows.append(("cluster", "{} of {}".format(run.cluster.name, _counts(run.cluster))))
        width = max(len(name) for name, _ in rows)
        for name, value in rows:
            print("{}  {}".format(name.ljust(width), value))

    def _sampled(self) -> List[Tuple[str, str]]:
        """How many rows evaluations within training are of, where these are not all."""
        if not self._run.eval_rows:
            return []
        text = "a sample of at most {:,}; all for metrics.json"
        return [("rows sampled", text.format(self._run.eval_rows))]

    def _number_of_steps(self) -> str:
        """The steps of the run and, where the rows are counted, the epochs at its end."""
        run, trainer = self._run, self._trainer
        first_step = trainer.saved.step if trainer.saved else 0
        steps = max(run.steps - first_step, 0)
        text = "{} of {}".format(steps, counted(run.batch_size, "row"))
        if first_step:
            text = "{}, from step {} to {}".format(text, first_step, first_step + steps)
        if trainer.max_steps is None:
            return "{}, {:.2f} epochs".format(text, run.epochs)
        at_most = "at most {}".format(counted(run.epochs, "epoch")) if run.epochs else ""
        if not self._data.train.is_counted:
            return ", ".join(filter(None, [text, at_most]))
        epochs = self._epochs(trainer.saved, and_rows=steps * run.batch_size)
        if at_most:
            return "{}, {:.2f} of {}".format(text, min(epochs, run.epochs), at_most)
        return "{}, {:.2f} epochs".format(text, epochs)

    def _epochs(self, saved: Optional[Saved], and_rows: int = 0) -> float:
        """The epochs of this pass that a checkpoint has trained, with some more rows."""
        rows = self._trainer.rows.standing(saved).rows_trained + and_rows
        return rows / float(self._data.train_rows)

    def play(self) -> Metrics:
        """Plays this process's role to its end; returns the metrics if it is to evaluate."""
        cluster = self._run.cluster
        if not cluster or cluster.role == "chief":
            return self._lead()
        if cluster.role == "ps":
            roles.serve(cluster, self._trainer.config, self._trainer.is_over, self._run.wait_secs)
            return {}
        if cluster.role == "worker":
            self._train()
            log("training is over, with {} of {} made here".format(
                counted(self._trainer.steps, "step"), counted(self._run.batch_size, "row")))
            return {}
        return self._finish(self._trainer.evaluate_each(cluster)) if self._run.evaluate else {}

    def _lead(self) -> Metrics:
        """Trains alone or as a chief, and ends the run where no evaluator does."""
        run, trainer = self._run, self._trainer
        earlier_run.check(run.result_dir, run, self._data, self._params)
        self._train()
        if run.evaluate and run.cluster and run.cluster.has_evaluator:
            last_step = min(newest.checkpoint_step(run.checkpoint_dir), run.steps)
            roles.await_metrics(os.path.join(run.result_dir, results.METRICS), last_step,
                                run.wait_secs)
            return {}
        return self._finish(trainer.evaluate() if run.evaluate else {})

    def _start_results(self) -> None:
        """Begins the folder of results, as nothing refuses the run any more."""
        run, trainer = self._run, self._trainer
        if trainer.is_chief and not self._has_results:
            self._has_results = True
            results.start(run.result_dir, run, self._data, self._params, trainer.is_over(),
                          trainer.started)

    def _train(self) -> None:
        """Trains to the end of the run, if that is not reached yet."""
        self._say_where()
        if not self._trainer.is_over():
            self._trainer.train()
            self._data.train.warn_of_change()
        self._trainer.close()

    def _say_where(self) -> None:
        """Prints where training resumes, or why it does not."""
        trainer = self._trainer
        first, end = trainer.first_step(), trainer.ended_early()
        standing = trainer.rows.standing(trainer.saved)
        if end:
            flags = " or ".join("--" + name for name in end.decided_by)
            print("training ended early at step {}: {}. Give another {} to resume".format(
                end.step, end.reason, flags))
        elif trainer.is_over():
            print("the newest checkpoint has step {}: nothing to train".format(first))
            if first and not standing.rows_trained:
                print("none of these rows was trained: give a higher --steps to read them")
        elif first:
            print("resuming from step {}".format(first))
        if standing.note and not trainer.is_over():
            print(standing.note)
        self._say_left_out(first)

    def _say_left_out(self, first: int) -> None:
        """Prints which increments are behind the step that is resumed, if they are not read."""
        run = self._run
        increment = 0 if run.incremental_ckpt else newest.resume_step(run.checkpoint_dir)
        if increment > first:
            print("increments up to step {} are left out, as --incremental_ckpt is 0".format(
                increment))

    def _finish(self, evaluation: Dict[str, float]) -> Metrics:
        """Exports the model, writes the metrics and prints them.

        Args:
          evaluation: of the last checkpoint; empty where it was not evaluated.
        """
        run, trainer, data = self._run, self._trainer, self._data
        exports = os.path.join(run.result_dir, run_folder.EXPORT)
        trainer.export(exports)  # refuses checkpoints of other flags
        self._start_results()
        by_task = heads.task_metrics(evaluation, self._tasks) if evaluation else {}
        trained = trainer.trained(time.monotonic() - self._began)
        step = newest.checkpoint_step(run.checkpoint_dir)
        results.finish(run.result_dir, by_task, run.seed, step, run.batch_size, data, trained)
        if by_task:
            print(metrics_table.render(by_task))
        for column, count in data.bad_rows.unknown_ids.items():
            print("{}: {} outside of the vocabulary, read as its first word".format(
                column, counted(count, "value")))
        self._say_unread()
        _write_report(run.result_dir)
        print("results: {}".format(run.shown(run.result_dir)))
        return by_task

    def _say_unread(self) -> None:
        """Prints which part of the epochs was not read, where the steps ended before them."""
        run, trainer = self._run, self._trainer
        saved = newest.read(run.checkpoint_dir, position_graph.read_saved)
        if not saved or trainer.max_steps is None or saved.step < trainer.max_steps:
            return
        if run.epochs and trainer.rows.steps_left(saved):
            print("{:.2f} of {} read: --steps {} is reached before the last row".format(
                self._epochs(saved), counted(run.epochs, "epoch"), trainer.max_steps))
        elif not run.epochs and self._data.train.is_counted:
            print("{:.2f} epochs read".format(self._epochs(saved)))


def _write_report(folder: str) -> None:
    """Writes report.html, or logs why it cannot be: the run is over, and well, without it."""
    try:
        report.write([folder], os.path.join(folder, report.FILE))
    except Exception as error:  # whatever is wrong with the report, it is not wrong with the run
        log("warning: {} could not be written ({}: {}). `python common/report.py {}` tries "
            "again.".format(report.FILE, type(error).__name__, error, folder))


def _number_of_rows(files: Optional[Files], data: Data) -> str:
    """How many rows some files have, where that is known or cheap to know."""
    if files is None:
        return "none are read, with --no_eval"
    if not files.is_counted:
        return files.path
    return "{} of {}".format(data.usable_rows(files), files.path)


def _counts(cluster: Cluster) -> str:
    """How many processes of each role a cluster has."""
    counts = {role: len(addresses) for role, addresses in cluster.jobs.items()}
    return ", ".join("{} {}".format(counts[role], role) for role in sorted(counts))

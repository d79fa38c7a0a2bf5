"""export_best/: the model of the best evaluation within training."""

import os
import shutil

import tensorflow.compat.v1 as tf

from common.callbacks import evaluation_log
from common.callbacks.callback import Callback, Evaluation, Trainer
from common.callbacks.evaluate_every import EvalSteps
from common.callbacks.improvement import Improvement, StopMetric
from common.config.run import Run
from common.log import log

FOLDER = "export_best"
_MOST_KEPT = 5  # as TensorFlow's BestExporter


class BestExport(Callback):
    """Exports to export_best/TIMESTAMP after each evaluation that is the best so far."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._folder = os.path.join(run.result_dir, FOLDER)
        self._is_on = run.setting(EvalSteps).steps > 0
        self._improvement = Improvement(run.setting(StopMetric).name)

    def attach(self, trainer: Trainer) -> None:
        """Learns what was best before the step at which training resumes."""
        self._trainer = trainer
        if self._is_on:
            for line in evaluation_log.read(
                    self._run.result_dir, trainer.first_step(), trainer.are_other_rows,
                    self._run.eval_rows):
                self._improvement.update(line.values)

    def evaluated(self, evaluation: Evaluation) -> None:
        """Exports the checkpoint, if it is the best."""
        if not self._is_on or evaluation.eval_rows != self._run.eval_rows:
            return
        if self._trainer.are_other_rows(evaluation.rows):
            return
        if not self._improvement.is_better(evaluation.values):
            return
        try:
            self._trainer.export(self._folder, evaluation.checkpoint)
        except (ValueError, tf.errors.NotFoundError, tf.errors.DataLossError):
            if tf.train.checkpoint_exists(evaluation.checkpoint):
                raise
            log("step {}: the best so far, but the chief removed the checkpoint before it was "
                "exported. Keep more with --keep_checkpoint_max".format(evaluation.step))
            return
        self._improvement.update(evaluation.values)
        self._remove_all_but_newest()

    def _remove_all_but_newest(self) -> None:
        exports = sorted(name for name in os.listdir(self._folder) if name.isdigit())
        for name in exports[:-_MOST_KEPT]:
            shutil.rmtree(os.path.join(self._folder, name))

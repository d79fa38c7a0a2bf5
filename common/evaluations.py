"""Measures the checkpoints of a run on its rows: on all of them, or on a sample (--eval_rows)."""

import os
from typing import Optional, Set

import tensorflow.compat.v1 as tf

from common import event_files, rows
from common.callbacks.callback import Evaluation
from common.checkpoint import increment_files
from common.config.run import Run
from common.pipeline import position_graph
from common.pipeline.sampled_rows import Sample
from common.pipeline.source import Data

_SAMPLE, _VALIDATION = "sample", "validation"  # of the folders eval_sample/ and eval_validation/


class Evaluations:
    """What measures checkpoints; TensorBoard finds each evaluation below their folder, too.

    Args:
      estimator: of the model, without servers.
    """

    def __init__(self, run: Run, data: Data, estimator: tf.estimator.Estimator) -> None:
        self._run, self._data, self._estimator = run, data, estimator
        self._sample: Optional[Sample] = None
        self._is_chosen = False
        self._begun: Set[str] = set()

    @property
    def _test_sample(self) -> Optional[Sample]:
        """The sample of the test rows, chosen when the first evaluation wants it."""
        if not self._is_chosen:
            self._sample = rows.evaluation_sample(self._run, self._data)
            self._is_chosen = True
        return self._sample

    def within(self, checkpoint: str) -> Evaluation:
        """An evaluation within training: of the sample, where the run has one.

        Raises:
          BadInput: test rows that cannot be read.
        """
        evaluation = self._measure(checkpoint, self._data, self._test_sample, _SAMPLE)
        return evaluation._replace(eval_rows=self._run.eval_rows)

    def of_all_rows(self, checkpoint: str) -> Evaluation:
        """The same of all test rows."""
        return self._measure(checkpoint, self._data, None, "")

    def is_of_all_rows(self, evaluation: Evaluation) -> bool:
        """Whether an evaluation is of all test rows, as where the sample would be as large."""
        return not evaluation.eval_rows or self._test_sample is None

    def of_new_rows(self, checkpoint: str) -> Evaluation:
        """What the training rows, or a sample of them, say of a checkpoint that has not seen them.
        """
        unseen = self._data._replace(test=self._data.train)
        sample = rows.evaluation_sample(self._run, unseen)
        evaluation = self._measure(checkpoint, unseen, sample, _VALIDATION)
        return evaluation._replace(eval_rows=self._run.eval_rows)

    def _measure(self, checkpoint: str, data: Data, sample: Optional[Sample],
                 name: str) -> Evaluation:
        """An evaluation of a checkpoint.

        Args:
          name: of its folder of events, behind eval_; none for eval/. All rows go to eval/.
        """
        if name == _SAMPLE and sample is None:
            name = ""
        trained = rows_of(checkpoint)
        self._begin_events(name, increment_files.step_of(checkpoint))
        values = self._estimator.evaluate(
            rows.evaluation_input(self._run, data, sample), checkpoint_path=checkpoint,
            name=name or None)
        return Evaluation(int(values["global_step"]), checkpoint, values, trained)

    def _begin_events(self, name: str, step: int) -> None:
        """Drops what an earlier start, which was killed, said of this step and of later ones."""
        if name not in self._begun:
            self._begun.add(name)
            folder = os.path.join(self._estimator.model_dir, self._estimator.eval_dir(name or None))
            event_files.drop_from(folder, step)


def rows_of(checkpoint: str) -> str:
    """What tells the rows of a checkpoint from others; empty where it does not say."""
    trained = position_graph.read_saved(checkpoint).rows
    return trained.to_json() if trained else ""

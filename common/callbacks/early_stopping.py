"""Ends a run that no longer improves (--early_stop)."""


from common.callbacks import evaluation_log
from common.callbacks.callback import Callback, Evaluation, Trainer
from common.callbacks.improvement import Improvement
from common.config.run import Run


class EarlyStopping(Callback):
    """Ends the run after --early_stop evaluations in a row without an improvement."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._improvement = Improvement(run.early_stop_metric)
        self._without = 0  # evaluations in a row

    def attach(self, trainer: Trainer) -> None:
        """Counts what was evaluated before the step at which training goes on."""
        self._trainer = trainer
        if self._run.early_stop:
            for line in evaluation_log.read(self._run.result_dir, trainer.first_step()):
                self._count(line.values)

    def evaluated(self, evaluation: Evaluation) -> None:
        """Ends the run if its patience is over."""
        patience = self._run.early_stop
        if not patience:
            return
        self._count(evaluation.values)
        if self._without >= patience and evaluation.step < self._run.steps:
            reason = "{} evaluations in a row without a better {}; its best was {:.5f}".format(
                self._without, self._improvement.metric, self._improvement.best)
            self._trainer.end_early(evaluation.step, reason)

    def _count(self, values: dict) -> None:
        is_better = self._improvement.improves(values)
        self._without = 0 if is_better else self._without + 1

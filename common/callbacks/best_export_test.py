import os
from typing import List, Optional

import pytest
import tensorflow.compat.v1 as tf

from common.callbacks.best_export import FOLDER, BestExport
from common.callbacks.evaluation_log import EvaluationLog
from common.testing.evaluations import evaluation, folder_of, settings_of
from common.testing.runs import make_run


class AtTheStart:
    """A trainer that has no checkpoint yet."""

    def first_step(self) -> int:
        return 0

    def are_other_rows(self, text: str) -> bool:
        return text == "others"


def test_only_the_newest_best_exports_are_kept(tmp_path: object) -> None:
    class Exporting(AtTheStart):
        def export(self, folder: str, checkpoint: Optional[str] = None) -> None:
            number = len(os.listdir(folder)) if os.path.isdir(folder) else 0
            made.append(number)
            os.makedirs(os.path.join(folder, str(1000 + len(made))))

    made: List[int] = []
    best = BestExport(make_run(tmp_path, **settings_of(1)))
    best.attach(Exporting())
    for step in range(1, 9):
        best.evaluated(evaluation(step, 0.1 * step))
        best.evaluated(evaluation(step, 0.05 * step))  # no better: not exported
    assert len(made) == 8 and len(os.listdir(os.path.join(folder_of(tmp_path), FOLDER))) == 5


def test_a_best_checkpoint_that_was_removed_is_not_counted_as_exported(
        tmp_path: object, capsys: pytest.CaptureFixture) -> None:
    class Late(AtTheStart):
        def export(self, folder: str, checkpoint: Optional[str] = None) -> None:
            os.makedirs(folder, exist_ok=True)
            asked.append(checkpoint)
            if len(asked) == 1:
                raise tf.errors.NotFoundError(None, None, "no files")

    asked: List[Optional[str]] = []
    best = BestExport(make_run(tmp_path, **settings_of(1)))
    best.attach(Late())
    best.evaluated(evaluation(1, 0.9))
    printed = capsys.readouterr().err
    assert "step 1: the best so far, but the chief removed the checkpoint" in printed
    best.evaluated(evaluation(2, 0.8))  # the best of those that could be exported
    assert len(asked) == 2


def test_an_earlier_pass_neither_is_exported_nor_counts_as_the_best(tmp_path: object) -> None:
    class Exporting(AtTheStart):
        def export(self, folder: str, checkpoint: Optional[str] = None) -> None:
            os.makedirs(folder, exist_ok=True)
            exported.append(checkpoint)

    exported: List[Optional[str]] = []
    os.makedirs(folder_of(tmp_path))
    log = EvaluationLog(folder_of(tmp_path))
    log.evaluated(evaluation(0, 0.9)._replace(rows="others"))
    best = BestExport(make_run(tmp_path, **settings_of(1)))
    best.attach(Exporting())
    best.evaluated(evaluation(1, 0.95)._replace(rows="others"))
    assert not exported
    best.evaluated(evaluation(2, 0.6))
    assert len(exported) == 1
    best.evaluated(evaluation(3, 0.7)._replace(eval_rows=20))  # a sample, of a run that takes all
    assert len(exported) == 1

"""Evaluations within training: settings, what a run leaves of them, and single ones."""

import glob
import json
import os
import sys
from typing import Any, Dict, List

from common.callbacks import evaluation_log
from common.callbacks.callback import Evaluation
from common.callbacks.early_stopping import EarlyStop
from common.callbacks.evaluate_every import EvalSteps
from common.callbacks.improvement import StopMetric

METRIC = "y/auc"


def settings_of(eval_steps: int, patience: int = 0, metric: str = METRIC) -> Dict[str, Any]:
    """The fields of Run for evaluation within training."""
    return {"settings": (EvalSteps(eval_steps), EarlyStop(patience), StopMetric(metric))}


def folder_of(tmp_path: object) -> str:
    """The run's folder."""
    return os.path.join(str(tmp_path), "run")


def evaluated_steps(tmp_path: object) -> List[int]:
    """The steps in metrics.jsonl, a line each."""
    with open(os.path.join(folder_of(tmp_path), evaluation_log.FILE)) as file:
        return [json.loads(line)["step"] for line in file]


def evaluations(tmp_path: object) -> List[evaluation_log.Line]:
    """All evaluations of a run of one pass, the last one of each step."""
    return evaluation_log.read(folder_of(tmp_path), sys.maxsize, lambda rows: False)


def exports(tmp_path: object, name: str) -> List[str]:
    """The models in a folder of exports."""
    return sorted(glob.glob(os.path.join(folder_of(tmp_path), name, "*", "saved_model.pb")))


def evaluation(step: int, value: float) -> Evaluation:
    """An evaluation whose AUC is the value, and whose log loss is better where the AUC is."""
    return Evaluation(step, "model.ckpt", {METRIC: value, "y/log_loss": -value})

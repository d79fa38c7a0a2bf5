"""The word that ends a run before its last step: a file beside the checkpoints.

Trainers, servers, the evaluator and the next start of each read the same word, where the folder is
one that all of them see.
"""

import json
import os
from typing import Dict, NamedTuple, Optional, Union

from common.files import write_json

FILE = "ended_early.json"
Rules = Dict[str, Union[int, float, str]]  # name of a flag, without dashes -> its value


class EarlyEnd(NamedTuple):
    """Why and where a run ended.

    Attributes:
      step: the global step of the checkpoint that decided it.
      reason: for people.
      decided_by: the flags that decided it, with the values that they had.
      last_step: the global step of the run's last checkpoint; None until the chief has saved it.
      rows: what tells its training rows from others; empty in files of earlier versions.
    """

    step: int
    reason: str
    decided_by: Rules
    last_step: Optional[int] = None
    rows: str = ""


def write(folder: str, end: EarlyEnd) -> None:
    """Ends the run whose checkpoints are in a folder."""
    os.makedirs(folder, exist_ok=True)
    write_json(os.path.join(folder, FILE), end._asdict())


def read(folder: str, rules: Rules) -> Optional[EarlyEnd]:
    """The early end of a run, None where it continues.

    A run that is started again with other rules continues: what the earlier ones decided does not
    end it.

    Args:
      rules: the flags by which the run may end early, with their values; empty where it may not.
    """
    path = os.path.join(folder, FILE)
    if not rules or not os.path.exists(path):
        return None
    with open(path) as file:
        end = EarlyEnd(**json.load(file))
    return end if end.decided_by.items() <= rules.items() else None


def remove(folder: str) -> None:
    """Takes an early end back, if there is one."""
    path = os.path.join(folder, FILE)
    if os.path.exists(path):
        os.remove(path)

"""The word that ends a run before its last step: a file beside the checkpoints.

All processes of a run see the checkpoints' folder, so trainers, servers, the evaluator and the next
start of each read the same word.
"""

import json
import os
from typing import NamedTuple, Optional

from common.files import write_json

FILE = "ended_early.json"


class EarlyEnd(NamedTuple):
    """Why and where a run ended.

    Attributes:
      step: the global step of the checkpoint that decided it.
      reason: for people.
      patience: the --early_stop that it was decided with.
      last_step: the global step of the run's last checkpoint; None until the chief has saved it.
    """

    step: int
    reason: str
    patience: int
    last_step: Optional[int] = None


def write(folder: str, end: EarlyEnd) -> None:
    """Ends the run whose checkpoints are in a folder."""
    os.makedirs(folder, exist_ok=True)
    write_json(os.path.join(folder, FILE), end._asdict())


def read(folder: str, patience: int) -> Optional[EarlyEnd]:
    """The early end of a run with that patience, None where it goes on.

    A run that is started again with another patience goes on, so what an earlier one decided is no
    end of it.
    """
    path = os.path.join(folder, FILE)
    if not patience or not os.path.exists(path):
        return None
    with open(path) as file:
        end = EarlyEnd(**json.load(file))
    return end if end.patience == patience else None


def remove(folder: str) -> None:
    """Takes an early end back, if there is one."""
    path = os.path.join(folder, FILE)
    if os.path.exists(path):
        os.remove(path)

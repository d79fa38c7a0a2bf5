"""The rows of one task that an evaluation has measured."""

from typing import Dict, List, Mapping, NamedTuple, Optional

import numpy as np

CHOSEN = "chosen"


class Collected(NamedTuple):
    """The rows of a task that count, in the order of the evaluation.

    Attributes:
      labels: float32 [N], 0 or 1.
      logits: float32 [N].
      users: int64 [N], NO_USER for rows without one; None where rows are of no user.
      weights: float32 [N]; None: 1 each.
      chosen: which rows of the evaluation these N are, bool [M]; None for all.
    """

    labels: np.ndarray
    logits: np.ndarray
    users: Optional[np.ndarray] = None
    weights: Optional[np.ndarray] = None
    chosen: Optional[np.ndarray] = None

    def at(self, places: np.ndarray) -> "Collected":
        """Some of the rows, by a mask or their places."""
        fields = (self.labels, self.logits, self.users, self.weights)
        return Collected(*(None if field is None else field[places] for field in fields))


def by_task(arrays: Mapping[str, np.ndarray]) -> Dict[str, Collected]:
    """What the predictions of an evaluation's spec hold, "task/field", by task."""
    tasks: List[str] = []
    for name in arrays:
        task = name.rpartition("/")[0]
        if task not in tasks:
            tasks.append(task)
    collected = {}
    for task in tasks:
        prefix = task + "/"
        fields = {name[len(prefix):]: array for name, array in arrays.items()
                  if name.rpartition("/")[0] == task}
        collected[task] = Collected(**fields)
    return collected

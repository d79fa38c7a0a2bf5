"""Whether an evaluation is better than all before it, by --early_stop_metric."""

import math
from typing import Dict

HIGHER_IS_BETTER = ("auc", "gauc", "accuracy")
LOWER_IS_BETTER = ("log_loss",)


class Improvement:
    """The best value of a metric so far.

    Args:
      metric: "task/metric", as an evaluation names it.

    Attributes:
      best: NaN before the first value that is a number.
    """

    def __init__(self, metric: str) -> None:
        self.metric = metric
        self.best = math.nan
        self._sign = -1.0 if metric.rsplit("/", 1)[-1] in LOWER_IS_BETTER else 1.0

    def improves(self, values: Dict[str, float]) -> bool:
        """Whether values are the best so far, which they then are from now on.

        A metric that does not exist, as the AUC of one class, is no improvement.
        """
        if not self.is_better(values):
            return False
        self.best = values[self.metric]
        return True

    def is_better(self, values: Dict[str, float]) -> bool:
        """The same, and the best stays what it was."""
        value = values.get(self.metric, math.nan)
        if math.isnan(value) or math.isnan(self.best):
            return not math.isnan(value)
        return self._sign * value > self._sign * self.best

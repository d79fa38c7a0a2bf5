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
        value = values.get(self.metric)
        if value is None or math.isnan(value):
            return False
        if not math.isnan(self.best) and self._sign * value <= self._sign * self.best:
            return False
        self.best = value
        return True

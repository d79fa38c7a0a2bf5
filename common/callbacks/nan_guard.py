"""Ends training at the first loss that is not a number."""

from typing import Callable, Dict, List, Optional, Sequence

import numpy as np
import tensorflow.compat.v1 as tf

from common.callbacks.callback import Callback, Hooks, Tensors
from common.config.schema import ROW
from common.errors import NanLoss
from common.formats.chunks import file_of, row_in_file


class NanGuard(Callback):
    """Ends the run with NanLoss, before weights that gave a NaN are saved.

    Args:
      paths: of the files that the rows come from, by their numbers.
      find_rows: gives the numbers from 0 of the rows in a batch, batches of this process counted
        from 0; asked only where the batch does not carry them.
    """

    def __init__(self, paths: Sequence[str], find_rows: Callable[[int], List[int]]) -> None:
        self._hook = StopAtNan(paths, find_rows)

    def first_hooks(self) -> Hooks:
        """The guard, ahead of the Estimator's own NaN hook, which knows no rows."""
        return [self._hook]

    def change(self, spec: tf.estimator.EstimatorSpec, features: Tensors,
               mode: str) -> tf.estimator.EstimatorSpec:
        """Leaves the spec as it is and watches its loss."""
        if mode == tf.estimator.ModeKeys.TRAIN:
            self._hook.watch(spec.loss, features.get(ROW))
        return spec


class StopAtNan(tf.train.SessionRunHook):
    """Raises NanLoss at the first step whose loss is not finite.

    It must come before the Estimator's own NaN hook, and does so only among the hooks of the
    TrainSpec, which is made before the loss: hence `watch`.

    Args:
      paths, find_rows: as NanGuard takes them.
    """

    def __init__(self, paths: Sequence[str], find_rows: Callable[[int], List[int]]) -> None:
        self._paths = paths
        self._find_rows = find_rows
        self._fetches: Dict[str, tf.Tensor] = {}
        self._batches = 0

    def watch(self, loss: tf.Tensor, rows: Optional[tf.Tensor]) -> None:
        """Sets what is watched: the loss, scalar, and the rows' numbers, int64 [B] or None."""
        self._fetches = {"loss": loss}
        if rows is not None:
            self._fetches["rows"] = rows
        self._global_step = tf.train.get_global_step()

    def before_run(self, run_context: tf.train.SessionRunContext) -> tf.train.SessionRunArgs:
        """Asks for the loss and the batch's rows."""
        return tf.train.SessionRunArgs(self._fetches)

    def after_run(self, run_context: tf.train.SessionRunContext,
                  run_values: tf.train.SessionRunValues) -> None:
        """Checks the loss."""
        values = run_values.results
        self._batches += 1
        if np.isfinite(values["loss"]):
            return
        step = int(run_context.session.run(self._global_step))
        if "rows" in values:
            rows = values["rows"].tolist()
        else:
            rows = self._find_rows(self._batches - 1)
        raise NanLoss(
            "the loss of step {} is {}. Its batch held these rows of {}. Look at them, or "
            "lower --learning_rate; the last checkpoint is from before this step.".format(
                step, values["loss"], self._places(rows)))

    def _places(self, rows: List[int]) -> str:
        """Rows by file, each file's numbered from 1."""
        by_file: Dict[str, List[str]] = {}
        for row in rows:
            path = self._paths[file_of(row)]
            number = str(row_in_file(row) + 1)
            by_file.setdefault(path, []).append(number)
        places = [path + ": " + ", ".join(numbers) for path, numbers in by_file.items()]
        return "; ".join(places)

"""The test rows of a run evaluated once more, for the curves and slices of its report."""

import os
import tempfile
from typing import Sequence

import tensorflow.compat.v1 as tf

from common import rows
from common.callbacks.callback import Evaluation
from common.callbacks.curves import Curves
from common.callbacks.keeping import Keeping
from common.config.toggles import Toggles
from common.estimators import Estimators
from common.pipeline.source import Data
from common.recorded import Recorded


def write_curves(run: Recorded, checkpoint: str, data: Data, columns: Sequence[str],
                 folder: str) -> None:
    """Writes curves.json of a checkpoint.

    It is evaluated as within the run, but with our kernels for --tf, and without a trace among the
    run's events.

    Args:
      checkpoint: the prefix of its files.
      data: whose test rows are evaluated.
      columns: that these are cut by.
      folder: of the file.

    Raises:
      BadInput: rows that cannot be read, or a checkpoint of other variables.
    """
    curves = Curves(folder, data, columns)
    with tempfile.TemporaryDirectory() as events:
        of_run = run.run._replace(checkpoint_dir=events, result_dir=folder)
        if of_run.toggles.tf:
            ours = Toggles(emb_fusion=True, op_fusion=True, smartstaged=True)
            of_run = of_run._replace(toggles=ours)
        estimators = Estimators(of_run, run.module.model_fn, run.params(data),
                                [Keeping(of_run), curves])
        try:
            values = estimators.evaluate.evaluate(
                rows.evaluation_input(of_run, data), checkpoint_path=checkpoint)
        except tf.errors.OpError:
            if data.bad_rows.error:  # of which tf.data makes an error that names no type
                raise data.bad_rows.error
            raise
    step = int(values["global_step"])
    curves.evaluated(Evaluation(step, os.path.abspath(checkpoint), values))

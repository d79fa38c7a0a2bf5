"""Chrome traces of single steps (--timeline)."""

import os

import tensorflow.compat.v1 as tf

from common import files
from common.callbacks.callback import Callback, Hooks
from common.config.run import Run
from common.tf_private import Profiler


class Timeline(Callback):
    """Writes a trace every --timeline steps: timeline-STEP.json, in a cluster
    timeline-PROCESS-STEP.json.
    """

    def __init__(self, run: Run) -> None:
        self._steps, self._folder = run.timeline, run.result_dir
        self._process = run.cluster.name + "-" if run.cluster else ""

    def hooks(self, spec: tf.estimator.EstimatorSpec) -> Hooks:
        """TensorFlow's profiler."""
        if not self._steps:
            return []
        return [Profiler(self._steps, self._folder, self._write)]

    def _write(self, step: int, trace: str) -> None:
        os.makedirs(self._folder, exist_ok=True)
        path = os.path.join(self._folder, "timeline-{}{}.json".format(self._process, step))
        with files.replacing(path) as temporary, open(temporary, "w") as file:
            file.write(trace)

"""Chrome traces of single steps (--timeline)."""

import tensorflow.compat.v1 as tf

from common.callbacks.callback import Callback, Hooks


class Timeline(Callback):
    """Writes timeline-STEP.json every so many steps.

    Args:
      steps: between two traces; 0 for none.
      folder: that they are written to.
    """

    def __init__(self, steps: int, folder: str) -> None:
        self._steps, self._folder = steps, folder

    def hooks(self, spec: tf.estimator.EstimatorSpec) -> Hooks:
        """TensorFlow's profiler."""
        if not self._steps:
            return []
        return [tf.train.ProfilerHook(self._steps, output_dir=self._folder)]

"""Batches taken ahead of the steps by DeepRec, where it serves --smartstaged."""

from typing import Tuple

import tensorflow.compat.v1 as tf

from common.callbacks.callback import Callback, Tensors
from common.config.toggles import Toggles
from common.deeprec import symbols as deeprec


class Staging(Callback):
    """Stages the batches of training and evaluation; predictions get theirs from a request."""

    def __init__(self, toggles: Toggles) -> None:
        self._is_on = toggles.smartstaged and deeprec.has("smartstaged")

    def batch(self, features: Tensors, labels: Tensors, mode: str) -> Tuple[Tensors, Tensors]:
        """The batch that DeepRec took ahead."""
        return deeprec.staged(features, labels) if self._is_on else (features, labels)

    def change(self, spec: tf.estimator.EstimatorSpec, features: Tensors,
               mode: str) -> tf.estimator.EstimatorSpec:
        """Adds the hook without which a session would wait for its first batch for ever."""
        if not self._is_on or mode == tf.estimator.ModeKeys.PREDICT:
            return spec
        is_training = mode == tf.estimator.ModeKeys.TRAIN
        name = "training_hooks" if is_training else "evaluation_hooks"
        return spec._replace(**{name: [*getattr(spec, name), deeprec.staging_hook()]})

"""Numbers as inputs of a network, beside embeddings: of any scale, normalised to about -1 to 1."""

from typing import Dict, List, Sequence, Tuple

import numpy as np
import tensorflow.compat.v1 as tf

from common.config.schema import Column
from common.embedding import input_layer
from common.embedding.column_ids import Features
from common.embedding.config import Embedding

# Column -> the mean and the standard deviation of its numbers' logarithms in the training rows.
Statistics = Dict[str, Tuple[float, float]]


def statistics(columns: Sequence[Column], numbers: np.ndarray) -> Statistics:
    """The statistics of some columns.

    Args:
      numbers: of training rows, float [N, columns].
    """
    logs = np.sign(numbers) * np.log1p(np.abs(numbers.astype(np.float64)))
    found: Statistics = {}
    for column, values in zip(columns, logs.T):
        deviation = values.std() if len(values) else 0.0
        mean = values.mean() if len(values) else 0.0
        found[column.name] = float(mean), float(deviation) or 1.0  # of equal numbers it is 0
    return found


def embed(
        features: Features,
        columns: Sequence[Column],
        scope: str,
        config: Embedding,
        known: Statistics,
) -> tf.Tensor:
    """The embeddings of some columns, as input_layer.embed joins them, and their numbers.

    The statistics are variables that no step changes, so that checkpoints and exports keep those of
    the rows that training began with.

    Args:
      columns: those with an embedding, and numbers.
      known: of the numbers, where training begins.

    Returns:
      float32 [B, D * embedded columns + numbers].
    """
    numbers = [column for column in columns if column.kind == "number"]
    embedded = [column for column in columns if column.kind != "number"]
    parts: List[tf.Tensor] = []
    if embedded:
        parts.append(input_layer.embed(features, embedded, scope, config))
    if numbers:
        parts.append(_normalised(features, numbers, scope, known))
    return parts[0] if len(parts) == 1 else tf.concat(parts, axis=1)


def beside(features: Features, columns: Sequence[Column]) -> tf.Tensor:
    """Number columns [B] beside one another, float32 [B, columns]."""
    # Grappler turns tf.stack of one tensor into an op that runs after it, and follows an input that
    # is fed to its default: a request to an export would then lack what it has no need of.
    parts = [tf.expand_dims(features[column.name], 1) for column in columns]
    return tf.concat(parts, axis=1)


def logarithms(numbers: tf.Tensor) -> tf.Tensor:
    """The logarithm of the size of numbers and one, with their sign, of the same shape."""
    return tf.sign(numbers) * tf.log1p(tf.abs(numbers))


def _normalised(
        features: Features,
        columns: Sequence[Column],
        scope: str,
        known: Statistics,
) -> tf.Tensor:
    """The logarithms of numbers at mean 0 and deviation 1, float32 [B, columns]."""
    means, deviations = zip(*[known[column.name] for column in columns])
    mean = _constant(scope + "/numbers/mean", means)
    deviation = _constant(scope + "/numbers/deviation", deviations)
    return (logarithms(beside(features, columns)) - mean) / deviation


def _constant(name: str, values: Sequence[float]) -> tf.Variable:
    initializer = tf.constant_initializer(values)
    return tf.get_variable(name, [len(values)], initializer=initializer, trainable=False)

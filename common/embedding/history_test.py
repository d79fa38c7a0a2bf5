from typing import List

import numpy as np
import tensorflow.compat.v1 as tf

from common.embedding.history import History, PaddedHistory, ragged

LENGTHS = [2, 0, 4, 1]
SPLITS = np.concatenate([[0], np.cumsum(LENGTHS)])
RNG = np.random.default_rng(0)
ITEMS, SCORES, PER_ROW = [
    RNG.standard_normal(shape).astype(np.float32) for shape in ([7, 3], [7, 1], [4, 2])
]


def pad(values: np.ndarray, filler: float) -> np.ndarray:
    full = np.full([4, 6, values.shape[1]], filler, np.float32)
    for row, (end, length) in enumerate(zip(np.cumsum(LENGTHS), LENGTHS)):
        full[row, :length] = values[end - length:end]
    return full


def run(history: History, scores: np.ndarray) -> List[np.ndarray]:
    with tf.Session() as session:
        per_row, scored = tf.constant(PER_ROW), tf.constant(scores)
        spread = history.spread(per_row)
        weights = history.softmax(scored)
        pooled = history.sum(weights * history.items)
        slopes = tf.gradients(
            tf.reduce_sum(pooled ** 2) + tf.reduce_sum(history.sum(spread) ** 2), [per_row, scored])
        return session.run([history.sum(spread), history.sum(weights), pooled,
                            history.lengths()] + slopes)


def test_ragged_and_padded_histories_agree_in_values_and_gradients() -> None:
    with tf.Graph().as_default():
        of_ragged = run(ragged(tf.constant(ITEMS), tf.constant(SPLITS, tf.int64)), SCORES)
        padded = run(
            PaddedHistory(tf.constant(pad(ITEMS, 9.0)), tf.constant(pad(np.ones([7, 1]), 0.0))),
            pad(SCORES, 5.0))
    for ours, theirs in zip(of_ragged[:5], padded[:5]):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(pad(of_ragged[5], 0.0), padded[5], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(of_ragged[3][:, 0], LENGTHS)
    np.testing.assert_allclose(of_ragged[1][:, 0], np.minimum(LENGTHS, 1), rtol=1e-6)


def test_softmax_of_huge_scores_is_finite() -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        history = ragged(tf.constant(ITEMS), tf.constant(SPLITS, tf.int64))
        scores = tf.constant(SCORES * 1e4)
        weights = history.softmax(scores)
        got, slope = session.run([weights, tf.gradients(tf.reduce_sum(weights ** 2), scores)[0]])
    assert np.isfinite(got).all() and np.isfinite(slope).all()
    lists = np.split(SCORES[:, 0].astype(np.float64) * 1e4, np.cumsum(LENGTHS)[:-1])
    raised = [np.exp(scores - scores.max()) for scores in lists if len(scores)]
    expected = [one / one.sum() for one in raised]
    np.testing.assert_allclose(got[:, 0], np.concatenate(expected), rtol=1e-3, atol=1e-6)

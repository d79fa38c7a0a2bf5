import numpy as np
import pytest

from common.metrics import measures
from data import amazon, histories, interests


def test_bayes_auc_is_that_of_the_true_probabilities(tmp_path: object) -> None:
    report = amazon.make(300, 8000, 5, str(tmp_path))
    world = histories.make_world(5, amazon.NAMES)
    drawn = histories.draw_rows(amazon.SCHEMA, world, np.random.default_rng(9), 30000)
    labels = drawn.table.column("label").to_numpy()
    p = 1 / (1 + np.exp(-drawn.logits["click"]))
    assert labels.mean() == pytest.approx(p.mean(), abs=0.01)
    bayes_auc = report["bayes_auc"]["click"]
    assert bayes_auc == pytest.approx(measures.auc(labels, p), abs=0.015)


def test_the_signal_is_in_the_relevant_part_of_the_history() -> None:
    """What the candidate's own category in the history says is worth more than the mean over the
    whole of it.
    """
    world = histories.make_world(5, amazon.NAMES)
    draws = interests.draw_entities(world, np.random.default_rng(2), 50000)
    probabilities = 1 / (1 + np.exp(-histories.logit_of(world, draws)))
    labels = np.random.default_rng(3).random(50000) < probabilities
    relevant = histories.source(world, "relevant history", draws)
    whole = np.bincount(draws.owner, world.effects["relevant history"][draws.history],
                        50000) / draws.lengths
    assert measures.auc(labels, relevant) > measures.auc(labels, whole) + 0.05

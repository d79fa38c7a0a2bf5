"""Samples of reviews without a signal tell no label by what samples of that kind have told it."""

import os
from typing import Dict, List, Sequence

import numpy as np
import pytest

from common.metrics import measures
from data.din.samples import SEPARATOR, Sample, read_samples
from data.din.script import local_aggretor
from data.din.script.local_aggretor import Settings

NUM_USERS, NUM_ITEMS = 4000, 400


def write_reviews(path: str, seed: int) -> None:
    """Random items; 2 or 3 reviews on a user's last day; doubles; the file is sorted by item."""
    rng = np.random.default_rng(seed)
    lines: List[str] = []
    for user in range(NUM_USERS):
        size = rng.integers(2, 12)
        items = rng.integers(0, NUM_ITEMS, size)
        days = np.sort(rng.integers(0, 300, size))
        days[-rng.integers(2, 4):] = 300
        rows = ["u{}\ti{:03d}\t5.0\t{}".format(user, *row) for row in zip(items, days)]
        if rng.random() < 0.4:
            rows.append(rows[-1])
        lines += rows
    lines.sort(key=lambda line: line.split("\t")[1])
    with open(path, "w") as file:
        file.write("\n".join(lines) + "\n")


def detect(samples: Sequence[Sample]) -> Dict[str, float]:
    """The AUC of each detector of labels."""
    labels = np.array([sample.label == b"1" for sample in samples], int)
    histories = [sample.items.split(SEPARATOR) for sample in samples]
    scores = {
        "item": [int(sample.item[1:]) for sample in samples],
        "target in history": [sample.item in items for sample, items in zip(samples, histories)],
        "length": list(map(len, histories)),
        "last item": [int(items[-1][1:]) for items in histories],
        "category in history": [
            sample.category in sample.categories.split(SEPARATOR) for sample in samples],
    }
    return {name: measures.auc(labels, np.array(values, float)) for name, values in scores.items()}


def prepare(folder: str, settings: Settings) -> Dict[str, float]:
    reviews, items, samples = [os.path.join(folder, name) for name in ("r", "i", "s")]
    write_reviews(reviews, 3)
    with open(items, "w") as file:
        for item in range(NUM_ITEMS):
            file.write("i{:03d}\tc{}\n".format(item, item % 20))
    local_aggretor.aggregate(reviews, items, samples, settings)
    return detect([sample for _, sample in read_samples(samples)])


def test_rows_without_a_signal_tell_no_label(tmp_path: object) -> None:
    for name, auc in prepare(str(tmp_path), Settings()).items():
        assert auc == pytest.approx(0.5, abs=0.025), name


def test_the_files_own_order_tells_it(tmp_path: object) -> None:
    found = prepare(str(tmp_path), Settings(draws_ties=False))
    assert found["item"] > 0.65 and found["target in history"] == 0.5

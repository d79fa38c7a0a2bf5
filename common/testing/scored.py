"""Runs of models whose rows are then scored, and what the scores are worth.

A test module takes over the fixtures that it uses, as with rows = scored.rows.
"""

import importlib
import json
import os
from typing import Any, Sequence, Tuple

import numpy as np
import pandas as pd
import pyarrow.parquet
import pytest

from common import predict
from common.testing import data_sets
from data import amazon, eleme, taobao

_ROUNDED = 2e-6  # at most, of probabilities
SCHEMA = {
    "header": True,
    "columns": [
        {"name": "clk", "kind": "label"},
        {"name": "buy", "kind": "label"},
        {"name": "user_id", "kind": "hash", "buckets": 500},
        {"name": "page", "kind": "hash", "buckets": 500},
        {"name": "tags", "kind": "hash", "buckets": 300, "separator": "|"},
        {"name": "hour", "kind": "identity", "buckets": 24},
        {"name": "price", "kind": "number"},
        {"name": "note", "kind": "keep"},
    ],
}


@pytest.fixture(autouse=True)
def small_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables of 2,000 rows in place of 100,000."""
    data_sets.shrink_tables(monkeypatch, taobao, amazon, eleme)


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> str:
    """4,000 training and 1,500 test rows."""
    return data_sets.made_once(tmp_path_factory, "scored", write_rows)


def write_rows(folder: str) -> None:
    """Writes schema.json, train.csv, test.csv and test.parquet, whose clicks depend on the page."""
    with open(os.path.join(folder, "schema.json"), "w") as file:
        json.dump(SCHEMA, file)
    effects = np.random.default_rng(0).normal(0, 2, 40)
    for name, size in (("train", 4000), ("test", 1500)):
        frame = _rows(np.random.default_rng(size), size, effects)
        frame.to_csv(os.path.join(folder, name + ".csv"), index=False)
    frame.to_parquet(os.path.join(folder, "test.parquet"), row_group_size=400)


def _rows(rng: np.random.Generator, size: int, effects: np.ndarray) -> pd.DataFrame:
    pages = rng.integers(0, len(effects), size)
    clicks = rng.random(size) < 1 / (1 + np.exp(-effects[pages]))
    return pd.DataFrame({
        "clk": clicks.astype(int),
        "buy": (clicks & (rng.random(size) < 0.5)).astype(int),
        "user_id": ["{:03d}".format(user) for user in rng.integers(0, 200, size)],
        "page": ["p{}".format(page) for page in pages],
        "tags": ["t{}|t{}".format(*tags) for tags in rng.integers(0, 30, [size, 2])],
        "hour": rng.integers(0, 24, size),
        "price": rng.random(size).round(3),
        "note": ["n{}".format(i) for i in range(size)],
    })


def train_mmoe(folder: str, rows: str, *flags: str) -> str:
    """Trains MMoE on what write_rows has written; returns the run's folder."""
    def named(name: str) -> str:
        return os.path.join(rows, name)

    return train("mmoe", folder, rows, "--schema", named("schema.json"),
                 "--train_files", named("train.csv"), "--eval_files", named("test.csv"),
                 "--steps", "60", "--optimizer", "adam", "--learning_rate", "0.003", *flags)


def train(model: str, folder: str, rows: str, *flags: str) -> str:
    """Trains a model for a few steps on small rows; returns the run's folder.

    Args:
      model: its folder, as "esmm".
      rows: the folder of its rows.
    """
    main = importlib.import_module(model + ".train").main
    main(["--data_location", rows, "--checkpoint", folder, "--batch_size", "128",
          "--steps", "12", *flags])
    return folder


def score(run: str, files: str, out: object, *flags: str) -> pd.DataFrame:
    """Scores rows; returns what is written."""
    predict.main([run, "--files", files, "--out", str(out), *flags])
    return read(str(out))


def read(path: str) -> pd.DataFrame:
    """A file of scores."""
    if path.endswith(".csv"):
        return pd.read_csv(path, dtype={"user_id": str, "note": str}, keep_default_na=False)
    return pyarrow.parquet.read_table(path).to_pandas()


def auc_bounds(labels: Sequence[Any], probabilities: Sequence[float]) -> Tuple[float, float]:
    """Bounds of the AUC of probabilities that are right to 2e-6.

    An evaluation measures the AUC of logits in batches of its own, and float32 rounds both: pairs
    of rows whose probabilities are this close may be in either order.
    """
    truth = np.array(labels).astype(np.float32) > 0
    scores = np.array(probabilities, np.float64)
    differences = scores[truth][:, None] - scores[~truth][None, :]
    return float(np.mean(differences > _ROUNDED)), float(np.mean(differences >= -_ROUNDED))


def auc_of_run(run: str, task: str) -> float:
    """The AUC that a run's own evaluation has measured."""
    with open(os.path.join(run, "metrics.json")) as file:
        return json.load(file)["tasks"][task]["auc"]

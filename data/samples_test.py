"""The models that fit a public data set train a few steps on real rows of it."""

import csv
import gzip
import json
import os
from types import ModuleType
from typing import Any, Callable, List

import numpy as np
import pytest

import dlrm.train
import esmm.train
import mmoe.train
import ple.train
from common import runner
from common.config import schema_file
from common.testing import data_sets, graphs, toy
from data import aliccp, aliexpress, census, criteo, taobao

REAL = os.path.join(toy.SHARED, "data")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not os.path.isdir(REAL), reason="no real rows beside the project"),
]
MULTI_TASK = [mmoe.train, ple.train]
Train = Callable[..., None]


@pytest.fixture(autouse=True)
def small_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    data_sets.shrink_tables(monkeypatch, aliccp, aliexpress, census, criteo, taobao)


def real(name: str) -> str:
    return os.path.join(REAL, name)


@pytest.fixture
def train(monkeypatch: pytest.MonkeyPatch) -> Train:
    """A function that trains models for two steps, with what a command line makes of the rows."""
    def train(models: List[ModuleType], *argv: str) -> None:
        for model in models:
            seen: List[Any] = []
            monkeypatch.setattr(runner, "train_and_evaluate", lambda *args: seen.append(args))
            model.main(list(argv))  # type: ignore[attr-defined]
            run, data, model_fn, params, _ = seen[0]
            losses = graphs.losses(data, model_fn, params, run.toggles, 2, 5)
            assert np.isfinite(losses).all() and len(losses) == 2

    return train


def test_census_income(tmp_path: object, train: Train) -> None:
    path = os.path.join(str(tmp_path), "census-income.test")
    with gzip.open(real("census-income.test.gz")) as file, open(path, "wb") as some:
        some.writelines(file.readline() for _ in range(90))
    census.convert(path, None, str(tmp_path))
    train(MULTI_TASK, "--schema", "census", "--data_location", str(tmp_path))


def test_criteo(tmp_path: object, train: Train) -> None:
    criteo.convert(real("deepctr_criteo_sample.txt"), None, str(tmp_path))
    train([dlrm.train], "--schema", "criteo", "--data_location", str(tmp_path))


def test_aliexpress(train: Train) -> None:
    """Its published files train as they are."""
    train([*MULTI_TASK, esmm.train], "--schema", "aliexpress",
          "--train_files", real("aliexpress_train_sample.csv"),
          "--eval_files", real("aliexpress_test_sample.csv"))


def test_ali_ccp_that_others_joined(train: Train) -> None:
    train([esmm.train, *MULTI_TASK], "--schema", "aliccp",
          "--train_files", real("ali_ccp_train_sample.csv"),
          "--eval_files", real("ali_ccp_val_sample.csv"))


def test_ali_ccp_with_some_of_its_columns(tmp_path: object, train: Train) -> None:
    with open(real("paddle_aitm_train.csv")) as file:
        names = next(csv.reader(file))
    schema = aliccp.SCHEMA._replace(columns=tuple(aliccp.SCHEMA.named(names)))
    path = os.path.join(str(tmp_path), "some.json")
    with open(path, "w") as file:
        json.dump(schema_file.to_json(schema), file)
    rows = real("paddle_aitm_train.csv")
    train([esmm.train, *MULTI_TASK], "--schema", path, "--train_files", rows, "--eval_files", rows)


def test_ali_ccp_in_the_published_layout(tmp_path: object, train: Train) -> None:
    """Rows of features FIELD:ID are those of a file of impressions that share nothing."""
    for part in ("train", "test"):
        out = os.path.join(str(tmp_path), "{}_" + part + ".csv")
        with open(real("paddle_esmm_{}_small.txt".format(part))) as file, \
                open(out.format("sample_skeleton"), "w") as skeleton, \
                open(out.format("common_features"), "w") as common:
            common.write("none,0,\n")
            for line in file:
                key, click, purchase, *features = line.rstrip("\n").split(",")
                texts = [feature.replace(":", "\x02") + "\x031.0" for feature in features]
                skeleton.write(",".join([key, click, purchase, "none", str(len(texts)),
                                         "\x01".join(texts)]) + "\n")
    counts = aliccp.convert(str(tmp_path), 20, str(tmp_path))
    assert counts == {"aliccp_train": 10, "aliccp_test": 10}
    train([esmm.train, *MULTI_TASK], "--schema", "aliccp", "--data_location", str(tmp_path))


def test_taobao(train: Train) -> None:
    rows = toy.TAOBAO_SAMPLE
    train([esmm.train, *MULTI_TASK], "--train_files", rows, "--eval_files", rows)

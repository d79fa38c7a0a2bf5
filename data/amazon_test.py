import collections
import hashlib
import os
from typing import List

import numpy as np
import pandas as pd
import pytest

from common.pipeline import dataset, source, vocabulary
from common.pipeline.row_order import Stream
from common.testing import graphs
from data import amazon, conversion

NAMES = [column.name for column in amazon.SCHEMA.columns]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = str(tmp_path_factory.mktemp("made"))
    amazon.make(10000, 2001, 5, path)
    return path


def read_text(folder: str, name: str) -> pd.DataFrame:
    rows = pd.read_csv(os.path.join(folder, name), sep="\t", header=None, names=NAMES, dtype=str)
    for column in NAMES[4:]:
        rows[column] = rows[column].str.split("\x02")
    return rows


@pytest.mark.slow
def test_rows_look_like_the_real_ones(folder: str) -> None:
    rows = read_text(folder, "local_train_splitByUser")
    lengths = rows.history_items.map(len)
    assert (lengths == rows.history_categories.map(len)).all()
    assert 8 <= lengths.median() <= 12 and lengths.max() > 100 and lengths.min() >= 1
    assert (rows.label == "1").mean() == pytest.approx(0.5, abs=0.03)
    assert rows.groupby("user").size().value_counts().idxmax() == 2
    histories = rows.groupby("user").history_items.agg(
        lambda lists: len({tuple(items)
                           for items in lists}))
    assert (histories == 1).mean() > 0.99


def test_an_item_has_one_category(folder: str) -> None:
    rows = read_text(folder, "local_train_splitByUser")
    category = dict(zip(rows.item, rows.category))
    for items, categories in zip(rows.history_items[:500], rows.history_categories[:500]):
        assert all(category.setdefault(item, name) == name for item, name in zip(items, categories))


def test_vocabularies_count_the_training_rows(folder: str) -> None:
    rows = read_text(folder, "local_train_splitByUser")
    counts: collections.Counter = collections.Counter(rows.item)
    for items in rows.history_items:
        counts.update(items)
    words = vocabulary.load(os.path.join(folder, "mid_voc"))
    assert words == ["default_mid"] + sorted(counts, key=lambda word: (-counts[word], word))
    os.rename(os.path.join(folder, "mid_voc.txt"), os.path.join(folder, "hidden"))
    assert vocabulary.load(os.path.join(folder, "mid_voc")) == words
    os.rename(os.path.join(folder, "hidden"), os.path.join(folder, "mid_voc.txt"))


@pytest.mark.slow
def test_same_arguments_same_bytes(tmp_path: object, folder: str) -> None:
    amazon.make(10000, 2001, 5, str(tmp_path))
    for name in sorted(os.listdir(folder)):
        digests = [hashlib.sha256(open(os.path.join(str(path), name), "rb").read()).hexdigest()
                   for path in (folder, tmp_path)]
        assert digests[0] == digests[1], name


def test_text_and_parquet_decode_alike(folder: str) -> None:
    batches = []
    for parquet in (False, True):
        data = source.open_data(folder, amazon.SCHEMA, parquet, 0, True)
        batches.append(
            graphs.read_batches(dataset.columnar_input(data.test, data, Stream(3000)))[0])
        assert data.bad_rows.unknown_ids["user"] == 2001
    for name, values in batches[0].items():
        np.testing.assert_array_equal(values, batches[1][name], name)


def test_conversion_there_and_back(folder: str, tmp_path: object) -> None:
    source = os.path.join(folder, "local_test_splitByUser")
    conversion.convert(amazon.SCHEMA, source, os.path.join(str(tmp_path), "a.parquet"))
    conversion.convert(amazon.SCHEMA, os.path.join(str(tmp_path), "a.parquet"),
                       os.path.join(str(tmp_path), "b"))
    with open(source, "rb") as first, open(os.path.join(str(tmp_path), "b"), "rb") as second:
        assert first.read() == second.read()


@pytest.mark.parametrize(
    "argv, message", [(["make", "--rows", "-3"], "--rows and --test_rows must be > 0. Got: -3"),
                      (["make", "--click_rate", "0.1"], "unrecognized arguments: --click_rate")])
def test_wrong_use(argv: List[str], message: str, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as end:
        amazon.main(argv)
    assert end.value.code == 2 and message in capsys.readouterr().err


@pytest.mark.slow
def test_the_published_parquet_files_are_read(tmp_path: object) -> None:
    amazon.make(50, 10, 5, str(tmp_path))
    text = "{}/local_train_splitByUser".format(tmp_path)
    rows = pd.read_csv(text, sep="\t", header=None, dtype=str, names=[
        "CLICKED", "UID", "ITEM", "CATEGORY", "HISTORY_ITEM", "HISTORY_CATEGORY"])
    rows.iloc[:, ::-1].to_parquet("{}/part-0.parquet".format(tmp_path))
    conversion.convert(amazon.SCHEMA, "{}/part-0.parquet".format(tmp_path), text + ".again")
    with open(text) as one, open(text + ".again") as other:
        assert one.read() == other.read()

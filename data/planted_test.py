import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest

from common.config.schema import Column, Schema
from common.errors import BadInput
from data import conversion, planted

SCHEMA = Schema(
    name="tiny",
    columns=(Column("y", "label"), Column("u", "hash", 9), Column(
        "n", "number", default="0"), Column("size", "identity", 5, default="0"),
             Column("items", "hash", 9, separator=";",
                    default=""), Column("prices", "number", separator=";", default="0")),
    train_file="tiny_train",
    test_file="tiny_test",
    user_column="u",
    module="data/tiny.py",
    delimiter="\t",
    parquet_lists=True)


def test_laws_to_draw_from() -> None:
    rng = np.random.default_rng(0)
    drawn = planted.draw(rng, planted.zipf(50, 1.0, 2), 100000)
    counts = np.bincount(drawn, minlength=50)
    np.testing.assert_allclose(counts[0] / counts[9], 12 / 3, rtol=0.1)
    logit = rng.standard_normal(10000)
    constant = planted.intercept(logit, np.ones(10000), 0.1)
    assert planted.sigmoid(logit + constant).mean() == pytest.approx(0.1, abs=1e-6)


def test_labels_follow_their_probabilities() -> None:
    logit = np.repeat([-2.0, 0.0, 3.0], 20000)
    labels = planted.draw_labels(np.random.default_rng(0), logit)
    assert labels.dtype == np.int32 and set(labels) == {0, 1}
    means = labels.reshape(3, -1).mean(1)
    np.testing.assert_allclose(means, 1 / (1 + np.exp([2.0, 0.0, -3.0])), atol=0.01)


def test_scale_gives_the_variance() -> None:
    values = np.random.default_rng(0).normal(5, 3, 1000)
    assert (planted.scale_to(values, 0.7) * values).var() == pytest.approx(0.7)


def test_auc_is_none_with_one_class() -> None:
    assert planted.auc(np.array([1, 1]), np.array([0.1, 0.2])) is None
    assert planted.auc(np.array([0, 1]), np.array([0.1, 0.2])) == 1.0


def test_text_and_parquet_hold_the_same_rows_in_blocks(tmp_path: object,
                                                       monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planted, "_BLOCK_ROWS", 7)

    def draw_rows(rng: np.random.Generator, size: int) -> planted.Rows:
        names = pa.array(["u{}".format(i) for i in rng.integers(0, 9, size)])
        lists = pa.array([["i{}".format(i)] * i for i in rng.integers(0, 3, size)],
                         pa.list_(pa.string()))
        table = pa.table([
            pa.array(rng.integers(0, 2, size), pa.int32()), names,
            pa.array(rng.random(size)),
            pa.array(rng.integers(0, 5, size), pa.int32()), lists,
            pa.array([[]] * size, pa.list_(pa.float64()))
        ],
                         schema=conversion.arrow_schema(SCHEMA))
        return planted.Rows(table, {"y": rng.random(size)})

    train, test = planted.make_files(SCHEMA, draw_rows, 20, 5, 1, str(tmp_path))
    assert (train.table.num_rows, test.table.num_rows, len(train.logits["y"])) == (20, 5, 20)
    text = pd.read_csv("{}/tiny_train".format(tmp_path), sep="\t", header=None,
                       keep_default_na=False, float_precision="round_trip")
    parquet = pyarrow.parquet.read_table("{}/tiny_train.parquet".format(tmp_path)).to_pandas()
    assert text[1].tolist() == parquet.u.tolist() and text[2].tolist() == parquet.n.tolist()
    assert text[4].tolist() == [";".join(items) for items in parquet["items"]]
    with pytest.raises(
            BadInput,
            match="{}/tiny_train is there already and holds no synthetic rows. Name another "
            "folder with --out, or remove it".format(tmp_path)):
        planted.make_files(SCHEMA, draw_rows, 20, 5, 1, str(tmp_path))
    planted.write_report(SCHEMA, train, test, {}, str(tmp_path))
    planted.make_files(SCHEMA, draw_rows, 20, 5, 1, str(tmp_path))

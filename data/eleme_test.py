import hashlib
import json
import os
from typing import List

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet
import pytest

from common.errors import BadInput
from common.metrics import measures
from common.pipeline import dataset, source
from common.pipeline.row_order import Stream
from common.testing import graphs, toy
from data import conversion, eleme, eleme_world

NAMES = [column.name for column in eleme.SCHEMA.columns]
LISTS = [name for name in NAMES if name.endswith("_list")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = str(tmp_path_factory.mktemp("made"))
    eleme.make(6000, 1000, 5, 0.1, path)
    return path


@pytest.fixture(scope="module")
def rows(folder: str) -> pd.DataFrame:
    return pd.read_csv(os.path.join(folder, "train.csv"), header=None, names=NAMES, dtype=str,
                       keep_default_na=False)


def test_schema_is_the_documented_one() -> None:
    schema = eleme.SCHEMA
    assert len(NAMES) == 39 and [c.name for c in schema.labels] == ["clicked"]
    assert [c.name for c in schema.numbers] == (
        "gender avg_price is_supervip ctr_30 ord_30 total_amt_30 rank_7 rank_30 rank_90 price_list "
        "hours_list hours"
        .split())
    tables: dict = {}
    for column in schema.features:
        tables.setdefault(column.table or column.name, []).append(column.name)
    assert sorted(sorted(names) for names in tables.values() if len(names) > 1) == sorted(
        map(sorted, [["shop_id", "shop_id_list"], ["item_id", "item_id_list"],
                     ["category_1_id", "category_1_id_list"],
                     ["merge_standard_food_id", "merge_standard_food_id_list"],
                     ["brand_id", "brand_id_list"], ["shop_aoi_id", "shop_aoi_id_list"],
                     ["shop_geohash_12", "geohash12"], ["shop_geohash_6", "shop_geohash6_list"],
                     ["visit_city", "city_id"]]))
    assert {c.name for c in schema.features if c.kind == "words"} == {"time_type", "time_type_list"}
    assert all(c.buckets == 100000 for c in schema.features if c.kind == "hash")
    assert [c.name for c in schema.columns if c.aligned] == [
        name for name in LISTS if name != "weekdays_list"
    ]
    assert len(LISTS) == 12


@pytest.mark.slow
def test_rows_look_like_the_real_ones(rows: pd.DataFrame) -> None:
    assert (rows.clicked == "1").mean() == pytest.approx(0.1, abs=0.02)
    lengths = pd.DataFrame(
        {name: rows[name].map(lambda text: text.count(";") + 1 if text else 0)
         for name in LISTS})
    assert (lengths.nunique(axis=1) == 1).all()
    assert lengths.shop_id_list.max() == 50 and lengths.shop_id_list.min() == 0
    assert 0 < (rows.avg_price == "").mean() < 0.05 and 0 < (rows.brand_id == "").mean() < 0.1
    assert set(rows.time_type) <= set(eleme_world.TIME_TYPES)
    scales = [rows[name].replace("", "0").astype(float).std() for name in ("ctr_30", "rank_7")]
    assert scales[1] / scales[0] > 1e4


@pytest.mark.slow
def test_bayes_auc_is_that_of_the_true_probabilities(folder: str) -> None:
    world = eleme_world.make_world(5, 0.1)
    drawn = eleme.draw_rows(world, np.random.default_rng(9), 40000)
    labels = drawn.table.column("clicked").to_numpy()
    p = 1 / (1 + np.exp(-drawn.logits["click"]))
    assert labels.mean() == pytest.approx(p.mean(), abs=0.005)
    with open(os.path.join(folder, "eleme_planted.json")) as file:
        assert json.load(file)["bayes_auc"]["click"] == pytest.approx(measures.auc(labels, p),
                                                                      abs=0.03)


def test_every_source_has_its_share_of_the_signal() -> None:
    world = eleme_world.make_world(1, 0.1)
    draws = eleme_world.draw_entities(world, np.random.default_rng(3), 20000)
    shares = {name: (values * world.scales[name]).var() / 2.0
              for name, values in eleme_world.sources(world, draws).items()}
    for name, share in eleme_world.SIGNAL.items():
        assert shares[name] == pytest.approx(share, rel=0.25), name


def test_same_arguments_same_bytes(tmp_path: object, folder: str) -> None:
    eleme.make(6000, 1000, 5, 0.1, str(tmp_path))
    for name in os.listdir(folder):
        digests = [hashlib.sha256(open(os.path.join(str(path), name), "rb").read()).hexdigest()
                   for path in (folder, tmp_path)]
        assert digests[0] == digests[1], name


@pytest.mark.slow
def test_text_and_parquet_decode_alike(folder: str) -> None:
    batches = []
    for parquet in (False, True):
        data = source.open_data(folder, eleme.SCHEMA, parquet, 0, True)
        batches.append(graphs.read_batches(dataset.columnar_input(data.test, data, Stream(500)))[0])
    for name, values in batches[0].items():
        np.testing.assert_allclose(values, batches[1][name], rtol=1e-6, err_msg=name)


@pytest.mark.slow
def test_conversion_gives_the_same_parquet(folder: str, tmp_path: object) -> None:
    target = os.path.join(str(tmp_path), "eval.parquet")
    conversion.convert(eleme.SCHEMA, os.path.join(folder, "eval.csv"), target)
    ours, made = [pa.parquet.read_table(path) for path in (
        target, os.path.join(folder, "eval.csv.parquet"))]
    for name in NAMES:
        if name != "brand_id":  # a missing string is empty in text
            assert ours.column(name).to_pylist() == made.column(name).to_pylist(), name


@pytest.mark.parametrize("column, change, message", [
    ("price_list", lambda text: text + ";1",
     "column 'price_list': '[0-9.;]+' is given, expected [0-9]+ items? as in "
     "column 'shop_id_list', not [0-9]+. Mend"),
    ("shop_id_list", lambda text: "",
     "column 'shop_id_list': '' is given, expected [0-9]+ items as in column "
     "'item_id_list', not 0. Mend"),
    ("time_type", lambda text: "brunch",
     "column 'time_type': 'brunch' is given, expected one of lunch, night, dinner"),
    ("time_type", lambda text: "", "column 'time_type': '' is given, expected one of lunch"),
    ("time_type_list", lambda text: text.replace("lunch", "brunch"),
     "column 'time_type_list': '.*brunch.*' is given, expected items out of lunch, night"),
    ("ctr_30", lambda text: "often", "column 'ctr_30': 'often' is given, expected a finite number"),
    ("hours_list", lambda text: text + "x",
     "column 'hours_list': '.*x' is given, expected finite numbers"),
    ("clicked", lambda text: "yes", "column 'clicked': 'yes' is given, expected 0 or 1")
])
def test_bad_rows(rows: pd.DataFrame, tmp_path: object, column: str, change: object,
                  message: str) -> None:
    full = rows[rows.time_type_list.str.contains("lunch")
                & (rows.shop_id_list.str.len() < 60)].head(5).values.tolist()
    at = NAMES.index(column)
    full[3][at] = change(full[3][at])  # type: ignore[operator]
    write(str(tmp_path), full)
    with pytest.raises(BadInput, match="eval.csv, row 4, " + message):
        source.open_data(str(tmp_path), eleme.SCHEMA, False, 0, True)
    assert source.open_data(str(tmp_path), eleme.SCHEMA, False, 2, True).train_rows == 4


def test_one_earlier_click_without_brand_and_price(folder: str, tmp_path: object) -> None:
    table = pa.parquet.read_table(os.path.join(folder, "train.csv.parquet"))
    alone = table.filter(
        pa.compute.equal(pa.compute.list_value_length(table.column("shop_id_list")), 1))
    for name, missing in (("brand_id_list", [None]), ("shop_aoi_id_list", [""]), ("price_list", [
            None
    ])):
        at = alone.schema.get_field_index(name)
        column = pa.array([missing] * alone.num_rows, alone.schema.field(at).type)
        alone = alone.set_column(at, name, column)
    batches = []
    for name in ("train.csv", "eval.csv"):
        path = os.path.join(str(tmp_path), name)
        pa.parquet.write_table(alone, path + ".parquet")
        assert conversion.convert(eleme.SCHEMA, path + ".parquet", path) == alone.num_rows > 10
    for parquet in (False, True):
        data = source.open_data(str(tmp_path), eleme.SCHEMA, parquet, 0, True)
        batches.append(graphs.read_batches(dataset.columnar_input(data.test, data, Stream(500)))[0])
    for name, values in batches[0].items():
        np.testing.assert_array_equal(values, batches[1][name], name)
    assert set(batches[0]["price_list"]) == {0.0} and not len(batches[0]["brand_id_list.values"])


def write(folder: str, lines: List[List[str]]) -> None:
    for name in ("train.csv", "eval.csv"):
        toy.write_csv(os.path.join(folder, name), lines)


@pytest.mark.parametrize("argv, message", [
    (["make", "--click_rate", "1.5"], "--click_rate must be > 0 and < 1. Got: 1.5"),
    (["make", "--rows", "0"], "--rows and --test_rows must be > 0. Got: 0 and 1"),
    (["make", "--seed", "-1"], "--seed must be >= 0. Got: -1")])
def test_wrong_use(argv: List[str], message: str, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as end:
        eleme.main(argv)
    assert end.value.code == 2 and message in capsys.readouterr().err

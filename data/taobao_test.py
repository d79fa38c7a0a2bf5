import hashlib
import json
import os
from typing import Dict

import numpy as np
import pandas as pd
import pyarrow.parquet
import pytest

from common.errors import BadInput
from common.metrics import measures
from common.testing import toy
from data import conversion, taobao, taobao_world

NAMES = [column.name for column in taobao.SCHEMA.columns]
TAGS = ["tag_category_list", "tag_brand_list"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = str(tmp_path_factory.mktemp("made"))
    taobao.make(10000, 3000, 5, 0.053, 0.0004, path)
    return path


@pytest.fixture(scope="module")
def world() -> taobao_world.World:
    return taobao_world.make_world(5, 0.053, 0.004)


def read_csv(path: str) -> pd.DataFrame:
    return pd.read_csv(path, header=None, names=NAMES, dtype=str, keep_default_na=False)


def digests(folder: str) -> Dict[str, str]:
    return {name: hashlib.sha256(open(os.path.join(folder, name), "rb").read()).hexdigest()
            for name in sorted(os.listdir(folder))}


def test_schema_is_the_documented_one() -> None:
    assert NAMES == (
        "clk buy pid adgroup_id cate_id campaign_id customer brand user_id cms_segid cms_group_id "
        "final_gender_code age_level pvalue_level shopping_level occupation new_user_class_level "
        "tag_category_list tag_brand_list price").split()
    buckets = {column.name: column.buckets for column in taobao.SCHEMA.columns if column.is_feature}
    assert buckets == dict(user_id=100000, cms_segid=100, cms_group_id=100, age_level=10,
                           pvalue_level=10, shopping_level=10, occupation=10,
                           new_user_class_level=10, tag_category_list=100000, tag_brand_list=100000,
                           pid=10, adgroup_id=100000, cate_id=10000, campaign_id=100000,
                           customer=100000, brand=100000, price=50)


@pytest.mark.slow
def test_csv_and_parquet_hold_the_same_rows(folder: str) -> None:
    for name, size in ((taobao.SCHEMA.train_file, 10000), (taobao.SCHEMA.test_file, 3000)):
        csv = read_csv(os.path.join(folder, name))
        parquet = pyarrow.parquet.read_table(os.path.join(
            folder, name + ".parquet")).to_pandas().astype(str)
        assert csv.shape == (size, 20)
        pd.testing.assert_frame_equal(csv, parquet)


def test_marginals_are_the_real_sets(folder: str) -> None:
    rows = read_csv(os.path.join(folder, taobao.SCHEMA.train_file))
    distinct = dict(adgroup_id=8273, campaign_id=7420, customer=6520, user_id=5379, brand=3811,
                    cate_id=1133, cms_segid=80, cms_group_id=13, final_gender_code=3, age_level=7,
                    pvalue_level=4, shopping_level=4, occupation=3, new_user_class_level=5,
                    price=50, pid=2)
    for name, expected in distinct.items():
        assert rows[name].nunique() == pytest.approx(expected, rel=0.06), name
    assert (rows.brand == "NULL").mean() == pytest.approx(0.316, abs=0.05)
    assert (rows.pvalue_level == "").mean() == pytest.approx(0.53, abs=0.05)
    assert (rows.clk == "1").mean() == pytest.approx(0.053, abs=0.007)
    assert rows.price.astype(int).between(0, 49).all()
    for name, mean_distinct in zip(TAGS, (2.4, 3.0)):
        lists = rows[name].str.split("|")
        assert (rows[name] == "").mean() == pytest.approx(0.42, abs=0.03)
        assert lists.map(len).max() == 50
        assert lists.map(lambda items: len(set(items))).mean() == pytest.approx(mean_distinct,
                                                                                abs=0.4)
        runs = lists.map(lambda items: 1 + sum(a != b for a, b in zip(items, items[1:])))
        assert lists.map(len).sum() > 3 * runs.sum()
    assert (rows[TAGS[0]].str.count(r"\|") == rows[TAGS[1]].str.count(r"\|")).all()


def test_columns_of_one_ad_or_user_belong_together(folder: str) -> None:
    rows = read_csv(os.path.join(folder, taobao.SCHEMA.train_file))
    for key, names in (("adgroup_id", ["cate_id", "campaign_id", "customer", "brand",
                                       "price"]), ("campaign_id", ["customer"]), ("user_id", [
                                           "age_level", "cms_segid", "pvalue_level"
                                       ])):
        assert rows.groupby(key)[names].nunique().max().max() == 1


@pytest.mark.slow
@pytest.mark.parametrize("click_rate, buy_rate", [(0.053, 0.0004), (0.3, 0.1), (0.02, 0.01)])
def test_rates_come_out(click_rate: float, buy_rate: float) -> None:
    made = taobao.draw_rows(taobao_world.make_world(3, click_rate, buy_rate),
                            np.random.default_rng(0), 200000)
    click = made.table.column("clk").to_numpy()
    buy = made.table.column("buy").to_numpy()
    assert click.mean() == pytest.approx(click_rate, rel=0.05)
    assert buy.mean() == pytest.approx(buy_rate, rel=0.3 if buy_rate < 0.001 else 0.05)
    assert not (buy & (1 - click)).any()


@pytest.mark.slow
def test_signal_is_planted_in_every_group(world: taobao_world.World) -> None:
    draws = taobao_world.draw_entities(world, np.random.default_rng(0), 100000)
    group = {column.name: column.group for column in taobao.SCHEMA.columns}
    for task in (0, 1):
        total: Dict[str, float] = {}
        for name, effect in world.effects.items():
            variance = taobao_world.contribution(world, name, effect, draws)[task].var()
            total[group.get(name, "cross")] = total.get(group.get(name, "cross"), 0.0) + variance
        assert total.pop("") == 0  # the unused column
        assert set(total) == {"user", "item", "combo", "cross"} and min(
            total.values()) > 0.05 * sum(total.values())


@pytest.mark.slow
def test_bayes_auc_is_that_of_the_true_probabilities(world: taobao_world.World) -> None:
    made = taobao.draw_rows(world, np.random.default_rng(1), 100000)
    click, buy = [made.table.column(name).to_numpy() for name in ("clk", "buy")]
    p_click, p_buy = [
        1 / (1 + np.exp(-logit)) for logit in (made.logits["click"], made.logits["purchase"])
    ]
    auc = taobao.bayes_auc(made)
    assert auc["click"] == pytest.approx(measures.auc(click, p_click))
    assert auc["purchase_given_click"] == pytest.approx(
        measures.auc(buy[click == 1], p_buy[click == 1]))
    assert auc["click_and_purchase"] == pytest.approx(measures.auc(buy, p_click * p_buy))
    # The probabilities are calibrated: where they say 10 to 20 %, 10 to 20 % are clicked.
    some = (p_click > 0.1) & (p_click < 0.2)
    assert click[some].mean() == pytest.approx(p_click[some].mean(), abs=0.01)
    assert auc["click"] > 0.7


@pytest.mark.slow
def test_what_was_planted_is_stored_and_printed(folder: str, tmp_path: object,
                                                capsys: pytest.CaptureFixture) -> None:
    argv = ["make", "--rows", "2000", "--seed", "4", "--click_rate", "0.2", "--buy_rate", "0.05",
            "--out", str(tmp_path)]
    assert taobao.main(argv) == 0
    printed = json.loads(capsys.readouterr().out)
    with open(os.path.join(str(tmp_path), "taobao_planted.json")) as file:
        assert json.load(file) == printed
    assert set(printed["bayes_auc"]) == {
        "click", "purchase", "purchase_given_click", "click_and_purchase"
    }
    assert printed["rows"] == 2000 and printed["test_rows"] == 400
    clicks = (read_csv(os.path.join(str(tmp_path), taobao.SCHEMA.test_file)).clk == "1").sum()
    assert printed["test"]["clk"] == clicks > 40
    before = digests(str(tmp_path))
    taobao.main(argv)
    assert digests(str(tmp_path)) == before
    taobao.main(argv[:4] + ["5"] + argv[5:])
    assert digests(str(tmp_path))[taobao.SCHEMA.train_file] != before[taobao.SCHEMA.train_file]


@pytest.mark.slow
def test_bayes_auc_of_one_class_is_null(tmp_path: object) -> None:
    planted = taobao.make(20, 5, 1, 0.01, 0.0001, str(tmp_path))
    assert planted["bayes_auc"]["click_and_purchase"] is None


@pytest.mark.parametrize("argv, message", [
    (["make", "--rows", "0"], "--rows and --test_rows must be > 0. Got: 0 and 1"),
    (["make", "--rows", "5", "--test_rows", "0"
      ], "--rows and --test_rows must be > 0. Got: 5 and 0"),
    (["make", "--click_rate", "0.1", "--buy_rate", "0.2"
      ], "0 < --buy_rate < --click_rate < 1. Got: 0.2 and 0.1"),
    (["make", "--seed", "-1"], "--seed must be >= 0. Got: -1"),
    ([], "the following arguments are required: command"),
])
def test_wrong_use(argv: list, message: str, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as end:
        taobao.main(argv)
    assert end.value.code == 2 and message in capsys.readouterr().err


def test_make_world_checks_rates() -> None:
    with pytest.raises(ValueError,
                       match="rates must be 0 < --buy_rate < --click_rate < 1. Got: 0.0 and 0.1"):
        taobao_world.make_world(1, 0.1, 0.0)


def test_convert_there_and_back(folder: str, tmp_path: object) -> None:
    source = os.path.join(folder, taobao.SCHEMA.test_file)
    parquet, csv = [os.path.join(str(tmp_path), name) for name in ("a.parquet", "a.csv")]
    assert taobao.main(["convert", source, parquet]) == 0
    assert taobao.main(["convert", parquet, csv]) == 0
    with open(source, "rb") as one, open(csv, "rb") as other:
        assert one.read() == other.read()
    assert pyarrow.parquet.read_schema(parquet).equals(conversion.arrow_schema(taobao.SCHEMA))


@pytest.mark.skipif(not os.path.exists(toy.TAOBAO_SAMPLE),
                    reason="the real Taobao rows are not beside the project")
def test_convert_real_rows(tmp_path: object) -> None:
    target = os.path.join(str(tmp_path), "a.parquet")
    assert conversion.convert(taobao.SCHEMA, toy.TAOBAO_SAMPLE, target) == 5078
    converted = pyarrow.parquet.read_table(target).to_pandas().astype(str)
    pd.testing.assert_frame_equal(converted, read_csv(toy.TAOBAO_SAMPLE))


def test_convert_writes_nothing_from_bad_rows(folder: str, tmp_path: object,
                                              capsys: pytest.CaptureFixture) -> None:
    source, target = [os.path.join(str(tmp_path), name) for name in ("in", "out.parquet")]
    with open(os.path.join(folder, taobao.SCHEMA.test_file)) as good, open(source, "w") as bad:
        bad.write(good.read() + "1,2,3\n")
    with pytest.raises(BadInput,
                       match="in, row 3001: '1,2,3' is given, expected 20 columns, not 3"):
        conversion.convert(taobao.SCHEMA, source, target)
    assert os.listdir(str(tmp_path)) == ["in"]
    assert taobao.main(["convert", source, target]) == 1
    assert "error: {}, row 3001".format(source) in capsys.readouterr().err
    assert taobao.main(["convert", source + "x", target]) == 1
    assert "no such file" in capsys.readouterr().err

"""The Taobao data set of ESMM, MMoE and PLE: its schema, synthetic rows with a planted signal, and conversion.

    python data/taobao.py make --rows 500000 --seed 1 --out data
    python data/taobao.py convert taobao_train_data taobao_train_data.parquet

The columns and sizes are those of EasyRec's Taobao set; the marginals of the synthetic rows were fitted to it. What
the planted signal is, and how the Bayes AUC is defined, stands in data/README.md.
"""

import os
import sys
from typing import Dict, List, NamedTuple, Optional, Tuple

import numpy as np
import pyarrow as pa
import pyarrow.compute

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from common.config.schema import Column, Schema  # noqa: E402
from data import planted  # noqa: E402
from data.conversion import arrow_schema  # noqa: E402
from data.planted import Rows, draw, intercept, sigmoid, zipf  # noqa: E402

SCHEMA = Schema(
    name="taobao",
    columns=(
        Column("clk", "label"),
        Column("buy", "label"),
        Column("pid", "hash", 10, "combo"),
        Column("adgroup_id", "hash", 100000, "item"),
        Column("cate_id", "hash", 10000, "item"),
        Column("campaign_id", "hash", 100000, "item"),
        Column("customer", "hash", 100000, "item"),
        Column("brand", "hash", 100000, "item"),
        Column("user_id", "hash", 100000, "user"),
        Column("cms_segid", "hash", 100, "user"),
        Column("cms_group_id", "hash", 100, "user"),
        Column("final_gender_code", "unused"),
        Column("age_level", "hash", 10, "user"),
        Column("pvalue_level", "hash", 10, "user"),
        Column("shopping_level", "hash", 10, "user"),
        Column("occupation", "hash", 10, "user"),
        Column("new_user_class_level", "hash", 10, "user"),
        Column("tag_category_list", "hash", 100000, "combo", separator="|"),
        Column("tag_brand_list", "hash", 100000, "combo", separator="|"),
        Column("price", "identity", 50, "item", default="0"),
    ),
    train_file="taobao_train_data",
    test_file="taobao_test_data",
    user_column="user_id",
    module="data/taobao.py",
)
_NAMES = [column.name for column in SCHEMA.columns]
_MAX_ITEMS = 50

# Shares of each value of the profile columns among users that have a profile; '' is a missing value.
_PROFILE = {
    "cms_segid": ([str(i) for i in range(79)], [0.57] + 78 * [0.43 / 78]),
    "cms_group_id": ([str(i) for i in range(1, 13)], [.03, .15, .26, .16, .11, .03, .02, .03, .07, .10, .07, .01]),
    "final_gender_code": (["1", "2"], [.29, .71]),
    "age_level": (["1", "2", "3", "4", "5", "6"], [.03, .18, .34, .26, .17, .02]),
    "pvalue_level": (["", "1", "2", "3"], [.51, .15, .30, .04]),
    "shopping_level": (["1", "2", "3"], [.02, .08, .90]),
    "occupation": (["0", "1"], [.96, .04]),
    "new_user_class_level": (["", "1", "2", "3", "4"], [.21, .07, .37, .19, .16]),
}
_NO_PROFILE = 0.044
_NO_BRAND = 0.316
_NO_TAGS = 0.42

# Share of the logit's variance that each source of signal has, of users, items and combo columns in turn.
_SIGNAL = {
    "cms_segid": .02, "cms_group_id": .11, "age_level": .10, "pvalue_level": .08, "shopping_level": .01,
    "occupation": .01, "new_user_class_level": .06, "user_id": .01,
    "cate_id": .10, "price": .12, "brand": .03, "customer": .02, "campaign_id": .01, "adgroup_id": .01,
    "pid": .09, "tag_category_list": .08, "tag_brand_list": .05,
    "age_level x price": .09,
}
_CLICK_VARIANCE = 1.5
_BUY_VARIANCE = 0.6
_CORRELATION = 0.6


class World(NamedTuple):
    """The entities that rows are drawn from, and what they do to the two logits.

    Attributes:
      users, ads, products: cumulative shares by which each is drawn, float64 [number of them].
      user_profile: column -> index of each user's value in its vocabulary, int32 [users].
      ad_columns: column -> index of each ad's value, int32 [ads].
      product_columns: tag column -> index of each product's value, int32 [products].
      vocabularies: column -> the values, strings.
      effects: column -> what each value adds to the click and the purchase logit, float64 [2, values].
      intercepts: the constants of the two logits.
    """

    users: np.ndarray
    ads: np.ndarray
    products: np.ndarray
    user_profile: Dict[str, np.ndarray]
    ad_columns: Dict[str, np.ndarray]
    product_columns: Dict[str, np.ndarray]
    vocabularies: Dict[str, pa.Array]
    effects: Dict[str, np.ndarray]
    intercepts: Tuple[float, float] = (0.0, 0.0)


def make_world(seed: int, click_rate: float, buy_rate: float) -> World:
    """Draws the entities and their effects, and sets the intercepts so that the two rates come out.

    Args:
      seed: the same seed gives the same world.
      click_rate: share of rows that are clicked.
      buy_rate: share of rows that are clicked and bought.

    Raises:
      ValueError: not 0 < buy_rate < click_rate < 1.
    """
    if not 0 < buy_rate < click_rate < 1:
        raise ValueError("rates must be 0 < --buy_rate < --click_rate < 1. Got: {1} and {0}.".format(
            click_rate, buy_rate))
    rng = np.random.default_rng([seed, 0])
    users, ads, products = zipf(100000, 1.001, 10), zipf(400000, 0.805, 10), zipf(100000, 0.9, 5)
    profile = _draw_profiles(rng, len(users))
    campaigns = draw(rng, zipf(200000, 0.7, 5), len(ads))
    customers = draw(rng, zipf(150000, 0.68, 5), 200000)
    columns = {"adgroup_id": rng.permutation(len(ads)).astype(np.int32), "campaign_id": campaigns,
               "customer": customers[campaigns], "cate_id": draw(rng, zipf(8000, 1.53, 10), len(ads)),
               "brand": 1 + draw(rng, zipf(100000, 0.91, 5), len(ads)),
               "price": np.minimum(rng.binomial(49, rng.beta(4, 3, len(ads))), 49).astype(np.int32)}
    columns["brand"][rng.random(len(ads)) < _NO_BRAND] = 0
    tags = {"tag_category_list": draw(rng, zipf(8000, 1.5, 4), len(products)),
            "tag_brand_list": draw(rng, zipf(100000, 0.7, 10), len(products))}
    vocabularies = _make_vocabularies(rng, len(users))
    sizes = {name: len(values) for name, values in vocabularies.items()}
    effects = {name: _draw_effects(rng, size) for name, size in dict(sizes, **{"age_level x price": 7 * 5}).items()}
    world = World(users, ads, products, profile, columns, tags, vocabularies, effects)
    return _calibrate(world, seed, click_rate, buy_rate)


def _draw_effects(rng: np.random.Generator, size: int) -> np.ndarray:
    """What each value of a source adds to the click and the purchase logit, correlated and unscaled: [2, size]."""
    click, own = rng.standard_normal([2, size])
    return np.stack([click, _CORRELATION * click + np.sqrt(1 - _CORRELATION ** 2) * own])


def _draw_profiles(rng: np.random.Generator, num_users: int) -> Dict[str, np.ndarray]:
    """Each user's value of each profile column; index 0 is missing, for some users in every column."""
    absent = rng.random(num_users) < _NO_PROFILE
    profile = {"user_id": np.arange(num_users, dtype=np.int32)}
    for name, (values, shares) in _PROFILE.items():
        offset = 0 if values[0] == "" else 1
        profile[name] = np.where(absent, 0, offset + draw(rng, np.cumsum(shares), num_users)).astype(np.int32)
    return profile


def _make_vocabularies(rng: np.random.Generator, num_users: int) -> Dict[str, pa.Array]:
    """The strings of every column, numbered without order as real ids are."""
    def ids(size: int, largest: int, first: Optional[List[str]] = None) -> pa.Array:
        numbers = rng.choice(largest, size, replace=False) + 1
        return pa.array((first or []) + [str(number) for number in numbers.tolist()], pa.string())

    vocabularies = {"user_id": ids(num_users, 1141729), "adgroup_id": ids(400000, 846811),
                    "campaign_id": ids(200000, 423436), "customer": ids(150000, 255875),
                    "cate_id": ids(8000, 12960), "brand": ids(100000, 461497, ["NULL"]),
                    "tag_category_list": ids(8000, 12960), "tag_brand_list": ids(100000, 461497),
                    "pid": pa.array(["430548_1007", "430539_1007"]), "price": pa.array([str(i) for i in range(50)])}
    for name, (values, _) in _PROFILE.items():
        vocabularies[name] = pa.array(values if values[0] == "" else [""] + values)
    return vocabularies


def _calibrate(world: World, seed: int, click_rate: float, buy_rate: float) -> World:
    """Scales the effects to their shares of variance and sets the intercepts, on rows drawn for that alone."""
    rng = np.random.default_rng([seed, 1])
    draws = _draw_entities(world, rng, 200000)
    scaled = {}
    for name, effect in world.effects.items():
        raw = _contribution(world, name, effect, draws)
        target = np.sqrt(_SIGNAL.get(name, 0.0) * np.array([_CLICK_VARIANCE, _BUY_VARIANCE]))
        scaled[name] = effect * (target / np.maximum(raw.std(axis=1), 1e-9))[:, None]
    world = world._replace(effects=scaled)
    click, buy = _logits(world, draws)
    click_intercept = intercept(click, np.full(len(click), 1.0), click_rate)
    buy_intercept = intercept(buy, sigmoid(click + click_intercept), buy_rate / click_rate)
    return world._replace(intercepts=(click_intercept, buy_intercept))


def _draw_entities(world: World, rng: np.random.Generator, size: int) -> Dict[str, np.ndarray]:
    """Who saw which ad where: an index into each scalar column's vocabulary, and the items of the tag lists."""
    user, ad = draw(rng, world.users, size), draw(rng, world.ads, size)
    draws = {name: index[user] for name, index in world.user_profile.items()}
    draws.update({name: index[ad] for name, index in world.ad_columns.items()})
    draws["pid"] = (rng.random(size) < 0.39).astype(np.int32)
    lengths, items = _draw_tags(world, rng, size)
    draws["tags"] = lengths
    draws.update({name: index[items] for name, index in world.product_columns.items()})
    return draws


def _draw_tags(world: World, rng: np.random.Generator, size: int) -> Tuple[np.ndarray, np.ndarray]:
    """Lengths of the tag lists [N] and the products in them, in runs: a few products a row, seen again and again."""
    runs = np.where(rng.random(size) < _NO_TAGS, 0, rng.geometric(0.14, size))
    run_lengths = rng.geometric(0.15, runs.sum())
    pool = draw(rng, world.products, size * 16).reshape(size, 16)
    owner = np.repeat(np.arange(size), runs)
    products = pool[owner, rng.integers(0, 16, len(owner))]
    items, owner = np.repeat(products, run_lengths), np.repeat(owner, run_lengths)
    position = np.arange(len(owner)) - np.searchsorted(owner, owner)
    kept = position < _MAX_ITEMS
    return np.bincount(owner[kept], minlength=size), items[kept]


def _contribution(world: World, name: str, effect: np.ndarray, draws: Dict[str, np.ndarray]) -> np.ndarray:
    """What one source adds to each row's two logits, float64 [2, N]; a list adds the mean over its items."""
    if name == "age_level x price":
        return effect[:, draws["age_level"] * 5 + draws["price"] // 10]
    if name not in world.product_columns:
        return effect[:, draws[name]]
    lengths = draws["tags"]
    owner = np.repeat(np.arange(len(lengths)), lengths)
    sums = [np.bincount(owner, weights=row[draws[name]], minlength=len(lengths)) for row in effect]
    return np.stack(sums) / np.maximum(lengths, 1)


def _logits(world: World, draws: Dict[str, np.ndarray]) -> np.ndarray:
    """The click and the purchase logit of each row, float64 [2, N]."""
    total = sum(_contribution(world, name, effect, draws) for name, effect in world.effects.items())
    return total + np.array(world.intercepts)[:, None]


def draw_rows(world: World, rng: np.random.Generator, size: int) -> Rows:
    """Draws rows with their labels."""
    draws = _draw_entities(world, rng, size)
    click_logit, buy_logit = _logits(world, draws)
    click = (rng.random(size) < sigmoid(click_logit)).astype(np.int32)
    buy = click * (rng.random(size) < sigmoid(buy_logit))
    arrays = {"clk": pa.array(click), "buy": pa.array(buy.astype(np.int32)), "price": pa.array(draws["price"])}
    offsets = pa.array(np.concatenate([[0], np.cumsum(draws["tags"])]).astype(np.int32))
    for name, vocabulary in world.vocabularies.items():
        if name in world.product_columns:
            items = pa.ListArray.from_arrays(offsets, vocabulary.take(pa.array(draws[name])))
            arrays[name] = pa.compute.binary_join(items, "|")
        elif name != "price":
            arrays[name] = vocabulary.take(pa.array(draws[name]))
    return Rows(pa.table([arrays[name] for name in _NAMES], schema=arrow_schema(SCHEMA)),
                {"click": click_logit, "purchase": buy_logit})


def bayes_auc(rows: Rows) -> Dict[str, Optional[float]]:
    """The AUC that the true probabilities have on the rows' labels; None where a label has one class only."""
    click = rows.table.column("clk").to_numpy()
    both = click * rows.table.column("buy").to_numpy()
    clicked = click == 1
    product = -np.logaddexp(0, -rows.logits["click"]) - np.logaddexp(0, -rows.logits["purchase"])
    return {"click": planted.auc(click, rows.logits["click"]),
            "purchase": planted.auc(both, product),
            "purchase_given_click": planted.auc(both[clicked], rows.logits["purchase"][clicked]),
            "click_and_purchase": planted.auc(both, product)}


def make(rows: int, test_rows: int, seed: int, click_rate: float, buy_rate: float, out: str) -> Dict[str, object]:
    """Writes train and test rows, CSV and Parquet, and what was planted in them as JSON beside the files.

    Returns:
      what the JSON file holds: the arguments, the labels' counts and the Bayes AUC on the test rows.

    Raises:
      ValueError: not 0 < buy_rate < click_rate < 1.
    """
    world = make_world(seed, click_rate, buy_rate)
    train, test = planted.make_files(SCHEMA, lambda rng, size: draw_rows(world, rng, size), rows, test_rows, seed, out)
    return planted.write_report(SCHEMA, train, test, bayes_auc(test), out, seed=seed, click_rate=click_rate,
                                buy_rate=buy_rate)


def main(argv: Optional[List[str]] = None) -> int:
    """Runs one of the two commands, make and convert."""
    rates = {"click_rate": (0.053, "share of rows clicked"), "buy_rate": (0.0004, "share of rows bought")}
    return planted.run(argv, SCHEMA, 500000, rates, make)


if __name__ == "__main__":
    sys.exit(main())

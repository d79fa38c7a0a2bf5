"""The Taobao data set of ESMM, MMoE and PLE: its schema, its synthetic rows and its conversion.

    python data/taobao.py make --rows 500000 --seed 1 --out data
    python data/taobao.py convert taobao_train_data taobao_train_data.parquet

Columns and sizes are those of EasyRec's Taobao data; the marginals of the synthetic rows were
fitted to it. data/README.md describes the planted signal and defines the Bayes AUC.
"""

import functools
import os
import sys
from typing import Dict, List, NamedTuple, Optional, Tuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.random import Generator, default_rng

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from common.config.schema import Column, Schema  # noqa: E402
from data import command, planted, ragged  # noqa: E402
from data.command import Rate  # noqa: E402
from data.conversion import arrow_schema  # noqa: E402
from data.planted import Rows, draw, draw_labels, intercept, sigmoid, zipf  # noqa: E402

SCHEMA = Schema(
    name="taobao",
    columns=(
        Column("clk", "label", task="click", role="click"),
        Column("buy", "label", task="purchase", role="purchase"),
        Column("pid", "hash", 10, "combo"),
        Column("adgroup_id", "hash", 100000, "item"),
        Column("cate_id", "hash", 10000, "item"),
        Column("campaign_id", "hash", 100000, "item"),
        Column("customer", "hash", 100000, "item"),
        Column("brand", "hash", 100000, "item", default="NULL"),
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
    # The published text has NULL where the published Parquet files have a blank. Only brands are
    # ever NULL, so with it as their default the ids of text are what they always were.
    missing=("NULL", " "),
)
_USERS, _ADS, _PRODUCTS = 100000, 400000, 100000
_CAMPAIGNS, _CUSTOMERS, _CATEGORIES, _BRANDS = 200000, 150000, 8000, 100000
_MAX_PRICE = 49
_MAX_ITEMS = 50
_PRODUCTS_A_ROW = 16  # a row's tag lists repeat some of so many products
_NO_PROFILE = 0.044
_NO_BRAND = 0.316
_NO_TAGS = 0.42

# How many ids each column has, and the largest number that stands in one.
_IDS = {
    "user_id": (_USERS, 1141729),
    "adgroup_id": (_ADS, 846811),
    "campaign_id": (_CAMPAIGNS, 423436),
    "customer": (_CUSTOMERS, 255875),
    "cate_id": (_CATEGORIES, 12960),
    "brand": (_BRANDS, 461497),
    "tag_category_list": (_CATEGORIES, 12960),
    "tag_brand_list": (_BRANDS, 461497),
}


def _numbers(first: int, last: int) -> List[str]:
    """The whole numbers from first to last, both included, as texts."""
    return [str(number) for number in range(first, last + 1)]


# Values of the profile columns and their shares among users with a profile; '' is a missing value.
_PROFILE = {
    "cms_segid": (_numbers(0, 78), [.57] + 78 * [.43 / 78]),
    "cms_group_id": (
        _numbers(1, 12),
        [.03, .15, .26, .16, .11, .03, .02, .03, .07, .10, .07, .01],
    ),
    "final_gender_code": (_numbers(1, 2), [.29, .71]),
    "age_level": (_numbers(1, 6), [.03, .18, .34, .26, .17, .02]),
    "pvalue_level": ([""] + _numbers(1, 3), [.51, .15, .30, .04]),
    "shopping_level": (_numbers(1, 3), [.02, .08, .90]),
    "occupation": (_numbers(0, 1), [.96, .04]),
    "new_user_class_level": ([""] + _numbers(1, 4), [.21, .07, .37, .19, .16]),
}

# Share of each source of signal in the logit's variance: user columns, item columns, combo columns.
_CROSS = "age_level x price"
_SIGNAL = {
    "cms_segid": .02,
    "cms_group_id": .11,
    "age_level": .10,
    "pvalue_level": .08,
    "shopping_level": .01,
    "occupation": .01,
    "new_user_class_level": .06,
    "user_id": .01,

    "cate_id": .10,
    "price": .12,
    "brand": .03,
    "customer": .02,
    "campaign_id": .01,
    "adgroup_id": .01,

    "pid": .09,
    "tag_category_list": .08,
    "tag_brand_list": .05,

    _CROSS: .09,
}
_VARIANCES = np.array([1.5, 0.6])  # of the click and of the purchase logit
_CORRELATION = 0.6  # between the effects on the two
_AGES, _PRICE_LEVELS, _PRICES_A_LEVEL = 7, 5, 10  # of the cross

# Column -> an index for each user, ad, product, row or list item.
Indices = Dict[str, np.ndarray]


class World(NamedTuple):
    """The entities that rows are drawn from, and their effects on the two logits.

    Attributes:
      users, ads, products: cumulative shares by which each is drawn, float64 [number of them].
      user_profile: column -> index of each user's value in its vocabulary, int32 [users].
      ad_columns: column -> index of each ad's value, int32 [ads].
      product_columns: tag column -> index of each product's value, int32 [products].
      vocabularies: column -> the values, strings.
      effects: source -> what each of its values adds to the click and the purchase logit,
        float64 [2, values].
      intercepts: the constants of the two logits.
    """

    users: np.ndarray
    ads: np.ndarray
    products: np.ndarray
    user_profile: Indices
    ad_columns: Indices
    product_columns: Indices
    vocabularies: Dict[str, pa.Array]
    effects: Dict[str, np.ndarray]
    intercepts: Tuple[float, float] = (0.0, 0.0)


def make_world(seed: int, click_rate: float, buy_rate: float) -> World:
    """Draws the entities and their effects, and sets the intercepts that give the two rates.

    Args:
      seed: the same seed gives the same world.
      click_rate: share of rows that are clicked.
      buy_rate: share of rows that are clicked and bought.

    Raises:
      ValueError: not 0 < buy_rate < click_rate < 1.
    """
    if not 0 < buy_rate < click_rate < 1:
        given = "{} and {}".format(buy_rate, click_rate)
        raise ValueError("rates must be 0 < --buy_rate < --click_rate < 1. Got: {}.".format(given))
    rng = default_rng([seed, 0])
    profile = _draw_profiles(rng)
    ad_columns = _draw_ads(rng)
    product_columns = _draw_products(rng)
    vocabularies = _make_vocabularies(rng)
    world = World(
        users=zipf(_USERS, 1.001, 10),
        ads=zipf(_ADS, 0.805, 10),
        products=zipf(_PRODUCTS, 0.9, 5),
        user_profile=profile,
        ad_columns=ad_columns,
        product_columns=product_columns,
        vocabularies=vocabularies,
        effects=_draw_effects(rng, vocabularies),
    )
    return _calibrate(world, seed, click_rate, buy_rate)


def _draw_profiles(rng: Generator) -> Indices:
    """Each user's value of each profile column; index 0 is missing, and some users miss all."""
    absent = rng.random(_USERS) < _NO_PROFILE
    profile = {"user_id": np.arange(_USERS, dtype=np.int32)}
    for name, (values, shares) in _PROFILE.items():
        cumulative = np.cumsum(shares)
        index = draw(rng, cumulative, _USERS)
        if values[0] != "":
            index += 1
        profile[name] = np.where(absent, 0, index).astype(np.int32)
    return profile


def _draw_ads(rng: Generator) -> Indices:
    """Each ad's value of each column; a campaign has one customer, index 0 of brand is none."""
    campaign = draw(rng, zipf(_CAMPAIGNS, 0.7, 5), _ADS)
    customers = draw(rng, zipf(_CUSTOMERS, 0.68, 5), _CAMPAIGNS)
    ad = rng.permutation(_ADS)
    category = draw(rng, zipf(_CATEGORIES, 1.53, 10), _ADS)
    brand = 1 + draw(rng, zipf(_BRANDS, 0.91, 5), _ADS)
    price = rng.binomial(_MAX_PRICE, rng.beta(4, 3, _ADS))
    brand[rng.random(_ADS) < _NO_BRAND] = 0
    return {
        "adgroup_id": ad.astype(np.int32),
        "campaign_id": campaign,
        "customer": customers[campaign],
        "cate_id": category,
        "brand": brand,
        "price": price.astype(np.int32),
    }


def _draw_products(rng: Generator) -> Indices:
    """The category and the brand of each product that a tag list may hold."""
    category = draw(rng, zipf(_CATEGORIES, 1.5, 4), _PRODUCTS)
    brand = draw(rng, zipf(_BRANDS, 0.7, 10), _PRODUCTS)
    return {
        "tag_category_list": category,
        "tag_brand_list": brand,
    }


def _make_vocabularies(rng: Generator) -> Dict[str, pa.Array]:
    """The strings of every column; ids are numbered at random, as real ones are."""
    vocabularies = {}
    for name, (size, largest) in _IDS.items():
        numbers = rng.choice(largest, size, replace=False) + 1
        texts = ["NULL"] if name == "brand" else []
        texts.extend(map(str, numbers.tolist()))
        vocabularies[name] = pa.array(texts, pa.string())
    vocabularies["pid"] = pa.array(["430548_1007", "430539_1007"])
    vocabularies["price"] = pa.array(_numbers(0, _MAX_PRICE))
    for name, (values, _) in _PROFILE.items():
        missing = [] if values[0] == "" else [""]
        vocabularies[name] = pa.array(missing + values)
    return vocabularies


def _draw_effects(
        rng: Generator,
        vocabularies: Dict[str, pa.Array],
) -> Dict[str, np.ndarray]:
    """What each value of each source adds to the two logits, correlated, unscaled: [2, values]."""
    sizes = {name: len(values) for name, values in vocabularies.items()}
    sizes[_CROSS] = _AGES * _PRICE_LEVELS
    independent = np.sqrt(1 - _CORRELATION ** 2)
    effects = {}
    for name, size in sizes.items():
        click, other = rng.standard_normal([2, size])
        purchase = _CORRELATION * click + independent * other
        effects[name] = np.stack([click, purchase])
    return effects


def _calibrate(world: World, seed: int, click_rate: float, buy_rate: float) -> World:
    """Scales the effects to their shares of variance and sets the intercepts, on separate rows."""
    rng = default_rng([seed, 1])
    draws = _draw_entities(world, rng, 200000)
    scaled = {}
    for name, effect in world.effects.items():
        added = _contribution(world, name, effect, draws)
        deviation = added.std(axis=1)
        share = _SIGNAL.get(name, 0.0)
        target = np.sqrt(share * _VARIANCES)
        scale = target / np.maximum(deviation, 1e-9)
        scaled[name] = effect * scale[:, None]
    world = world._replace(effects=scaled)
    click, buy = _logits(world, draws)
    click_intercept = intercept(click, np.ones(len(click)), click_rate)
    click_probability = sigmoid(click + click_intercept)
    buy_intercept = intercept(buy, click_probability, buy_rate / click_rate)
    return world._replace(intercepts=(click_intercept, buy_intercept))


def _draw_entities(world: World, rng: Generator, size: int) -> Indices:
    """Who saw which ad where: an index into each column's vocabulary, for tags one of each item.

    The lengths of the tag lists, int [N], are those of 'tags'.
    """
    user = draw(rng, world.users, size)
    ad = draw(rng, world.ads, size)
    draws = {}
    for name, index in world.user_profile.items():
        draws[name] = index[user]
    for name, index in world.ad_columns.items():
        draws[name] = index[ad]
    is_second_place = rng.random(size) < 0.39
    draws["pid"] = is_second_place.astype(np.int32)
    draws["tags"], items = _draw_tags(world, rng, size)
    for name, index in world.product_columns.items():
        draws[name] = index[items]
    return draws


def _draw_tags(
        world: World,
        rng: Generator,
        size: int,
) -> Tuple[np.ndarray, np.ndarray]:
    """Draws tag lists as runs of one product each, a few products a row that come again and again.

    Returns:
      the lists' lengths, int [N], and the products in them, int [V].
    """
    has_no_tags = rng.random(size) < _NO_TAGS
    num_runs = np.where(has_no_tags, 0, rng.geometric(0.14, size))
    run_lengths = rng.geometric(0.15, num_runs.sum())
    pool = draw(rng, world.products, size * _PRODUCTS_A_ROW)
    pool = pool.reshape(size, _PRODUCTS_A_ROW)
    owner = ragged.owners(num_runs)
    choice = rng.integers(0, _PRODUCTS_A_ROW, len(owner))
    run_products = pool[owner, choice]
    products = np.repeat(run_products, run_lengths)
    owner = np.repeat(owner, run_lengths)
    position = np.arange(len(owner)) - np.searchsorted(owner, owner)
    fits = position < _MAX_ITEMS
    lengths = np.bincount(owner[fits], minlength=size)
    return lengths, products[fits]


def _contribution(world: World, name: str, effect: np.ndarray, draws: Indices) -> np.ndarray:
    """What one source adds to each row's logits, float64 [2, N]; a list adds its items' mean."""
    if name == _CROSS:
        price_level = draws["price"] // _PRICES_A_LEVEL
        return effect[:, draws["age_level"] * _PRICE_LEVELS + price_level]
    if name not in world.product_columns:
        return effect[:, draws[name]]
    lengths = draws["tags"]
    owner = ragged.owners(lengths)
    by_item = effect[:, draws[name]]
    sums = [np.bincount(owner, values, len(lengths)) for values in by_item]
    return np.stack(sums) / np.maximum(lengths, 1)


def _logits(world: World, draws: Indices) -> np.ndarray:
    """The click and the purchase logit of each row, float64 [2, N]."""
    total = np.zeros([2, len(draws["tags"])])
    for name, effect in world.effects.items():
        total += _contribution(world, name, effect, draws)
    constants = np.array(world.intercepts)
    return total + constants[:, None]


def draw_rows(world: World, rng: Generator, size: int) -> Rows:
    """Draws rows with their labels."""
    draws = _draw_entities(world, rng, size)
    click_logit, buy_logit = _logits(world, draws)
    click = draw_labels(rng, click_logit)
    buy = click * draw_labels(rng, buy_logit)
    arrays = {
        "clk": pa.array(click),
        "buy": pa.array(buy),
    }
    offsets = ragged.offsets(draws["tags"])
    for name, vocabulary in world.vocabularies.items():
        index = pa.array(draws[name])
        texts = vocabulary.take(index)
        if name in world.product_columns:
            lists = pa.ListArray.from_arrays(offsets, texts)
            texts = pc.binary_join(lists, "|")
        arrays[name] = texts
    arrays["price"] = pa.array(draws["price"])
    stored = arrow_schema(SCHEMA)
    columns = [arrays[name] for name in stored.names]
    table = pa.table(columns, schema=stored)
    return Rows(table, {"click": click_logit, "purchase": buy_logit})


def bayes_auc(rows: Rows) -> Dict[str, Optional[float]]:
    """The AUC of the true probabilities on the rows' labels; None where a label has one class."""
    click_logit = rows.logits["click"]
    buy_logit = rows.logits["purchase"]
    click = rows.table.column("clk").to_numpy()
    both = click * rows.table.column("buy").to_numpy()
    clicked = click == 1
    log_click = -np.logaddexp(0, -click_logit)
    log_buy = -np.logaddexp(0, -buy_logit)
    auc_of_both = planted.auc(both, log_click + log_buy)
    return {
        "click": planted.auc(click, click_logit),
        "purchase": auc_of_both,
        "purchase_given_click": planted.auc(both[clicked], buy_logit[clicked]),
        "click_and_purchase": auc_of_both,
    }


def make(
        rows: int,
        test_rows: int,
        seed: int,
        click_rate: float,
        buy_rate: float,
        out: str,
) -> Dict[str, object]:
    """Writes training and test rows, as CSV and as Parquet, and a JSON report of what was planted.

    Returns:
      what the JSON file holds: the arguments, the labels' counts and the test rows' Bayes AUC.

    Raises:
      ValueError: not 0 < buy_rate < click_rate < 1.
    """
    world = make_world(seed, click_rate, buy_rate)
    draw_world = functools.partial(draw_rows, world)
    train, test = planted.make_files(SCHEMA, draw_world, rows, test_rows, seed, out)
    return planted.write_report(
        SCHEMA,
        train,
        test,
        bayes_auc(test),
        out,
        seed=seed,
        click_rate=click_rate,
        buy_rate=buy_rate,
    )


def main(argv: Optional[List[str]] = None) -> int:
    """Runs one of the two commands, make and convert."""
    rates = {
        "click_rate": Rate(0.053, "share of rows clicked"),
        "buy_rate": Rate(0.0004, "share of rows bought"),
    }
    return command.run(argv, SCHEMA, 500000, rates, make)


if __name__ == "__main__":
    sys.exit(main())

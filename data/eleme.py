"""The Ele.me data set of DLRM: its schema, its synthetic rows and its conversion.

    python data/eleme.py make --rows 200000 --seed 1 --out data
    python data/eleme.py convert train.csv train.csv.parquet

data/README.md describes the planted signal and defines the Bayes AUC.
"""

import functools
import os
import sys
from typing import Dict, List, NamedTuple, Optional, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.random import Generator, default_rng

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from common.config.schema import Column, Schema  # noqa: E402
from data import command, planted, ragged  # noqa: E402
from data.command import Rate  # noqa: E402
from data.conversion import arrow_schema  # noqa: E402
from data.planted import Rows, draw, draw_labels, intercept, zipf  # noqa: E402

TIME_TYPES = ("lunch", "night", "dinner", "tea", "breakfast")


def _number(name: str) -> Column:
    return Column(name, "number", default="0")


def _numbers(name: str) -> Column:
    return Column(name, "number", separator=";", default="0", aligned=True)


def _hashed(name: str, table: str = "") -> Column:
    return Column(name, "hash", 100000, "all", table=table)


def _hashes(name: str, table: str = "") -> Column:
    return _hashed(name, table)._replace(separator=";", default="", aligned=True)


def _time_type(name: str) -> Column:
    return Column(name, "words", group="all", words=TIME_TYPES)


def _time_types(name: str) -> Column:
    return _time_type(name)._replace(separator=";", default="", aligned=True)


SCHEMA = Schema(
    name="eleme",
    columns=(
        Column("clicked", "label", task="click"),
        _hashed("user_id"),
        _number("gender"),
        _hashed("visit_city", "city"),
        _number("avg_price"),
        _number("is_supervip"),
        _number("ctr_30"),
        _number("ord_30"),
        _number("total_amt_30"),
        _hashed("shop_id", "shop"),
        _hashed("item_id", "item"),
        _hashed("city_id", "city"),
        _hashed("district_id"),
        _hashed("shop_aoi_id", "aoi"),
        _hashed("shop_geohash_6", "geohash_6"),
        _hashed("shop_geohash_12", "geohash_12"),
        _hashed("brand_id", "brand"),
        _hashed("category_1_id", "category"),
        _hashed("merge_standard_food_id", "food"),
        _number("rank_7"),
        _number("rank_30"),
        _number("rank_90"),
        _hashes("shop_id_list", "shop"),
        _hashes("item_id_list", "item"),
        _hashes("category_1_id_list", "category"),
        _hashes("merge_standard_food_id_list", "food"),
        _hashes("brand_id_list", "brand"),
        _numbers("price_list"),
        _hashes("shop_aoi_id_list", "aoi"),
        _hashes("shop_geohash6_list", "geohash_6"),
        _hashes("timediff_list"),
        _numbers("hours_list"),
        _time_types("time_type_list"),
        Column("weekdays_list", "unused", separator=";", default=""),
        _hashed("times"),
        _number("hours"),
        _time_type("time_type"),
        Column("weekdays", "unused"),
        _hashed("geohash12", "geohash_12"),
    ),
    train_file="train.csv",
    test_file="eval.csv",
    user_column="user_id",
    module="data/eleme.py",
    parquet_lists=True,
)

_USERS, _SHOPS, _ITEMS_A_SHOP = 50000, 20000, 4
_CITIES, _CATEGORIES, _BRANDS = 20, 30, 2000
_FOODS_A_CATEGORY, _AOIS_A_CITY = 10, 50
_FOODS, _AOIS = _CATEGORIES * _FOODS_A_CATEGORY, _CITIES * _AOIS_A_CITY
_AOIS_A_DISTRICT, _PLACES_AN_AOI = 5, 4
_MAX_ITEMS = 50
_TASTES = 3  # favourite categories of a user

_CITY_SHARES = zipf(_CITIES, 0.7, 2)
_CATEGORY_SHARES = zipf(_CATEGORIES, 0.5, 2)
_HOUR_SHARES = np.cumsum([
    1., 1, 1, 1, 1, 2, 4, 8, 8, 5, 10, 24,
    20, 12, 7, 7, 9, 22, 22, 14, 9, 7, 5, 3,
])
# Of each hour, an index into TIME_TYPES.
_HOUR_TYPES = np.repeat([1, 4, 0, 3, 2, 1], [5, 5, 4, 3, 4, 3])

# How many ids each table or column of strings has.
_IDS = {
    "user_id": _USERS,
    "shop": _SHOPS,
    "item": _SHOPS * _ITEMS_A_SHOP,
    "city": _CITIES,
    "brand": _BRANDS,
    "category": _CATEGORIES,
    "food": _FOODS,
    "aoi": _AOIS,
    "district_id": _AOIS // _AOIS_A_DISTRICT,
}

# Share of each source of signal in the logit's variance.
_SIGNAL = {
    "ctr_30": .14,
    "rank_7": .10,
    "ord_30": .05,
    "avg_price": .04,
    "is_supervip": .03,
    "gender": .02,
    "hours": .04,
    "category": .09,
    "brand": .05,
    "food": .05,
    "city": .03,
    "time x category": .12,
    "same category": .16,
    "history price": .04,
    "shop": .02,
    "user": .02,
}
_VARIANCE = 2.0
# How many values the sources have in which each value has an effect of its own.
_VALUES = {
    "category": _CATEGORIES,
    "brand": _BRANDS,
    "food": _FOODS,
    "city": _CITIES,
    "time x category": len(TIME_TYPES) * _CATEGORIES,
    "shop": _SHOPS,
    "user": _USERS,
}


class Users(NamedTuple):
    """Users' properties, one value each: [U], tastes [U, 3]."""

    city: np.ndarray
    gender: np.ndarray
    avg_price: np.ndarray
    is_supervip: np.ndarray
    ctr_30: np.ndarray
    ord_30: np.ndarray
    tastes: np.ndarray
    history_length: np.ndarray
    geohash: np.ndarray


class Shops(NamedTuple):
    """Shops' properties, one value each: [S]."""

    city: np.ndarray
    brand: np.ndarray
    category: np.ndarray
    price: np.ndarray
    rank: np.ndarray
    food: np.ndarray
    aoi: np.ndarray


class World(NamedTuple):
    """The entities that rows are drawn from, and their effects on the logit.

    Attributes:
      users: all users.
      user_shares: cumulative shares by which users are drawn.
      shops: all shops, sorted by city and category.
      buckets: first shop of each (city, category) and the end, int [cities * categories + 1].
      vocabularies: table or column -> strings.
      effects: source -> the effect of each of its values, before scaling.
      scales: source -> the factor that gives it its share of the variance.
      constant: the constant of the logit.
    """

    users: Users
    user_shares: np.ndarray
    shops: Shops
    buckets: np.ndarray
    vocabularies: Dict[str, pa.Array]
    effects: Dict[str, np.ndarray]
    scales: Dict[str, float]
    constant: float = 0.0


class Draws(NamedTuple):
    """Who saw which shop when, in N rows, and the V shops in these users' histories, row after row.

    Attributes:
      user, shop: indices, int [N].
      hour: of the day, int [N].
      lengths: how many shops each row's history has, int [N].
      owner: the row of each shop in the histories, int [V].
      history: the shops, int [V].
      history_hour: when each was seen, int [V].
    """

    user: np.ndarray
    shop: np.ndarray
    hour: np.ndarray
    lengths: np.ndarray
    owner: np.ndarray
    history: np.ndarray
    history_hour: np.ndarray


Entities = TypeVar("Entities", Users, Shops)


def _pick(entities: Entities, index: np.ndarray) -> Entities:
    """The properties of the entities at the indices."""
    picked = [values[index] for values in entities]
    return type(entities)(*picked)


def make_world(seed: int, click_rate: float) -> World:
    """Draws the entities and their effects, and sets the constant that gives the click rate.

    Raises:
      ValueError: not 0 < click_rate < 1.
    """
    if not 0 < click_rate < 1:
        raise ValueError("--click_rate must be > 0 and < 1. Got: {}.".format(click_rate))
    rng = default_rng([seed, 0])
    shops = _draw_shops(rng)
    bucket = _bucket(shops.city, shops.category)
    bounds = np.arange(_CITIES * _CATEGORIES + 1)
    effects = {}
    for name in _SIGNAL:
        # Other sources do not use their one number; it is drawn so that a seed keeps its rows.
        num_values = _VALUES.get(name, 1)
        effects[name] = rng.standard_normal(num_values)
    world = World(
        users=_draw_users(rng),
        user_shares=zipf(_USERS, 0.6, 20),
        shops=shops,
        buckets=np.searchsorted(bucket, bounds),
        vocabularies=_make_vocabularies(rng),
        effects=effects,
        scales=dict.fromkeys(_SIGNAL, 1.0),
    )
    return _calibrate(world, default_rng([seed, 1]), click_rate)


def _bucket(city: np.ndarray, category: np.ndarray) -> np.ndarray:
    return city * _CATEGORIES + category


def _draw_shops(rng: Generator) -> Shops:
    """Draws shops, sorted by city and category; most have the category of their brand."""
    city = draw(rng, _CITY_SHARES, _SHOPS)
    brand = draw(rng, zipf(_BRANDS, 0.8, 5), _SHOPS)
    category = draw(rng, _CATEGORY_SHARES, _BRANDS)[brand]
    differs = rng.random(_SHOPS) < 0.3
    category[differs] = draw(rng, _CATEGORY_SHARES, differs.sum())
    brand_price = rng.normal(3.0, 0.5, _BRANDS)
    price_in_brand = rng.normal(0, 0.2, _SHOPS)
    log_rank = rng.normal(6, 2, _SHOPS)
    food_in_category = rng.integers(0, _FOODS_A_CATEGORY, _SHOPS)
    aoi_in_city = rng.integers(0, _AOIS_A_CITY, _SHOPS)
    shops = Shops(
        city=city,
        brand=brand,
        category=category,
        price=np.exp(brand_price[brand] + price_in_brand),
        rank=np.exp(log_rank),
        food=category * _FOODS_A_CATEGORY + food_in_category,
        aoi=city * _AOIS_A_CITY + aoi_in_city,
    )
    order = np.argsort(_bucket(city, category), kind="stable")
    return _pick(shops, order)


def _draw_users(rng: Generator) -> Users:
    city = draw(rng, _CITY_SHARES, _USERS)
    gender = rng.integers(-1, 2, _USERS)
    log_price = rng.normal(3.2, 0.6, _USERS)
    is_supervip = rng.random(_USERS) < 0.2
    ctr_30 = rng.beta(1.2, 18, _USERS)
    ord_30 = rng.poisson(rng.gamma(1.0, 6.0, _USERS))
    tastes = draw(rng, _CATEGORY_SHARES, _TASTES * _USERS)
    has_full_history = rng.random(_USERS) < 0.4
    history_length = rng.integers(0, _MAX_ITEMS, _USERS)
    history_length[has_full_history] = _MAX_ITEMS
    geohash = rng.integers(0, _AOIS * _PLACES_AN_AOI, _USERS)
    return Users(
        city=city,
        gender=gender,
        avg_price=np.round(np.exp(log_price), 2),
        is_supervip=is_supervip,
        ctr_30=np.round(ctr_30, 4),
        ord_30=ord_30,
        tastes=tastes.reshape(_USERS, _TASTES),
        history_length=history_length,
        geohash=geohash,
    )


def _make_vocabularies(rng: Generator) -> Dict[str, pa.Array]:
    """The strings of every table; ids are numbered at random, as real ones are."""
    vocabularies = {}
    for name, size in _IDS.items():
        numbers = rng.choice(9 * size, size, replace=False) + size
        texts = map(str, numbers.tolist())
        vocabularies[name] = pa.array(list(texts))
    vocabularies["geohash_6"] = _make_geohashes(rng, _AOIS, 6)
    vocabularies["geohash_12"] = _make_geohashes(rng, _AOIS * _PLACES_AN_AOI, 12)
    return vocabularies


def _make_geohashes(rng: Generator, size: int, length: int) -> pa.Array:
    letters = np.array(list("0123456789bcdefghjkmnpqrstuvwxyz"))
    choice = rng.integers(0, len(letters), [size, length - 1])
    texts = ["w" + "".join(row) for row in letters[choice]]
    return pa.array(texts)


def _draw_entities(world: World, rng: Generator, size: int) -> Draws:
    """Draws who saw which shop when, and which shops those users had clicked before."""
    user = draw(rng, world.user_shares, size)
    users = _pick(world.users, user)
    follows_taste = rng.random(size) < 0.4
    taste = users.tastes[np.arange(size), rng.integers(0, _TASTES, size)]
    category = np.where(follows_taste, taste, draw(rng, _CATEGORY_SHARES, size))
    hour = draw(rng, _HOUR_SHARES, size)
    lengths = users.history_length
    owner = ragged.owners(lengths)
    num_items = len(owner)
    past_taste = users.tastes[owner, rng.integers(0, _TASTES, num_items)]
    followed_taste = rng.random(num_items) < 0.8
    any_category = rng.integers(0, _CATEGORIES, num_items)
    past_category = np.where(followed_taste, past_taste, any_category)
    return Draws(
        user=user,
        shop=_draw_shop_in(world, rng, users.city, category),
        hour=hour,
        lengths=lengths,
        owner=owner,
        history=_draw_shop_in(world, rng, users.city[owner], past_category),
        history_hour=draw(rng, _HOUR_SHARES, num_items),
    )


def _draw_shop_in(
        world: World,
        rng: Generator,
        city: np.ndarray,
        category: np.ndarray,
) -> np.ndarray:
    """Draws a shop of each city and category, the first more often; any shop if there is none."""
    bucket = _bucket(city, category)
    low = world.buckets[bucket]
    count = world.buckets[bucket + 1] - low
    offset = count * rng.random(len(bucket)) ** 2
    any_shop = rng.integers(0, _SHOPS, len(bucket))
    return np.where(count > 0, low + offset.astype(np.int64), any_shop)


def _sources(world: World, draws: Draws) -> Dict[str, np.ndarray]:
    """What each source of _SIGNAL adds to each row's logit, float64 [N], before scaling."""
    sources = _smooth_sources(world, draws)
    for name, index in _values_of(world, draws).items():
        effect = world.effects[name]
        sources[name] = effect[index]
    return {name: sources[name] for name in _SIGNAL}


def _values_of(world: World, draws: Draws) -> Dict[str, np.ndarray]:
    """Each row's value of the sources in which each value has an effect of its own, int [N]."""
    shop = _pick(world.shops, draws.shop)
    time_type = _HOUR_TYPES[draws.hour]
    return {
        "category": shop.category,
        "brand": shop.brand,
        "food": shop.food,
        "city": shop.city,
        "time x category": time_type * _CATEGORIES + shop.category,
        "shop": draws.shop,
        "user": draws.user,
    }


def _smooth_sources(world: World, draws: Draws) -> Dict[str, np.ndarray]:
    """What the sources add that are functions of numbers, float64 [N]."""
    user = _pick(world.users, draws.user)
    shop = _pick(world.shops, draws.shop)
    past = _pick(world.shops, draws.history)
    is_same = past.category == shop.category[draws.owner]
    price_distance = np.abs(np.log(user.avg_price) - 3.2)
    day_share = draws.hour / 24
    return {
        "ctr_30": np.log(user.ctr_30 + 0.01),
        "rank_7": -np.log(shop.rank),
        "ord_30": np.log1p(user.ord_30),
        "avg_price": -price_distance,
        "is_supervip": user.is_supervip.astype(float),
        "gender": (user.gender == 1).astype(float),
        "hours": np.sin(day_share * 2 * np.pi),
        "same category": _history_mean(draws, is_same),
        "history price": -np.log1p(_history_mean(draws, past.price)),
    }


def _history_mean(draws: Draws, values: np.ndarray) -> np.ndarray:
    """The mean of the values, [V], over each row's history, 0 where it is empty: float64 [N]."""
    sums = np.bincount(draws.owner, values, len(draws.lengths))
    return sums / np.maximum(draws.lengths, 1)


def _calibrate(world: World, rng: Generator, click_rate: float) -> World:
    """Sets the scales and the constant, on rows drawn for this alone."""
    draws = _draw_entities(world, rng, 20000)
    sources = _sources(world, draws)
    scales = {}
    for name, share in _SIGNAL.items():
        scales[name] = planted.scale_to(sources[name], _VARIANCE * share)
    world = world._replace(scales=scales)
    logit = _logit(world, draws)
    constant = intercept(logit, np.ones(len(logit)), click_rate)
    return world._replace(constant=constant)


def _logit(world: World, draws: Draws) -> np.ndarray:
    """The logit of a click of each row, float64 [N]."""
    total = np.zeros(len(draws.user))
    for name, values in _sources(world, draws).items():
        total += values * world.scales[name]
    return world.constant + total


def draw_rows(world: World, rng: Generator, size: int) -> Rows:
    """Draws rows with their labels."""
    draws = _draw_entities(world, rng, size)
    logit = _logit(world, draws)
    clicked = draw_labels(rng, logit)
    arrays = {"clicked": pa.array(clicked)}
    arrays.update(_scalars(world, rng, draws))
    arrays.update(_lists(world, rng, draws))
    stored = arrow_schema(SCHEMA)
    columns = [arrays[name] for name in stored.names]
    table = pa.table(columns, schema=stored)
    return Rows(table, {"click": logit})


def _scalars(world: World, rng: Generator, draws: Draws) -> Dict[str, pa.Array]:
    """The columns of one value a row; some brands and prices are missing, as in real logs."""
    user = _pick(world.users, draws.user)
    shop = _pick(world.shops, draws.shop)
    size = len(draws.user)
    weekday = rng.integers(0, 7, size)
    item = rng.integers(0, _ITEMS_A_SHOP, size)
    columns = _strings(world, {
        "user_id": draws.user,
        "visit_city": user.city,
        "shop_id": draws.shop,
        "item_id": draws.shop * _ITEMS_A_SHOP + item,
        "city_id": shop.city,
        "district_id": shop.aoi // _AOIS_A_DISTRICT,
        "shop_aoi_id": shop.aoi,
        "shop_geohash_6": shop.aoi,
        "shop_geohash_12": shop.aoi * _PLACES_AN_AOI,
        "brand_id": shop.brand,
        "category_1_id": shop.category,
        "merge_standard_food_id": shop.food,
        "geohash12": user.geohash,
    })
    columns["times"] = _number_texts(draws.hour)
    columns["time_type"] = _time_type_words(draws.hour)
    columns["weekdays"] = _number_texts(weekday)
    columns["brand_id"] = _with_gaps(columns["brand_id"], rng, 0.03)
    columns.update(_scalar_numbers(rng, user, shop, draws.hour))
    columns["avg_price"] = _with_gaps(columns["avg_price"], rng, 0.01)
    return columns


def _scalar_numbers(
        rng: Generator,
        user: Users,
        shop: Shops,
        hour: np.ndarray,
) -> Dict[str, pa.Array]:
    """The number columns of one value a row."""
    noise_30 = rng.normal(0, 0.2, len(hour))
    noise_90 = rng.normal(0, 0.4, len(hour))
    numbers = {
        "gender": user.gender,
        "avg_price": user.avg_price,
        "is_supervip": user.is_supervip,
        "ctr_30": user.ctr_30,
        "ord_30": user.ord_30,
        "total_amt_30": np.round(user.ord_30 * user.avg_price, 1),
        "rank_7": np.round(shop.rank),
        "rank_30": np.round(shop.rank * np.exp(noise_30)),
        "rank_90": np.round(shop.rank * np.exp(noise_90)),
        "hours": hour,
    }
    columns = {}
    for name, values in numbers.items():
        columns[name] = pa.array(values.astype(np.float64))
    return columns


def _lists(world: World, rng: Generator, draws: Draws) -> Dict[str, pa.Array]:
    """The columns of what the user had clicked before, all of the same lengths."""
    shop = _pick(world.shops, draws.history)
    num_items = len(draws.history)
    item = rng.integers(0, _ITEMS_A_SHOP, num_items)
    minutes = rng.exponential(120, num_items).astype(np.int64)
    weekday = rng.integers(0, 7, num_items)
    items = _strings(world, {
        "shop_id_list": draws.history,
        "item_id_list": draws.history * _ITEMS_A_SHOP + item,
        "category_1_id_list": shop.category,
        "merge_standard_food_id_list": shop.food,
        "brand_id_list": shop.brand,
        "shop_aoi_id_list": shop.aoi,
        "shop_geohash6_list": shop.aoi,
    })
    items["timediff_list"] = _number_texts(np.minimum(minutes, 999))
    items["time_type_list"] = _time_type_words(draws.history_hour)
    items["weekdays_list"] = _number_texts(weekday)
    items["price_list"] = pa.array(np.round(shop.price, 1))
    items["hours_list"] = pa.array(draws.history_hour.astype(np.float64))
    offsets = ragged.offsets(draws.lengths)
    return {name: pa.ListArray.from_arrays(offsets, values) for name, values in items.items()}


def _strings(world: World, indices: Dict[str, np.ndarray]) -> Dict[str, pa.Array]:
    """Columns of strings, from indices into the vocabularies of their tables."""
    strings = {}
    for column in SCHEMA.named(list(indices)):
        index = pa.array(indices[column.name])
        vocabulary = world.vocabularies[column.table or column.name]
        strings[column.name] = vocabulary.take(index)
    return strings


def _number_texts(numbers: np.ndarray) -> pa.StringArray:
    return pa.array(numbers).cast(pa.string())


def _time_type_words(hour: np.ndarray) -> pa.StringArray:
    index = pa.array(_HOUR_TYPES[hour])
    return pa.array(TIME_TYPES).take(index)


def _with_gaps(array: pa.Array, rng: Generator, share: float) -> pa.Array:
    """The array with this share of its values replaced by null."""
    is_missing = rng.random(len(array)) < share
    null = pa.scalar(None, array.type)
    return pc.if_else(pa.array(is_missing), null, array)


def make(
        rows: int,
        test_rows: int,
        seed: int,
        click_rate: float,
        out: str,
) -> Dict[str, object]:
    """Writes training and test rows, as CSV and as Parquet, and a JSON report of what was planted.

    Returns:
      what the JSON file holds: the arguments, the labels' counts and the test rows' Bayes AUC.

    Raises:
      ValueError: not 0 < click_rate < 1.
    """
    world = make_world(seed, click_rate)
    draw_world = functools.partial(draw_rows, world)
    train, test = planted.make_files(SCHEMA, draw_world, rows, test_rows, seed, out)
    labels = test.table.column("clicked").to_numpy()
    bayes_auc = {"click": planted.auc(labels, test.logits["click"])}
    return planted.write_report(
        SCHEMA,
        train,
        test,
        bayes_auc,
        out,
        seed=seed,
        click_rate=click_rate,
    )


def main(argv: Optional[List[str]] = None) -> int:
    """Runs one of the two commands, make and convert."""
    rates = {"click_rate": Rate(0.1, "share of rows clicked")}
    return command.run(argv, SCHEMA, 200000, rates, make)


if __name__ == "__main__":
    sys.exit(main())

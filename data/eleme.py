"""The Ele.me data set of DLRM: its schema, synthetic rows with a planted signal, and conversion.

    python data/eleme.py make --rows 200000 --seed 1 --out data
    python data/eleme.py convert train.csv train.csv.parquet

What the planted signal is, and how the Bayes AUC is defined, stands in data/README.md.
"""

import os
import sys
from typing import Dict, List, NamedTuple, Optional

import numpy as np
import pyarrow as pa

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from common.config.schema import Column, Schema  # noqa: E402
from data import planted  # noqa: E402
from data.conversion import arrow_schema  # noqa: E402
from data.planted import Rows, draw, intercept, sigmoid, zipf  # noqa: E402

TIME_TYPES = ("lunch", "night", "dinner", "tea", "breakfast")


def _number(name: str) -> Column:
    return Column(name, "number", default="0")


def _numbers(name: str) -> Column:
    return Column(name, "number", separator=";", default="0", aligned=True)


def _hashed(name: str, table: str = "") -> Column:
    return Column(name, "hash", 100000, "all", table=table)


def _hashes(name: str, table: str = "") -> Column:
    return Column(name, "hash", 100000, "all", separator=";", default="", table=table, aligned=True)


SCHEMA = Schema(
    name="eleme",
    columns=(
        Column("clicked", "label"),
        _hashed("user_id"), _number("gender"), _hashed("visit_city", "city"), _number("avg_price"),
        _number("is_supervip"), _number("ctr_30"), _number("ord_30"), _number("total_amt_30"),
        _hashed("shop_id", "shop"), _hashed("item_id", "item"), _hashed("city_id", "city"), _hashed("district_id"),
        _hashed("shop_aoi_id", "aoi"), _hashed("shop_geohash_6", "geohash_6"), _hashed("shop_geohash_12", "geohash_12"),
        _hashed("brand_id", "brand"), _hashed("category_1_id", "category"), _hashed("merge_standard_food_id", "food"),
        _number("rank_7"), _number("rank_30"), _number("rank_90"),
        _hashes("shop_id_list", "shop"), _hashes("item_id_list", "item"), _hashes("category_1_id_list", "category"),
        _hashes("merge_standard_food_id_list", "food"), _hashes("brand_id_list", "brand"), _numbers("price_list"),
        _hashes("shop_aoi_id_list", "aoi"), _hashes("shop_geohash6_list", "geohash_6"), _hashes("timediff_list"),
        _numbers("hours_list"),
        Column("time_type_list", "words", group="all", separator=";", default="", words=TIME_TYPES, aligned=True),
        Column("weekdays_list", "unused", separator=";", default=""),
        _hashed("times"), _number("hours"), Column("time_type", "words", group="all", words=TIME_TYPES),
        Column("weekdays", "unused"), _hashed("geohash12", "geohash_12"),
    ),
    train_file="train.csv",
    test_file="eval.csv",
    user_column="user_id",
    module="data/eleme.py",
    parquet_lists=True,
)
_USERS, _SHOPS, _ITEMS_A_SHOP = 50000, 20000, 4
_CITIES, _CATEGORIES, _FOODS, _BRANDS, _AOIS = 20, 30, 300, 2000, 1000
_MAX_ITEMS = 50
_HOUR_TYPES = np.array([1] * 5 + [4] * 5 + [0] * 4 + [3] * 3 + [2] * 4 + [1] * 3)  # of each hour, in TIME_TYPES
_HOURS = np.array([1, 1, 1, 1, 1, 2, 4, 8, 8, 5, 10, 24, 20, 12, 7, 7, 9, 22, 22, 14, 9, 7, 5, 3], float)

# Share of the logit's variance that each source of signal has.
_SIGNAL = {
    "ctr_30": .14, "rank_7": .10, "ord_30": .05, "avg_price": .04, "is_supervip": .03, "gender": .02, "hours": .04,
    "category": .09, "brand": .05, "food": .05, "city": .03, "time x category": .12, "same category": .16,
    "history price": .04, "shop": .02, "user": .02,
}
_VARIANCE = 2.0


class World(NamedTuple):
    """The entities that rows are drawn from, and what they do to the logit.

    Attributes:
      user: column -> value of each user, [users].
      shop: column -> index or value of each shop, [shops]; shops are sorted by city and category.
      buckets: first shop of each (city, category) and the end, int [cities * categories + 1].
      vocabularies: name -> strings.
      effects: source -> what each value adds to the logit, or the scale of a smooth effect.
      users: cumulative shares by which users are drawn.
      constant: the constant of the logit.
    """

    user: Dict[str, np.ndarray]
    shop: Dict[str, np.ndarray]
    buckets: np.ndarray
    vocabularies: Dict[str, pa.Array]
    effects: Dict[str, np.ndarray]
    users: np.ndarray
    constant: float = 0.0


def make_world(seed: int, click_rate: float) -> World:
    """Draws the entities and their effects, and sets the constant so that the click rate comes out.

    Raises:
      ValueError: not 0 < click_rate < 1.
    """
    if not 0 < click_rate < 1:
        raise ValueError("--click_rate must be > 0 and < 1. Got: {}.".format(click_rate))
    rng = np.random.default_rng([seed, 0])
    shop = _draw_shops(rng)
    key = shop["city"] * _CATEGORIES + shop["category"]
    order = np.argsort(key, kind="stable")
    shop = {name: values[order] for name, values in shop.items()}
    buckets = np.searchsorted(key[order], np.arange(_CITIES * _CATEGORIES + 1))
    sizes = {"category": _CATEGORIES, "brand": _BRANDS, "food": _FOODS, "city": _CITIES, "shop": _SHOPS,
             "user": _USERS, "time x category": 5 * _CATEGORIES}
    effects = {name: rng.standard_normal(sizes.get(name, 1)) for name in _SIGNAL}
    world = World(_draw_users(rng), shop, buckets, _make_vocabularies(rng), effects, zipf(_USERS, 0.6, 20))
    return _calibrate(world, np.random.default_rng([seed, 1]), click_rate)


def _draw_shops(rng: np.random.Generator) -> Dict[str, np.ndarray]:
    city, brand = draw(rng, zipf(_CITIES, 0.7, 2), _SHOPS), draw(rng, zipf(_BRANDS, 0.8, 5), _SHOPS)
    category = np.minimum(draw(rng, zipf(_CATEGORIES, 0.5, 2), _BRANDS)[brand], _CATEGORIES - 1)
    fresh = rng.random(_SHOPS) < 0.3
    category[fresh] = draw(rng, zipf(_CATEGORIES, 0.5, 2), int(fresh.sum()))
    price = np.exp(rng.normal(3.0, 0.5, _BRANDS)[brand] + rng.normal(0, 0.2, _SHOPS))
    rank = np.exp(rng.normal(6, 2, _SHOPS))
    return {"city": city, "brand": brand, "category": category, "price": price, "rank_7": rank,
            "food": category * (_FOODS // _CATEGORIES) + rng.integers(0, _FOODS // _CATEGORIES, _SHOPS),
            "aoi": city * (_AOIS // _CITIES) + rng.integers(0, _AOIS // _CITIES, _SHOPS)}


def _draw_users(rng: np.random.Generator) -> Dict[str, np.ndarray]:
    return {"city": draw(rng, zipf(_CITIES, 0.7, 2), _USERS), "gender": rng.integers(-1, 2, _USERS),
            "avg_price": np.round(np.exp(rng.normal(3.2, 0.6, _USERS)), 2), "is_supervip": rng.random(_USERS) < 0.2,
            "ctr_30": np.round(rng.beta(1.2, 18, _USERS), 4), "ord_30": rng.poisson(rng.gamma(1.0, 6.0, _USERS)),
            "tastes": draw(rng, zipf(_CATEGORIES, 0.5, 2), 3 * _USERS).reshape(_USERS, 3),
            "history": np.where(rng.random(_USERS) < 0.4, _MAX_ITEMS, rng.integers(0, _MAX_ITEMS, _USERS)),
            "geohash": rng.integers(0, 4 * _AOIS, _USERS)}


def _make_vocabularies(rng: np.random.Generator) -> Dict[str, pa.Array]:
    """The strings of every table, numbered without order as real ids are."""
    def ids(size: int) -> pa.Array:
        return pa.array([str(number) for number in (rng.choice(9 * size, size, replace=False) + size).tolist()])

    def geohashes(size: int, length: int) -> pa.Array:
        letters = np.array(list("0123456789bcdefghjkmnpqrstuvwxyz"))
        return pa.array(["w" + "".join(row) for row in letters[rng.integers(0, 32, [size, length - 1])]])

    sizes = {"user": _USERS, "shop": _SHOPS, "item": _SHOPS * _ITEMS_A_SHOP, "city": _CITIES, "brand": _BRANDS,
             "category": _CATEGORIES, "food": _FOODS, "aoi": _AOIS, "district": 200}
    vocabularies = {name: ids(size) for name, size in sizes.items()}
    vocabularies.update(geohash_6=geohashes(_AOIS, 6), geohash_12=geohashes(4 * _AOIS, 12),
                        number=pa.array([str(i) for i in range(1000)]), time_type=pa.array(TIME_TYPES))
    return vocabularies


def _draw_entities(world: World, rng: np.random.Generator, size: int) -> Dict[str, np.ndarray]:
    """Who saw which shop when, and what that user had clicked before."""
    user = draw(rng, world.users, size)
    tastes, city = world.user["tastes"][user], world.user["city"][user]
    own = rng.random(size) < 0.4
    category = np.where(own, tastes[np.arange(size), rng.integers(0, 3, size)],
                        draw(rng, zipf(_CATEGORIES, 0.5, 2), size))
    hour = draw(rng, np.cumsum(_HOURS), size)
    lengths = world.user["history"][user]
    owner = np.repeat(np.arange(size), lengths)
    liked = tastes[owner, rng.integers(0, 3, len(owner))]
    liked = np.where(rng.random(len(owner)) < 0.8, liked, rng.integers(0, _CATEGORIES, len(owner)))
    return {"user": user, "shop": _shop_in(world, rng, city, category), "hour": hour, "lengths": lengths,
            "owner": owner, "history": _shop_in(world, rng, city[owner], liked),
            "hours": draw(rng, np.cumsum(_HOURS), len(owner))}


def _shop_in(world: World, rng: np.random.Generator, city: np.ndarray, category: np.ndarray) -> np.ndarray:
    """A shop of each city and category, popular ones more often; any other where there is none."""
    key = city * _CATEGORIES + category
    low, count = world.buckets[key], world.buckets[key + 1] - world.buckets[key]
    chosen = low + (count * rng.random(len(key)) ** 2).astype(np.int64)
    return np.where(count > 0, chosen, rng.integers(0, _SHOPS, len(key))).astype(np.int64)


def _sources(world: World, draws: Dict[str, np.ndarray]) -> Dict[str, np.ndarray]:
    """What each source adds to each row's logit, [N], before it is scaled to its share."""
    user, shop, effects = draws["user"], draws["shop"], world.effects
    category = world.shop["category"][shop]
    count = np.maximum(draws["lengths"], 1)
    same = world.shop["category"][draws["history"]] == category[draws["owner"]]
    prices = np.bincount(draws["owner"], world.shop["price"][draws["history"]], len(user)) / count
    time_type = _HOUR_TYPES[draws["hour"]]
    tables = {"category": category, "brand": world.shop["brand"][shop], "food": world.shop["food"][shop],
              "city": world.shop["city"][shop], "shop": shop, "user": user,
              "time x category": time_type * _CATEGORIES + category}
    smooth = {"ctr_30": np.log(world.user["ctr_30"][user] + 0.01), "rank_7": -np.log(world.shop["rank_7"][shop]),
              "ord_30": np.log1p(world.user["ord_30"][user]), "is_supervip": world.user["is_supervip"][user] * 1.0,
              "avg_price": -np.abs(np.log(world.user["avg_price"][user]) - 3.2),
              "gender": world.user["gender"][user] == 1,
              "hours": np.sin(draws["hour"] / 24 * 2 * np.pi), "history price": -np.log1p(prices),
              "same category": np.bincount(draws["owner"], same, len(user)) / count}
    return {name: effects[name][tables[name]] if name in tables else smooth[name] * 1.0 for name in _SIGNAL}


def _calibrate(world: World, rng: np.random.Generator, click_rate: float) -> World:
    """Scales the effects to their shares of variance and sets the constant, on rows drawn for that alone."""
    draws = _draw_entities(world, rng, 20000)
    sources = _sources(world, draws)
    tables = [name for name in _SIGNAL if len(world.effects[name]) > 1]
    scales = {name: np.sqrt(_VARIANCE * share) / sources[name].std() for name, share in _SIGNAL.items()}
    effects = {name: effect * scales[name] if name in tables else np.array([scales[name]])
               for name, effect in world.effects.items()}
    world = world._replace(effects=effects)
    logit = _logit(world, draws)
    return world._replace(constant=intercept(logit, np.ones(len(logit)), click_rate))


def _logit(world: World, draws: Dict[str, np.ndarray]) -> np.ndarray:
    """The logit of a click of each row, float64 [N]."""
    sources = _sources(world, draws)
    return world.constant + sum(values * (world.effects[name][0] if len(world.effects[name]) == 1 else 1.0)
                                for name, values in sources.items())


def draw_rows(world: World, rng: np.random.Generator, size: int) -> Rows:
    """Draws rows with their labels."""
    draws = _draw_entities(world, rng, size)
    logit = _logit(world, draws)
    columns = {"clicked": pa.array((rng.random(size) < sigmoid(logit)).astype(np.int32))}
    columns.update(_scalars(world, rng, draws))
    columns.update(_lists(world, rng, draws))
    table = pa.table([columns[column.name] for column in SCHEMA.columns], schema=arrow_schema(SCHEMA))
    return Rows(table, {"click": logit})


def _scalars(world: World, rng: np.random.Generator, draws: Dict[str, np.ndarray]) -> Dict[str, pa.Array]:
    """The columns with one value a row; some brands and prices are missing, as in real logs."""
    user, shop, size, words = draws["user"], draws["shop"], len(draws["user"]), world.vocabularies
    rank = world.shop["rank_7"][shop]
    weekday = rng.integers(0, 7, size)
    indices = {"user_id": ("user", user), "visit_city": ("city", world.user["city"][user]), "shop_id": ("shop", shop),
               "item_id": ("item", shop * _ITEMS_A_SHOP + rng.integers(0, _ITEMS_A_SHOP, size)),
               "district_id": ("district", world.shop["aoi"][shop] // 5),
               "shop_geohash_12": ("geohash_12", world.shop["aoi"][shop] * 4), "times": ("number", draws["hour"]),
               "time_type": ("time_type", _HOUR_TYPES[draws["hour"]]), "weekdays": ("number", weekday),
               "geohash12": ("geohash_12", world.user["geohash"][user])}
    for name, table in (("city_id", "city"), ("shop_aoi_id", "aoi"), ("shop_geohash_6", "aoi"), ("brand_id", "brand"),
                        ("category_1_id", "category"), ("merge_standard_food_id", "food")):
        indices[name] = ("geohash_6" if name == "shop_geohash_6" else table, world.shop[table][shop])
    columns = {name: words[table].take(pa.array(index)) for name, (table, index) in indices.items()}
    columns["brand_id"] = words["brand"].take(pa.array(indices["brand_id"][1], mask=rng.random(size) < 0.03))
    numbers = {name: world.user[name][user] for name in ("gender", "avg_price", "is_supervip", "ctr_30", "ord_30")}
    numbers.update(total_amt_30=np.round(numbers["ord_30"] * numbers["avg_price"], 1), rank_7=np.round(rank),
                   rank_30=np.round(rank * np.exp(rng.normal(0, 0.2, size))),
                   rank_90=np.round(rank * np.exp(rng.normal(0, 0.4, size))), hours=draws["hour"])
    columns.update((name, pa.array(values.astype(np.float64))) for name, values in numbers.items())
    columns["avg_price"] = pa.array(columns["avg_price"].to_numpy(), mask=rng.random(size) < 0.01)
    return columns


def _lists(world: World, rng: np.random.Generator, draws: Dict[str, np.ndarray]) -> Dict[str, pa.Array]:
    """The columns of what the user had clicked before, all of the same lengths."""
    shop, words = draws["history"], world.vocabularies
    offsets = pa.array(np.concatenate([[0], np.cumsum(draws["lengths"])]).astype(np.int32))
    indices = {"shop_id_list": ("shop", shop), "category_1_id_list": ("category", world.shop["category"][shop]),
               "item_id_list": ("item", shop * _ITEMS_A_SHOP + rng.integers(0, _ITEMS_A_SHOP, len(shop))),
               "merge_standard_food_id_list": ("food", world.shop["food"][shop]),
               "brand_id_list": ("brand", world.shop["brand"][shop]),
               "shop_aoi_id_list": ("aoi", world.shop["aoi"][shop]),
               "shop_geohash6_list": ("geohash_6", world.shop["aoi"][shop]),
               "timediff_list": ("number", np.minimum(rng.exponential(120, len(shop)), 999).astype(np.int64)),
               "time_type_list": ("time_type", _HOUR_TYPES[draws["hours"]]),
               "weekdays_list": ("number", rng.integers(0, 7, len(shop)))}
    items = {name: words[table].take(pa.array(index)) for name, (table, index) in indices.items()}
    items["price_list"] = pa.array(np.round(world.shop["price"][shop], 1))
    items["hours_list"] = pa.array(draws["hours"].astype(np.float64))
    return {name: pa.ListArray.from_arrays(offsets, values) for name, values in items.items()}


def make(rows: int, test_rows: int, seed: int, click_rate: float, out: str) -> Dict[str, object]:
    """Writes train and test rows, CSV and Parquet, and what was planted in them as JSON beside the files.

    Returns:
      what the JSON file holds: the arguments, the labels' counts and the Bayes AUC on the test rows.

    Raises:
      ValueError: not 0 < click_rate < 1.
    """
    world = make_world(seed, click_rate)
    train, test = planted.make_files(SCHEMA, lambda rng, size: draw_rows(world, rng, size), rows, test_rows, seed, out)
    bayes_auc = {"click": planted.auc(test.table.column("clicked").to_numpy(), test.logits["click"])}
    return planted.write_report(SCHEMA, train, test, bayes_auc, out, seed=seed, click_rate=click_rate)


def main(argv: Optional[List[str]] = None) -> int:
    """Runs one of the two commands, make and convert."""
    return planted.run(argv, SCHEMA, 200000, {"click_rate": (0.1, "share of rows clicked")}, make)


if __name__ == "__main__":
    sys.exit(main())

"""The Ele.me data set of DLRM: its schema, its synthetic rows and its conversion.

    python data/eleme.py make --rows 200000 --seed 1 --out data
    python data/eleme.py convert train.csv train.csv.parquet

data/README.md describes the planted signal and defines the Bayes AUC.
"""

import functools
import os
import sys
from typing import Dict, List, Optional

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.random import Generator

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from common.config.schema import Column, Schema  # noqa: E402
from data import command, eleme_world, planted, ragged  # noqa: E402
from data.command import Rate  # noqa: E402
from data.conversion import arrow_schema  # noqa: E402
from data.eleme_entities import (  # noqa: E402
    AOIS_A_DISTRICT, ITEMS_A_SHOP, PLACES_AN_AOI, Shops, Users, pick)
from data.eleme_world import HOUR_TYPES, TIME_TYPES, Draws, World  # noqa: E402
from data.planted import Rows, draw_labels  # noqa: E402


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


def draw_rows(world: World, rng: Generator, size: int) -> Rows:
    """Draws rows with their labels."""
    draws = eleme_world.draw_entities(world, rng, size)
    logit = eleme_world.logit(world, draws)
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
    user = pick(world.users, draws.user)
    shop = pick(world.shops, draws.shop)
    size = len(draws.user)
    weekday = rng.integers(0, 7, size)
    item = rng.integers(0, ITEMS_A_SHOP, size)
    columns = _strings(world, {
        "user_id": draws.user,
        "visit_city": user.city,
        "shop_id": draws.shop,
        "item_id": draws.shop * ITEMS_A_SHOP + item,
        "city_id": shop.city,
        "district_id": shop.aoi // AOIS_A_DISTRICT,
        "shop_aoi_id": shop.aoi,
        "shop_geohash_6": shop.aoi,
        "shop_geohash_12": shop.aoi * PLACES_AN_AOI,
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
    shop = pick(world.shops, draws.history)
    num_items = len(draws.history)
    item = rng.integers(0, ITEMS_A_SHOP, num_items)
    minutes = rng.exponential(120, num_items).astype(np.int64)
    weekday = rng.integers(0, 7, num_items)
    items = _strings(world, {
        "shop_id_list": draws.history,
        "item_id_list": draws.history * ITEMS_A_SHOP + item,
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
    index = pa.array(HOUR_TYPES[hour])
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
    world = eleme_world.make_world(seed, click_rate)
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

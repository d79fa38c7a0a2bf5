"""The users and shops that Ele.me's synthetic rows are about, and how their ids are written."""

from typing import Dict, NamedTuple, TypeVar

import numpy as np
import pyarrow as pa
from numpy.random import Generator

from data.planted import draw, zipf

USERS, SHOPS, ITEMS_A_SHOP = 50000, 20000, 4
CITIES, CATEGORIES, BRANDS = 20, 30, 2000
_FOODS_A_CATEGORY, _AOIS_A_CITY = 10, 50
FOODS, _AOIS = CATEGORIES * _FOODS_A_CATEGORY, CITIES * _AOIS_A_CITY
AOIS_A_DISTRICT, PLACES_AN_AOI = 5, 4
_MAX_ITEMS = 50
TASTES = 3  # favourite categories of a user

_CITY_SHARES = zipf(CITIES, 0.7, 2)
CATEGORY_SHARES = zipf(CATEGORIES, 0.5, 2)

# How many ids each table or column of strings has.
_IDS = {
    "user_id": USERS,
    "shop": SHOPS,
    "item": SHOPS * ITEMS_A_SHOP,
    "city": CITIES,
    "brand": BRANDS,
    "category": CATEGORIES,
    "food": FOODS,
    "aoi": _AOIS,
    "district_id": _AOIS // AOIS_A_DISTRICT,
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


Entities = TypeVar("Entities", Users, Shops)


def pick(entities: Entities, index: np.ndarray) -> Entities:
    """The properties of the entities at the indices."""
    picked = [values[index] for values in entities]
    return type(entities)(*picked)


def bucket_of(city: np.ndarray, category: np.ndarray) -> np.ndarray:
    """The number of a city and category, by which shops are sorted."""
    return city * CATEGORIES + category


def draw_shops(rng: Generator) -> Shops:
    """Draws shops, sorted by city and category; most have the category of their brand."""
    city = draw(rng, _CITY_SHARES, SHOPS)
    brand = draw(rng, zipf(BRANDS, 0.8, 5), SHOPS)
    category = draw(rng, CATEGORY_SHARES, BRANDS)[brand]
    differs = rng.random(SHOPS) < 0.3
    category[differs] = draw(rng, CATEGORY_SHARES, differs.sum())
    brand_price = rng.normal(3.0, 0.5, BRANDS)
    price_in_brand = rng.normal(0, 0.2, SHOPS)
    log_rank = rng.normal(6, 2, SHOPS)
    food_in_category = rng.integers(0, _FOODS_A_CATEGORY, SHOPS)
    aoi_in_city = rng.integers(0, _AOIS_A_CITY, SHOPS)
    shops = Shops(
        city=city,
        brand=brand,
        category=category,
        price=np.exp(brand_price[brand] + price_in_brand),
        rank=np.exp(log_rank),
        food=category * _FOODS_A_CATEGORY + food_in_category,
        aoi=city * _AOIS_A_CITY + aoi_in_city,
    )
    order = np.argsort(bucket_of(city, category), kind="stable")
    return pick(shops, order)


def draw_users(rng: Generator) -> Users:
    """Draws users; each likes three categories."""
    city = draw(rng, _CITY_SHARES, USERS)
    gender = rng.integers(-1, 2, USERS)
    log_price = rng.normal(3.2, 0.6, USERS)
    is_supervip = rng.random(USERS) < 0.2
    ctr_30 = rng.beta(1.2, 18, USERS)
    ord_30 = rng.poisson(rng.gamma(1.0, 6.0, USERS))
    tastes = draw(rng, CATEGORY_SHARES, TASTES * USERS)
    has_full_history = rng.random(USERS) < 0.4
    history_length = rng.integers(0, _MAX_ITEMS, USERS)
    history_length[has_full_history] = _MAX_ITEMS
    geohash = rng.integers(0, _AOIS * PLACES_AN_AOI, USERS)
    return Users(
        city=city,
        gender=gender,
        avg_price=np.round(np.exp(log_price), 2),
        is_supervip=is_supervip,
        ctr_30=np.round(ctr_30, 4),
        ord_30=ord_30,
        tastes=tastes.reshape(USERS, TASTES),
        history_length=history_length,
        geohash=geohash,
    )


def make_vocabularies(rng: Generator) -> Dict[str, pa.Array]:
    """The strings of every table; ids are numbered at random, as real ones are."""
    vocabularies = {}
    for name, size in _IDS.items():
        numbers = rng.choice(9 * size, size, replace=False) + size
        texts = map(str, numbers.tolist())
        vocabularies[name] = pa.array(list(texts))
    vocabularies["geohash_6"] = _make_geohashes(rng, _AOIS, 6)
    vocabularies["geohash_12"] = _make_geohashes(rng, _AOIS * PLACES_AN_AOI, 12)
    return vocabularies


def _make_geohashes(rng: Generator, size: int, length: int) -> pa.Array:
    letters = np.array(list("0123456789bcdefghjkmnpqrstuvwxyz"))
    choice = rng.integers(0, len(letters), [size, length - 1])
    texts = ["w" + "".join(row) for row in letters[choice]]
    return pa.array(texts)

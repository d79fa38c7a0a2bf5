"""Who sees which shop when in Ele.me's synthetic rows, and what decides on a click.

data/README.md describes the planted signal.
"""

from typing import Dict, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.random import Generator, default_rng

from data import eleme_entities, planted, ragged
from data.eleme_entities import (
    BRANDS, CATEGORIES, CATEGORY_SHARES, CITIES, FOODS, SHOPS, TASTES, USERS, Shops, Users,
    bucket_of, pick)
from data.planted import draw, intercept, zipf

TIME_TYPES = ("lunch", "night", "dinner", "tea", "breakfast")
_HOUR_SHARES = np.cumsum([
    1., 1, 1, 1, 1, 2, 4, 8, 8, 5, 10, 24,
    20, 12, 7, 7, 9, 22, 22, 14, 9, 7, 5, 3,
])
# Of each hour, an index into TIME_TYPES.
HOUR_TYPES = np.repeat([1, 4, 0, 3, 2, 1], [5, 5, 4, 3, 4, 3])

# Share of each source of signal in the logit's variance.
SIGNAL = {
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
    "category": CATEGORIES,
    "brand": BRANDS,
    "food": FOODS,
    "city": CITIES,
    "time x category": len(TIME_TYPES) * CATEGORIES,
    "shop": SHOPS,
    "user": USERS,
}


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


def make_world(seed: int, click_rate: float) -> World:
    """Draws the entities and their effects, and sets the constant that gives the click rate.

    Raises:
      ValueError: not 0 < click_rate < 1.
    """
    if not 0 < click_rate < 1:
        raise ValueError("--click_rate must be > 0 and < 1. Got: {}.".format(click_rate))
    rng = default_rng([seed, 0])
    shops = eleme_entities.draw_shops(rng)
    bucket = bucket_of(shops.city, shops.category)
    bounds = np.arange(CITIES * CATEGORIES + 1)
    effects = {}
    for name in SIGNAL:
        # Other sources do not use their one number; it is drawn so that a seed keeps its rows.
        num_values = _VALUES.get(name, 1)
        effects[name] = rng.standard_normal(num_values)
    world = World(
        users=eleme_entities.draw_users(rng),
        user_shares=zipf(USERS, 0.6, 20),
        shops=shops,
        buckets=np.searchsorted(bucket, bounds),
        vocabularies=eleme_entities.make_vocabularies(rng),
        effects=effects,
        scales=dict.fromkeys(SIGNAL, 1.0),
    )
    return _calibrate(world, default_rng([seed, 1]), click_rate)


def draw_entities(world: World, rng: Generator, size: int) -> Draws:
    """Draws who saw which shop when, and which shops those users had clicked before."""
    user = draw(rng, world.user_shares, size)
    users = pick(world.users, user)
    follows_taste = rng.random(size) < 0.4
    taste = users.tastes[np.arange(size), rng.integers(0, TASTES, size)]
    category = np.where(follows_taste, taste, draw(rng, CATEGORY_SHARES, size))
    hour = draw(rng, _HOUR_SHARES, size)
    lengths = users.history_length
    owner = ragged.owners(lengths)
    num_items = len(owner)
    past_taste = users.tastes[owner, rng.integers(0, TASTES, num_items)]
    followed_taste = rng.random(num_items) < 0.8
    any_category = rng.integers(0, CATEGORIES, num_items)
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
    bucket = bucket_of(city, category)
    low = world.buckets[bucket]
    count = world.buckets[bucket + 1] - low
    offset = count * rng.random(len(bucket)) ** 2
    any_shop = rng.integers(0, SHOPS, len(bucket))
    return np.where(count > 0, low + offset.astype(np.int64), any_shop)


def sources(world: World, draws: Draws) -> Dict[str, np.ndarray]:
    """What each source of SIGNAL adds to each row's logit, float64 [N], before scaling."""
    found = _smooth_sources(world, draws)
    for name, index in _values_of(world, draws).items():
        effect = world.effects[name]
        found[name] = effect[index]
    return {name: found[name] for name in SIGNAL}


def _values_of(world: World, draws: Draws) -> Dict[str, np.ndarray]:
    """Each row's value of the sources in which each value has an effect of its own, int [N]."""
    shop = pick(world.shops, draws.shop)
    time_type = HOUR_TYPES[draws.hour]
    return {
        "category": shop.category,
        "brand": shop.brand,
        "food": shop.food,
        "city": shop.city,
        "time x category": time_type * CATEGORIES + shop.category,
        "shop": draws.shop,
        "user": draws.user,
    }


def _smooth_sources(world: World, draws: Draws) -> Dict[str, np.ndarray]:
    """What the sources add that are functions of numbers, float64 [N]."""
    user = pick(world.users, draws.user)
    shop = pick(world.shops, draws.shop)
    past = pick(world.shops, draws.history)
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
    draws = draw_entities(world, rng, 20000)
    unscaled = sources(world, draws)
    scales = {}
    for name, share in SIGNAL.items():
        scales[name] = planted.scale_to(unscaled[name], _VARIANCE * share)
    world = world._replace(scales=scales)
    without = logit(world, draws)
    constant = intercept(without, np.ones(len(without)), click_rate)
    return world._replace(constant=constant)


def logit(world: World, draws: Draws) -> np.ndarray:
    """The logit of a click of each row, float64 [N]."""
    total = np.zeros(len(draws.user))
    for name, values in sources(world, draws).items():
        total += values * world.scales[name]
    return world.constant + total

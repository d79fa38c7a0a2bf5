"""Who sees which ad where in Taobao's synthetic rows, and what decides on clicks and purchases.

data/README.md describes the planted signal.
"""

from typing import Dict, NamedTuple, Tuple

import numpy as np
import pyarrow as pa
from numpy.random import Generator, default_rng

from data import ragged, taobao_entities
from data.planted import draw, intercept, sigmoid, zipf
from data.taobao_entities import ADS, PRODUCTS, USERS, Indices

_MAX_ITEMS = 50
_PRODUCTS_A_ROW = 16  # a row's tag lists repeat some of so many products
_NO_TAGS = 0.42

# Share of each source of signal in the logit's variance: user columns, item columns, combo columns.
_CROSS = "age_level x price"
SIGNAL = {
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
    profile = taobao_entities.draw_profiles(rng)
    ad_columns = taobao_entities.draw_ads(rng)
    product_columns = taobao_entities.draw_products(rng)
    vocabularies = taobao_entities.make_vocabularies(rng)
    world = World(
        users=zipf(USERS, 1.001, 10),
        ads=zipf(ADS, 0.805, 10),
        products=zipf(PRODUCTS, 0.9, 5),
        user_profile=profile,
        ad_columns=ad_columns,
        product_columns=product_columns,
        vocabularies=vocabularies,
        effects=_draw_effects(rng, vocabularies),
    )
    draws = draw_entities(world, default_rng([seed, 1]), 200000)
    world = world._replace(effects=_scaled(world, world.effects, draws))
    return with_rates(world, draws, click_rate, buy_rate)


def other_effects(world: World, rng: Generator) -> Dict[str, np.ndarray]:
    """Effects of the same values, independent of those of a world and as strong."""
    effects = _draw_effects(rng, world.vocabularies)
    return _scaled(world, effects, draw_entities(world, rng, 200000))


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


def _scaled(
        world: World,
        effects: Dict[str, np.ndarray],
        draws: Indices,
) -> Dict[str, np.ndarray]:
    """Effects scaled to their shares of variance, on drawn entities."""
    scaled = {}
    for name, effect in effects.items():
        added = contribution(world, name, effect, draws)
        deviation = added.std(axis=1)
        share = SIGNAL.get(name, 0.0)
        target = np.sqrt(share * _VARIANCES)
        scale = target / np.maximum(deviation, 1e-9)
        scaled[name] = effect * scale[:, None]
    return scaled


def with_rates(world: World, draws: Indices, click_rate: float, buy_rate: float) -> World:
    """The world with the intercepts that give two rates, on drawn entities."""
    world = world._replace(intercepts=(0.0, 0.0))
    click, buy = logits(world, draws)
    click_intercept = intercept(click, np.ones(len(click)), click_rate)
    click_probability = sigmoid(click + click_intercept)
    buy_intercept = intercept(buy, click_probability, buy_rate / click_rate)
    return world._replace(intercepts=(click_intercept, buy_intercept))


def draw_entities(world: World, rng: Generator, size: int) -> Indices:
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


def contribution(world: World, name: str, effect: np.ndarray, draws: Indices) -> np.ndarray:
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


def logits(world: World, draws: Indices) -> np.ndarray:
    """The click and the purchase logit of each row, float64 [2, N]."""
    total = np.zeros([2, len(draws["tags"])])
    for name, effect in world.effects.items():
        total += contribution(world, name, effect, draws)
    constants = np.array(world.intercepts)
    return total + constants[:, None]

"""Synthetic users whose interests drift: the items of their histories, and candidates for each."""

from typing import Dict, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.random import Generator

from data import ragged
from data.planted import draw, zipf

_ITEMS, _CATEGORIES = 4000, 50
_MEDIAN_LENGTH, _LENGTH_SPREAD, _MAX_LENGTH = 10, 0.95, 400
_INTERESTS = 4  # categories of a user; the first is left and the last is new within the history


class Names(NamedTuple):
    """How items and categories are named: formats of their numbers."""

    item: str
    category: str


class World(NamedTuple):
    """The items that rows are drawn from, and their effects on the logit.

    Attributes:
      categories: of each item, ascending, int [items].
      first: the first item of each category and the end, int [categories + 1].
      popular: cumulative shares by which categories are drawn.
      item_names, category_names: strings.
      effects: source -> what each of its values adds to the logit; of 'relevant history', what each
        item of a history does.
      constant: the constant of the logit.
    """

    categories: np.ndarray
    first: np.ndarray
    popular: np.ndarray
    item_names: pa.Array
    category_names: pa.Array
    effects: Dict[str, np.ndarray]
    constant: float = 0.0


class Draws(NamedTuple):
    """Histories and candidates of N rows, two rows a user, and the V items of the histories.

    Attributes:
      lengths: items of each row's history, int [N].
      owner: the row of each history item, int [V].
      history: the items, row after row, oldest first, int [V].
      item: the candidate of each row, int [N].
    """

    lengths: np.ndarray
    owner: np.ndarray
    history: np.ndarray
    item: np.ndarray


def draw_world(rng: Generator, names: Names) -> World:
    """Draws the items and their effects before scaling."""
    popular = zipf(_CATEGORIES, 0.8, 3)
    one_each = np.arange(_CATEGORIES)
    others = draw(rng, popular, _ITEMS - _CATEGORIES)
    categories = np.sort(np.concatenate([one_each, others]))
    bounds = np.arange(_CATEGORIES + 1)
    effects = _draw_effects(rng)
    item_numbers = rng.choice(10 ** 9, _ITEMS, replace=False)
    category_numbers = rng.permutation(_CATEGORIES)
    return World(
        categories=categories,
        first=np.searchsorted(categories, bounds),
        popular=popular,
        item_names=pa.array(map(names.item.format, item_numbers)),
        category_names=pa.array(map(names.category.format, category_numbers)),
        effects=effects,
    )


def _draw_effects(rng: Generator) -> Dict[str, np.ndarray]:
    """The effects of all sources before scaling."""
    return {
        "relevant history": rng.standard_normal(_ITEMS),
        "known category": np.ones(1),
        "item": rng.standard_normal(_ITEMS),
        "category": rng.standard_normal(_CATEGORIES),
    }


def draw_entities(world: World, rng: Generator, size: int) -> Draws:
    """Draws users with interests that drift, and two candidates for each history."""
    num_users = (size + 1) // 2
    log_lengths = rng.normal(np.log(_MEDIAN_LENGTH), _LENGTH_SPREAD, num_users)
    lengths = np.exp(log_lengths).astype(np.int64)
    lengths = np.clip(lengths, 1, _MAX_LENGTH)
    interests = draw(rng, world.popular, num_users * _INTERESTS)
    interests = interests.reshape(num_users, _INTERESTS)
    history = _draw_histories(world, rng, interests, lengths)
    candidates = _draw_candidates(world, rng, interests)
    return _two_rows_a_user(lengths, history, candidates[:size])


def _draw_histories(
        world: World,
        rng: Generator,
        interests: np.ndarray,
        lengths: np.ndarray,
) -> np.ndarray:
    """Draws the items of the histories, user after user; interests change halfway through."""
    owner = ragged.owners(lengths)
    is_late = ragged.positions(lengths) * 2 >= lengths[owner]
    interest = rng.integers(0, _INTERESTS - 1, len(owner))
    category = interests[owner, interest + is_late]
    _replace_some(category, world, rng, 0.15)
    return _draw_item_of(world, rng, category)


def _draw_candidates(world: World, rng: Generator, interests: np.ndarray) -> np.ndarray:
    """Draws two candidates for each user, most of a present interest."""
    num_rows = 2 * len(interests)
    user = np.arange(num_rows) // 2
    interest = rng.integers(1, _INTERESTS, num_rows)
    category = interests[user, interest]
    _replace_some(category, world, rng, 0.4)
    return _draw_item_of(world, rng, category)


def _replace_some(
        category: np.ndarray,
        world: World,
        rng: Generator,
        share: float,
) -> None:
    """Replaces a share of the categories, in place, by any that is popular."""
    is_replaced = rng.random(len(category)) < share
    category[is_replaced] = draw(rng, world.popular, is_replaced.sum())


def _draw_item_of(world: World, rng: Generator, category: np.ndarray) -> np.ndarray:
    """Draws an item of each category, its first ones more often."""
    low = world.first[category]
    count = world.first[category + 1] - low
    log_offset = rng.random(len(category)) * np.log(count + 1)
    offset = np.floor(np.exp(log_offset) - 1)
    return low + offset.astype(np.int64)


def _two_rows_a_user(
        user_lengths: np.ndarray,
        user_history: np.ndarray,
        item: np.ndarray,
) -> Draws:
    """Gives each row the history of its user; item is each row's candidate."""
    user = np.arange(len(item)) // 2
    lengths = user_lengths[user]
    owner = ragged.owners(lengths)
    start = ragged.starts(user_lengths)[user]
    index = start[owner] + ragged.positions(lengths)
    history = user_history[index]
    return Draws(lengths, owner, history, item)

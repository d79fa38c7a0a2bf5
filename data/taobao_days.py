"""Taobao's synthetic world day by day: what decides on clicks turns, users and ads come and go.

The effects of a day are cos(angle) times those of the first day plus sin(angle) times others that
are independent of them. They are scaled to the first day's variance of the logits, and the
intercepts are set anew, so that each day has the same rates and is about as hard to predict.
"""

import math
from typing import Dict, Iterator, List, NamedTuple, Tuple

import numpy as np
import pyarrow as pa
from numpy.random import Generator, default_rng

from data import taobao_entities, taobao_world
from data.taobao_entities import Indices
from data.taobao_world import World

_SCALING_ROWS = 50000
_OTHER, _REPLACED, _SCALING = 4, 5, 6  # tell these draws from those of one world and its rows
Effects = Dict[str, np.ndarray]


class Change(NamedTuple):
    """What changes from one day to the next.

    Attributes:
      drift: by how much the effects turn, in radians.
      new_ids: the share of users, and of ads, in whose place new ones come.

    Raises:
      ValueError: drift is not >= 0 and finite, or new_ids not from 0 to 1.
    """

    drift: float
    new_ids: float

    def check(self) -> "Change":
        """Itself."""
        if not 0 <= self.drift < math.inf:
            raise ValueError("--drift must be >= 0 radians a day. Got: {}.".format(self.drift))
        if not 0 <= self.new_ids <= 1:
            raise ValueError("--new_ids must be a share from 0 to 1. Got: {}.".format(self.new_ids))
        return self


class _Entities(NamedTuple):
    """The users and ads of a day, and the effects of their values.

    Attributes:
      world: with the entities of the day, and the effects of the first day.
      others: effects that are independent of these.
      num_new: how many new ids have come, by column.
    """

    world: World
    others: Effects
    num_new: Dict[str, int]


def worlds(seed: int, click_rate: float, buy_rate: float, change: Change) -> Iterator[World]:
    """The world of each day, without end; that of the first is that of make without days.

    Raises:
      ValueError: as make_world, and for what Change cannot be.
    """
    change.check()
    first = taobao_world.make_world(seed, click_rate, buy_rate)
    others = taobao_world.other_effects(first, default_rng([seed, _OTHER]))
    entities = _Entities(first, others, {"user_id": 0, "adgroup_id": 0})
    variances = _draw_logits(first, seed)[1].var(axis=1)
    yield first
    day = 0
    while True:
        day += 1
        entities = _replaced(entities, change.new_ids, [seed, _REPLACED, day])
        effects = _turned(entities, change.drift * day)
        world = entities.world._replace(effects=effects)
        draws, values = _draw_logits(world, seed)
        scale = np.sqrt(variances / values.var(axis=1))
        scaled = {name: effect * scale[:, None] for name, effect in effects.items()}
        world = world._replace(effects=scaled)
        yield taobao_world.with_rates(world, draws, click_rate, buy_rate)


def _draw_logits(world: World, seed: int) -> Tuple[Indices, np.ndarray]:
    """Drawn entities of a world, and their logits, float64 [2, N]."""
    draws = taobao_world.draw_entities(world, default_rng([seed, _SCALING]), _SCALING_ROWS)
    return draws, taobao_world.logits(world, draws)


def _turned(entities: _Entities, angle: float) -> Effects:
    cosine, sine = math.cos(angle), math.sin(angle)
    effects = {}
    for name, effect in entities.world.effects.items():
        effects[name] = cosine * effect + sine * entities.others[name]
    return effects


def _replaced(entities: _Entities, share: float, key: List[int]) -> _Entities:
    """The same with new users and ads in place of a share of them."""
    rng = default_rng(key)
    entities, profile = _replace(entities, "user_id", entities.world.user_profile, share, rng)
    entities, ads = _replace(entities, "adgroup_id", entities.world.ad_columns, share, rng)
    world = entities.world._replace(user_profile=profile, ad_columns=ads)
    return entities._replace(world=world)


def _replace(
        entities: _Entities,
        name: str,
        columns: Indices,
        share: float,
        rng: Generator,
) -> Tuple[_Entities, Indices]:
    """The same with new ids of one column, and the columns of what they name.

    A new user or ad comes as often as the one in whose place it is, and is like another one.
    """
    size = len(columns[name])
    is_new = rng.random(size) < share
    like = rng.integers(0, size, int(is_new.sum()))
    changed = {column: _put(values, is_new, values[like]) for column, values in columns.items()}
    changed[name] = columns[name]
    places = columns[name][is_new]
    same_as = columns[name][like]
    world = entities.world
    effects, others = dict(world.effects), dict(entities.others)
    for values in (effects, others):
        values[name] = values[name].copy()
        values[name][:, places] = values[name][:, same_as]
    vocabularies = dict(world.vocabularies)
    texts = np.array(vocabularies[name].to_pylist(), object)
    number = entities.num_new[name]
    texts[places] = taobao_entities.new_ids(name, number, len(places))
    vocabularies[name] = pa.array(texts, pa.string())
    world = world._replace(vocabularies=vocabularies, effects=effects)
    num_new = {**entities.num_new, name: number + len(places)}
    return _Entities(world, others, num_new), changed


def _put(values: np.ndarray, where: np.ndarray, new: np.ndarray) -> np.ndarray:
    """A copy of values with new ones at some places."""
    changed = values.copy()
    changed[where] = new
    return changed

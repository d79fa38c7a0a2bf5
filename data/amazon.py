"""The Amazon Books data set of DIN: its schema, synthetic rows with a planted signal, and conversion.

    python data/amazon.py make --rows 600000 --seed 1 --out data
    python data/amazon.py convert local_train_splitByUser local_train_splitByUser.parquet

What the planted signal is, and how the Bayes AUC is defined, stands in data/README.md. data/din/ prepares the real set.
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
from data.din.script import generate_voc, pick2txt  # noqa: E402
from data.planted import Rows, draw, intercept, sigmoid, zipf  # noqa: E402

SCHEMA = Schema(
    name="amazon",
    columns=(
        Column("label", "label"),
        Column("user", "vocabulary", vocabulary="uid_voc"),
        Column("item", "vocabulary", vocabulary="mid_voc", table="item"),
        Column("category", "vocabulary", vocabulary="cat_voc", table="category"),
        Column("history_items", "vocabulary", vocabulary="mid_voc", table="item", separator="\x02", default="",
               newest=100, aligned=True),
        Column("history_categories", "vocabulary", vocabulary="cat_voc", table="category", separator="\x02", default="",
               newest=100, aligned=True),
    ),
    train_file="local_train_splitByUser",
    test_file="local_test_splitByUser",
    user_column="user",
    module="data/amazon.py",
    delimiter="\t",
    parquet_lists=True,
)
_ITEMS, _CATEGORIES = 4000, 50
_MEDIAN_LENGTH, _LENGTH_SPREAD, _MAX_LENGTH = 10, 0.95, 400
_INTERESTS = 4
_FRESHNESS = 0.02  # how fast an item's weight falls with each newer one
# Share of the logit's variance that each source of signal has.
_SIGNAL = {"relevant history": .62, "known category": .14, "item": .12, "category": .12}
_VARIANCE = 3.2


class World(NamedTuple):
    """The books that rows are drawn from, and what they do to the logit.

    Attributes:
      categories: of each item, ascending, int [items].
      first: the first item of each category and the end, int [categories + 1].
      popular: cumulative shares by which categories are drawn.
      item_names, category_names: strings.
      effects: source -> what each value adds to the logit; of 'relevant history', what each item of a history does.
      constant: the constant of the logit.
    """

    categories: np.ndarray
    first: np.ndarray
    popular: np.ndarray
    item_names: pa.Array
    category_names: pa.Array
    effects: Dict[str, np.ndarray]
    constant: float = 0.0


class _Draws(NamedTuple):
    """Histories and candidates of N rows; history items one after another, oldest first, two rows a history.

    Attributes:
      lengths: items of each row's history, int [N].
      owner: the row of each history item, int [V].
      history: items, int [V].
      item: the candidate of each row, int [N].
    """

    lengths: np.ndarray
    owner: np.ndarray
    history: np.ndarray
    item: np.ndarray


def make_world(seed: int) -> World:
    """Draws the books and their effects, and sets the constant so that half of the rows have label 1."""
    rng = np.random.default_rng([seed, 0])
    popular = zipf(_CATEGORIES, 0.8, 3)
    categories = np.sort(np.concatenate([np.arange(_CATEGORIES), draw(rng, popular, _ITEMS - _CATEGORIES)]))
    effects = {"relevant history": rng.standard_normal(_ITEMS), "known category": np.ones(1),
               "item": rng.standard_normal(_ITEMS), "category": rng.standard_normal(_CATEGORIES)}
    names = pa.array(["{:010d}".format(n) for n in rng.choice(10 ** 9, _ITEMS, replace=False)])
    world = World(categories, np.searchsorted(categories, np.arange(_CATEGORIES + 1)), popular, names,
                  pa.array(["Books {:02d}".format(i) for i in rng.permutation(_CATEGORIES)]), effects)
    draws = _draw_entities(world, np.random.default_rng([seed, 1]), 100000)
    scales = {name: np.sqrt(_VARIANCE * share) / _source(world, name, draws).std() for name, share in _SIGNAL.items()}
    world = world._replace(effects={name: effect * scales[name] for name, effect in effects.items()})
    logit = _logit(world, draws)
    return world._replace(constant=intercept(logit, np.ones(len(logit)), 0.5))


def _draw_entities(world: World, rng: np.random.Generator, size: int) -> _Draws:
    """Histories of users whose interests drift, and two candidates for each."""
    users = (size + 1) // 2
    lengths = np.exp(rng.normal(np.log(_MEDIAN_LENGTH), _LENGTH_SPREAD, users)).astype(np.int64)
    lengths = np.clip(lengths, 1, _MAX_LENGTH)
    interests = draw(rng, world.popular, users * _INTERESTS).reshape(users, _INTERESTS)
    owner = np.repeat(np.arange(users), lengths)
    age = np.arange(len(owner)) - (np.cumsum(lengths) - lengths)[owner]
    late = age * 2 >= lengths[owner]  # old interests go, new ones come
    category = interests[owner, rng.integers(0, _INTERESTS - 1, len(owner)) + late]
    stray = rng.random(len(owner)) < 0.15
    category[stray] = draw(rng, world.popular, int(stray.sum()))
    history = _item_of(world, rng, category)
    candidates = interests[np.arange(users).repeat(2), rng.integers(1, _INTERESTS, 2 * users)]
    popular = rng.random(2 * users) < 0.4
    candidates[popular] = draw(rng, world.popular, int(popular.sum()))
    lengths = lengths.repeat(2)[:size]
    index, starts = np.arange(lengths.sum()), np.cumsum(lengths) - lengths
    begin = (np.cumsum(lengths[::2]) - lengths[::2]).repeat(2)[:size]
    rows = np.repeat(np.arange(size), lengths)
    return _Draws(lengths, rows, history[index - starts[rows] + begin[rows]], _item_of(world, rng, candidates)[:size])


def _item_of(world: World, rng: np.random.Generator, category: np.ndarray) -> np.ndarray:
    """An item of each category; its first ones are drawn more often."""
    low, count = world.first[category], world.first[category + 1] - world.first[category]
    return low + np.floor(np.exp(rng.random(len(category)) * np.log(count + 1)) - 1).astype(np.int64)


def _source(world: World, name: str, draws: _Draws) -> np.ndarray:
    """What one source adds to each row's logit, float64 [N]."""
    effect = world.effects[name]
    if name in ("item", "category"):
        return effect[draws.item if name == "item" else world.categories[draws.item]]
    size = len(draws.item)
    relevant = world.categories[draws.history] == world.categories[draws.item][draws.owner]
    ends = np.cumsum(draws.lengths)
    weights = relevant * np.exp(-_FRESHNESS * (ends[draws.owner] - 1 - np.arange(len(draws.owner))))
    total = np.bincount(draws.owner, weights, size)
    if name == "known category":
        return effect[0] * (total > 0)
    return np.bincount(draws.owner, weights * effect[draws.history], size) / np.maximum(total, 1e-9)


def _logit(world: World, draws: _Draws) -> np.ndarray:
    """The logit of label 1 of each row, float64 [N]."""
    return world.constant + sum(_source(world, name, draws) for name in _SIGNAL)


def draw_rows(world: World, rng: np.random.Generator, size: int) -> Rows:
    """Draws rows with their labels; each user has two."""
    draws = _draw_entities(world, rng, size)
    logit = _logit(world, draws)
    numbers = rng.integers(0, 36 ** 8, (size + 1) // 2).repeat(2)[:size]
    offsets = pa.array(np.concatenate([[0], np.cumsum(draws.lengths)]).astype(np.int32))
    arrays = [pa.array((rng.random(size) < sigmoid(logit)).astype(np.int32)),
              pa.array(["A" + np.base_repr(number, 36).rjust(13, "0") for number in numbers]),
              world.item_names.take(pa.array(draws.item)),
              world.category_names.take(pa.array(world.categories[draws.item])),
              pa.ListArray.from_arrays(offsets, world.item_names.take(pa.array(draws.history))),
              pa.ListArray.from_arrays(offsets, world.category_names.take(
                  pa.array(world.categories[draws.history])))]
    return Rows(pa.table(arrays, schema=arrow_schema(SCHEMA)), {"click": logit})


def make(rows: int, test_rows: int, seed: int, out: str) -> Dict[str, object]:
    """Writes train and test rows, text and Parquet, the vocabularies, and what was planted as JSON beside them.

    Returns:
      what the JSON file holds: the arguments, the labels' counts and the Bayes AUC on the test rows.
    """
    world = make_world(seed)
    train, test = planted.make_files(SCHEMA, lambda rng, size: draw_rows(world, rng, size), rows, test_rows, seed, out)
    generate_voc.make(os.path.join(out, SCHEMA.train_file), out)
    for name in SCHEMA.vocabularies:
        pick2txt.convert(os.path.join(out, name + ".pkl"))
    bayes_auc = {"click": planted.auc(test.table.column("label").to_numpy(), test.logits["click"])}
    return planted.write_report(SCHEMA, train, test, bayes_auc, out, seed=seed)


def main(argv: Optional[List[str]] = None) -> int:
    """Runs one of the two commands, make and convert."""
    return planted.run(argv, SCHEMA, 600000, {}, make)


if __name__ == "__main__":
    sys.exit(main())

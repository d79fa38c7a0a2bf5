"""The Amazon Books data set of DIN: its schema, its synthetic rows and its conversion.

    python data/amazon.py make --rows 600000 --seed 1 --out data
    python data/amazon.py convert local_train_splitByUser local_train_splitByUser.parquet

data/README.md describes the planted signal and defines the Bayes AUC. data/din/ prepares the real
data.
"""

import functools
import os
import sys
from typing import Dict, List, NamedTuple, Optional

import numpy as np
import pyarrow as pa
from numpy.random import Generator, default_rng

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from common.config.schema import Column, Schema  # noqa: E402
from data import command, planted, ragged  # noqa: E402
from data.conversion import arrow_schema  # noqa: E402
from data.din.script import generate_voc, pick2txt  # noqa: E402
from data.planted import Rows, draw, draw_labels, intercept, zipf  # noqa: E402


def _word(name: str, other_name: str, vocabulary: str, table: str = "") -> Column:
    return Column(
        name,
        "vocabulary",
        vocabulary=vocabulary,
        table=table,
        other_names=(other_name,),
    )


def _history(name: str, other_name: str, vocabulary: str, table: str) -> Column:
    return _word(name, other_name, vocabulary, table)._replace(
        separator="\x02",
        default="",
        newest=100,
        aligned=True,
    )


SCHEMA = Schema(
    name="amazon",
    columns=(
        # The other names are those of the Parquet files of AlibabaPAI/Modelzoo-Data.
        Column("label", "label", other_names=("CLICKED",), task="click"),
        _word("user", "UID", "uid_voc"),
        _word("item", "ITEM", "mid_voc", "item"),
        _word("category", "CATEGORY", "cat_voc", "category"),
        _history("history_items", "HISTORY_ITEM", "mid_voc", "item"),
        _history("history_categories", "HISTORY_CATEGORY", "cat_voc", "category"),
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
_INTERESTS = 4  # categories of a user; the first is left and the last is new within the history
_FRESHNESS = 0.02  # how fast an item's weight falls with each newer one

# Share of each source of signal in the logit's variance.
_SIGNAL = {
    "relevant history": .62,
    "known category": .14,
    "item": .12,
    "category": .12,
}
_VARIANCE = 3.2


class World(NamedTuple):
    """The books that rows are drawn from, and their effects on the logit.

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


def make_world(seed: int) -> World:
    """Draws the books and their effects, and sets the constant that makes half of the labels 1."""
    rng = default_rng([seed, 0])
    popular = zipf(_CATEGORIES, 0.8, 3)
    one_each = np.arange(_CATEGORIES)
    others = draw(rng, popular, _ITEMS - _CATEGORIES)
    categories = np.sort(np.concatenate([one_each, others]))
    bounds = np.arange(_CATEGORIES + 1)
    effects = _draw_effects(rng)
    item_numbers = rng.choice(10 ** 9, _ITEMS, replace=False)
    category_numbers = rng.permutation(_CATEGORIES)
    world = World(
        categories=categories,
        first=np.searchsorted(categories, bounds),
        popular=popular,
        item_names=pa.array(map("{:010d}".format, item_numbers)),
        category_names=pa.array(map("Books {:02d}".format, category_numbers)),
        effects=effects,
    )
    return _calibrate(world, default_rng([seed, 1]))


def _draw_effects(rng: Generator) -> Dict[str, np.ndarray]:
    """The effects of all sources before scaling."""
    return {
        "relevant history": rng.standard_normal(_ITEMS),
        "known category": np.ones(1),
        "item": rng.standard_normal(_ITEMS),
        "category": rng.standard_normal(_CATEGORIES),
    }


def _calibrate(world: World, rng: Generator) -> World:
    """Scales the effects to their shares of variance and sets the constant, on rows of its own."""
    draws = _draw_entities(world, rng, 100000)
    scaled = {}
    for name, share in _SIGNAL.items():
        source = _source(world, name, draws)
        scale = planted.scale_to(source, _VARIANCE * share)
        scaled[name] = world.effects[name] * scale
    world = world._replace(effects=scaled)
    logit = _logit(world, draws)
    constant = intercept(logit, np.ones(len(logit)), 0.5)
    return world._replace(constant=constant)


def _draw_entities(world: World, rng: Generator, size: int) -> Draws:
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


def _source(world: World, name: str, draws: Draws) -> np.ndarray:
    """What one source adds to each row's logit, float64 [N]."""
    effect = world.effects[name]
    if name == "item":
        return effect[draws.item]
    if name == "category":
        return effect[world.categories[draws.item]]
    size = len(draws.item)
    weights = _weigh_history(world, draws)
    total = np.bincount(draws.owner, weights, size)
    if name == "known category":
        is_known = total > 0
        return effect[0] * is_known
    added = weights * effect[draws.history]
    sums = np.bincount(draws.owner, added, size)
    return sums / np.maximum(total, 1e-9)


def _weigh_history(world: World, draws: Draws) -> np.ndarray:
    """Weights of the history items: 0 in other categories than the candidate's, else by age."""
    candidate_category = world.categories[draws.item]
    history_category = world.categories[draws.history]
    is_relevant = history_category == candidate_category[draws.owner]
    num_newer = draws.lengths[draws.owner] - 1 - ragged.positions(draws.lengths)
    return is_relevant * np.exp(-_FRESHNESS * num_newer)


def _logit(world: World, draws: Draws) -> np.ndarray:
    """The logit of label 1 of each row, float64 [N]."""
    total = np.zeros(len(draws.item))
    for name in _SIGNAL:
        total += _source(world, name, draws)
    return world.constant + total


def draw_rows(world: World, rng: Generator, size: int) -> Rows:
    """Draws rows with their labels; each user has two."""
    draws = _draw_entities(world, rng, size)
    logit = _logit(world, draws)
    users = _draw_user_names(rng, size)
    labels = draw_labels(rng, logit)
    items = pa.array(draws.item)
    categories = pa.array(world.categories[draws.item])
    history_items = pa.array(draws.history)
    history_categories = pa.array(world.categories[draws.history])
    arrays = [
        pa.array(labels),
        users,
        world.item_names.take(items),
        world.category_names.take(categories),
        _lists(draws, world.item_names.take(history_items)),
        _lists(draws, world.category_names.take(history_categories)),
    ]
    table = pa.table(arrays, schema=arrow_schema(SCHEMA))
    return Rows(table, {"click": logit})


def _draw_user_names(rng: Generator, size: int) -> pa.StringArray:
    """The user of each row, two rows each."""
    num_users = (size + 1) // 2
    numbers = rng.integers(0, 36 ** 8, num_users)
    names = []
    for number in numbers:
        digits = np.base_repr(number, 36)
        names.append("A" + digits.rjust(13, "0"))
    user = pa.array(np.arange(size) // 2)
    return pa.array(names).take(user)


def _lists(draws: Draws, values: pa.Array) -> pa.ListArray:
    offsets = ragged.offsets(draws.lengths)
    return pa.ListArray.from_arrays(offsets, values)


def make(
        rows: int,
        test_rows: int,
        seed: int,
        out: str,
) -> Dict[str, object]:
    """Writes training and test rows, text and Parquet, vocabularies, and a report of the signal.

    Returns:
      what the report, a JSON file, holds: the arguments, the labels' counts and the test rows'
      Bayes AUC.
    """
    world = make_world(seed)
    draw_world = functools.partial(draw_rows, world)
    train, test = planted.make_files(SCHEMA, draw_world, rows, test_rows, seed, out)
    train_path = os.path.join(out, SCHEMA.train_file)
    generate_voc.make([train_path], out)
    for name in SCHEMA.vocabularies:
        pickle_path = os.path.join(out, name + ".pkl")
        pick2txt.convert(pickle_path)
    labels = test.table.column("label").to_numpy()
    bayes_auc = {"click": planted.auc(labels, test.logits["click"])}
    return planted.write_report(SCHEMA, train, test, bayes_auc, out, seed=seed)


def main(argv: Optional[List[str]] = None) -> int:
    """Runs one of the two commands, make and convert."""
    return command.run(argv, SCHEMA, 600000, {}, make)


if __name__ == "__main__":
    sys.exit(main())

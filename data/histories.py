"""Synthetic rows with histories: what of a history tells the label is known.

Rows of the columns of data/din/columns.py, whose labels are drawn from a logit. data/README.md
describes it and defines the Bayes AUC.
"""

import functools
import os
from typing import Dict

import numpy as np
import pyarrow as pa
from numpy.random import Generator, default_rng

from common.config.schema import Schema
from data import planted, ragged
from data.conversion import arrow_schema
from data.din.script import generate_voc, pick2txt
from data.interests import Draws, Names, World, draw_entities, draw_world
from data.planted import Rows, draw_labels, intercept

_FRESHNESS = 0.02  # how fast an item's weight falls with each newer one

# Share of each source of signal in the logit's variance.
_SIGNAL = {
    "relevant history": .62,
    "known category": .14,
    "item": .12,
    "category": .12,
}
_VARIANCE = 3.2


def make_world(seed: int, names: Names) -> World:
    """Draws items, and effects whose constant makes half of the labels 1."""
    world = draw_world(default_rng([seed, 0]), names)
    return _calibrate(world, default_rng([seed, 1]))


def _calibrate(world: World, rng: Generator) -> World:
    """Scales the effects to their shares of variance and sets the constant, on rows of its own."""
    draws = draw_entities(world, rng, 100000)
    scaled = {}
    for name, share in _SIGNAL.items():
        values = source(world, name, draws)
        scale = planted.scale_to(values, _VARIANCE * share)
        scaled[name] = world.effects[name] * scale
    world = world._replace(effects=scaled)
    logit = logit_of(world, draws)
    constant = intercept(logit, np.ones(len(logit)), 0.5)
    return world._replace(constant=constant)


def source(world: World, name: str, draws: Draws) -> np.ndarray:
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


def logit_of(world: World, draws: Draws) -> np.ndarray:
    """The logit of label 1 of each row, float64 [N]."""
    total = np.zeros(len(draws.item))
    for name in _SIGNAL:
        total += source(world, name, draws)
    return world.constant + total


def draw_rows(schema: Schema, world: World, rng: Generator, size: int) -> Rows:
    """Draws rows of a schema with their labels; each user has two."""
    draws = draw_entities(world, rng, size)
    logit = logit_of(world, draws)
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
    table = pa.table(arrays, schema=arrow_schema(schema))
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
        schema: Schema,
        names: Names,
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
    world = make_world(seed, names)
    draw_schema_rows = functools.partial(draw_rows, schema, world)
    train, test = planted.make_files(schema, draw_schema_rows, rows, test_rows, seed, out)
    train_path = os.path.join(out, schema.train_file)
    generate_voc.make([train_path], out)
    for name in schema.vocabularies:
        pickle_path = os.path.join(out, name + ".pkl")
        pick2txt.convert(pickle_path)
    labels = test.table.column("label").to_numpy()
    bayes_auc = {"click": planted.auc(labels, test.logits["click"])}
    return planted.write_report(schema, train, test, bayes_auc, out, seed=seed)

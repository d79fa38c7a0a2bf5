"""Writes samples of ratings: training and test files and their vocabularies, all or none."""

import collections
import contextlib
import glob
import os
import shutil
import tempfile
from typing import IO, Counter, Dict, Iterable, Iterator, List, NamedTuple, Sequence

import numpy as np
import pyarrow as pa
from numpy.random import default_rng

from common.config.schema import Schema
from common.errors import BadInput
from common.pipeline import vocabulary
from data.din import buckets, rated
from data.din.division import IsTest
from data.din.rated import Choice
from data.din.reviews import Items, Reviews, make_items, sort_reviews
from data.din.rows import Rows, to_lines
from data.din.samples import DEFAULT_CATEGORY
from data.din.script.generate_voc import in_order
from data.lines import Progress

_TEMPORARY = ".ratings."


class Tally:
    """Counts what is written to a file of rows.

    Attributes:
      num_rows, num_high: rows, and those with label 1.
      users: rows of each user, by name.
      items: occurrences of each item as target and in histories, int64 [I].
    """

    def __init__(self, num_items: int) -> None:
        self.num_rows = self.num_high = 0
        self.users: Counter[bytes] = collections.Counter()
        self.items = np.zeros(num_items, np.int64)

    def add(self, rows: Rows, users: pa.BinaryArray) -> None:
        """Counts some rows; users holds the names of all users."""
        self.num_rows += len(rows.labels)
        self.num_high += int(rows.labels.sum())
        num_rows = np.bincount(rows.users, minlength=len(users))
        names = users.to_pylist()
        for user in np.flatnonzero(num_rows):
            self.users[names[user]] += int(num_rows[user])
        for items in (rows.targets, rows.history):
            self.items += np.bincount(items, minlength=len(self.items))


class Ratings(NamedTuple):
    """Ratings that are divided by user.

    Attributes:
      paths: the files that they are divided into.
      items: what is rated.
      num_equal: how many ratings were dropped as equal to others.
      seed: of the order of a user's ratings of equal time.
    """

    paths: List[str]
    items: Items
    num_equal: int
    seed: int

    def read(self) -> Iterator[Reviews]:
        """Yields the ratings of each file, sorted."""
        for number, path in enumerate(self.paths):
            rng = default_rng([self.seed, number])
            yield sort_reviews(buckets.read(path), self.items.names, rng)


@contextlib.contextmanager
def divided(
        tables: Iterable[pa.Table],
        info: pa.Table,
        out: str,
        seed: int,
) -> Iterator[Ratings]:
    """Yields ratings divided by user, in a folder beside the rows that goes at the end.

    Those of killed runs go at the beginning, so two runs at a time need two folders.
    """
    for left in glob.glob(os.path.join(glob.escape(out), _TEMPORARY + "*")):
        shutil.rmtree(left)
    with tempfile.TemporaryDirectory(prefix=_TEMPORARY, dir=out) as folder:
        paths = buckets.partition(tables, folder)
        num_equal = sum(map(buckets.drop_equal, paths))
        items = make_items(paths, [info])
        yield Ratings(paths, items, num_equal, seed)


def write(
        schema: Schema,
        ratings: Ratings,
        is_test: IsTest,
        choice: Choice,
        out: str,
) -> Dict[str, int]:
    """Writes rows and vocabularies to a folder; what it holds changes only when all are made.

    Returns:
      how many rows, and how many of label 1, each file of rows has.

    Raises:
      BadInput: a file would have no rows, or rows of one label alone.
    """
    names = [schema.train_file, schema.test_file]
    with tempfile.TemporaryDirectory(prefix=_TEMPORARY, dir=out) as folder:
        with contextlib.ExitStack() as stack:
            paths = [os.path.join(folder, name) for name in names]
            files = [stack.enter_context(open(path, "wb")) for path in paths]
            tallies = _write_rows(ratings, is_test, choice, files)
        report = {}
        for name, tally in zip(names, tallies):
            if not 0 < tally.num_high < tally.num_rows:
                raise BadInput("{} would have {} rows, {} of them with label 1. Give more ratings, "
                               "or divide them otherwise.".format(
                                   name, tally.num_rows, tally.num_high))
            report[name] = tally.num_rows
            report[name + ", label 1"] = tally.num_high
        _write_vocabularies(schema, ratings.items, tallies[0], folder)
        _publish(schema, folder, out)
    return report


def _write_rows(
        ratings: Ratings,
        is_test: IsTest,
        choice: Choice,
        files: Sequence[IO[bytes]],
) -> List[Tally]:
    """Writes training rows to the first of two files and test rows to the other."""
    num_items = len(ratings.items.names)
    tallies = [Tally(num_items) for _ in files]
    num_bytes = list(map(os.path.getsize, ratings.paths))
    progress = Progress(files[0].name, "ratings", sum(num_bytes))
    num_ratings = 0
    for number, reviews in enumerate(ratings.read(), 1):
        for_test = is_test(reviews)
        for among, file, tally in zip((~for_test, for_test), files, tallies):
            for rows in rated.make_rows(reviews, choice, among):
                lines = to_lines(rows, reviews.users, ratings.items)
                file.writelines(lines.to_pylist())
                tally.add(rows, reviews.users)
        num_ratings += len(reviews.items)
        progress.update(num_ratings, sum(num_bytes[:number]))
    progress.end(num_ratings)
    return tallies


def _write_vocabularies(schema: Schema, items: Items, tally: Tally, folder: str) -> None:
    """Writes the names of the training rows as text, in the order of generate_voc.py."""
    item_counts: Counter[bytes] = collections.Counter()
    category_counts: Counter[bytes] = collections.Counter()
    named = zip(items.names.to_pylist(), items.categories.to_pylist(), tally.items.tolist())
    for item, category, count in named:
        if count:
            item_counts[item] = count
            category_counts[category] += count
    counts = {
        "user": (tally.users, "default_uid"),
        "item": (item_counts, "default_mid"),
        "category": (category_counts, DEFAULT_CATEGORY),
    }
    for column in schema.scalars:
        if column.name in counts:
            words = in_order(*counts[column.name])
            path = os.path.join(folder, column.vocabulary + ".txt")
            vocabulary.save_txt(path, words)


def _publish(schema: Schema, folder: str, out: str) -> None:
    """Moves new files to a folder, the training rows last, once all old ones are gone."""
    names = set(os.listdir(folder)) - {schema.train_file}
    old = [schema.train_file, schema.name + "_planted.json", *names]
    old += [name + ".parquet" for name in (schema.train_file, schema.test_file)]
    old += [name + ".pkl" for name in schema.vocabularies]
    for name in old:
        path = os.path.join(out, name)
        if os.path.exists(path):
            os.remove(path)
    for name in [*sorted(names), schema.train_file]:
        os.replace(os.path.join(folder, name), os.path.join(out, name))

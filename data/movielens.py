"""MovieLens, for DIN: its schema, its conversion and synthetic ratings.

    python data/movielens.py convert ml-1m --out data
    python data/movielens.py make --rows 20000 --seed 1 --out published

A sample asks whether a user rates a movie with 4 stars or more, given the movies that he or she
rated before, as in DIN's paper. A movie's category is its first genre.
"""

import os
import sys
from typing import List, Optional

import numpy as np
from numpy.random import Generator, default_rng

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from common.config.schema import Schema  # noqa: E402
from data import originals  # noqa: E402
from data.din import division, movielens_files, rated_files  # noqa: E402
from data.din.columns import columns  # noqa: E402
from data.din.rated import Choice  # noqa: E402
from data.originals import Counts  # noqa: E402

SCHEMA = Schema(
    name="movielens",
    columns=columns("movielens_users", "movielens_movies", "movielens_genres"),
    train_file="movielens_train",
    test_file="movielens_test",
    user_column="user",
    module="data/movielens.py",
    published=True,
    delimiter="\t",
    parquet_lists=True,
)
_SPLITS = ("users", "time")
_MOVIES, _A_USER = 400, 40  # of synthetic ratings: movies, and ratings of a user
_GENRES = ("Action", "Comedy", "Crime", "Documentary", "Horror", "Musical", "Romance", "Western")
_TEST_SHARE = 0.278  # of users: 38,493 of the 138,493 of ml-20m


def convert(
        source: str,
        split: Optional[str],
        test_share: float,
        targets: int,
        min_categories: float,
        seed: int,
        out: str,
) -> Counts:
    """Writes training and test rows and their vocabularies.

    Args:
      source: the folder of an unpacked archive.
      split: "users", where those of the test are drawn, or "time", where the last days are the
        test's; None for "users".
      test_share: the test's share of the users, or of the ratings.
      targets: how many ratings of a user are targets, the newest; 0 for all but the first.
      min_categories: the smallest share of the rated movies that must have a genre.
      seed: of the draws of users and of the order of a user's ratings of one second.
      out: the folder to write to.

    Returns:
      what was written and what was left out.

    Raises:
      ValueError: an argument is outside the values above.
      BadInput: the files cannot be read, or one would have no rows.
    """
    split = split or "users"
    _check(split, test_share, targets, min_categories, seed)
    layout = movielens_files.find_layout(source)
    movies = movielens_files.read_movies(source, layout)
    originals.make_folder(out)
    tables = movielens_files.read_ratings(source, layout)
    with rated_files.divided(tables, movies, out, seed) as ratings:
        ratings.items.check_categories(os.path.join(source, layout.movies), min_categories)
        if split == "users":
            is_test = division.by_user(test_share, seed)
        else:
            is_test = division.by_time(test_share, ratings.read())
        counts = rated_files.write(SCHEMA, ratings, is_test, Choice(targets=targets), out)
    counts["equal ratings left out"] = ratings.num_equal
    counts["movies"] = len(ratings.items.names)
    counts["movies without a genre"] = ratings.items.num_uncategorized
    counts["movies not in the list"] = ratings.items.num_unlisted
    return counts


def _check(split: str, test_share: float, targets: int, min_categories: float, seed: int) -> None:
    if split not in _SPLITS:
        raise ValueError("--split must be one of {}. Got: {!r}.".format(", ".join(_SPLITS), split))
    if not 0 < test_share < 1:
        raise ValueError("--test_share must be between 0 and 1. Got: {}.".format(test_share))
    if not 0 <= min_categories <= 1:
        raise ValueError("--min_categories must be from 0 to 1. Got: {}.".format(min_categories))
    for name, value in (("targets", targets), ("seed", seed)):
        if value < 0:
            raise ValueError("--{} must be >= 0. Got: {}.".format(name, value))


def make(rows: int, test_rows: int, seed: int, out: str) -> Counts:
    """Writes ratings.csv and movies.csv as they are published, with tastes that can be learned.

    A user likes two genres, rates more movies of them than of others, and most of them with 4 stars
    or more. So the genres of the history tell what is liked.

    Args:
      rows, test_rows: their sum is the number of ratings.
      seed: the same arguments give the same bytes.
      out: the folder to write to.

    Raises:
      BadInput: one of the files is there already.
    """
    names = ["ratings.csv", "movies.csv"]
    originals.check_absent(out, names)
    rng = default_rng(seed)
    genres = rng.integers(0, len(_GENRES), _MOVIES)
    num_ratings = rows + test_rows
    with originals.writing(out, names, []) as files:
        files["movies.csv"].write(b"movieId,title,genres\n")
        for movie, genre in enumerate(genres, 1):
            line = '{},"No. {}, The (1999)",{}|Drama\n'.format(movie, movie, _GENRES[genre])
            files["movies.csv"].write(line.encode())
        files["ratings.csv"].write(b"userId,movieId,rating,timestamp\n")
        for number in range(0, num_ratings, _A_USER):
            size = min(_A_USER, num_ratings - number)
            for line in _draw_user(rng, number // _A_USER + 1, genres, size):
                files["ratings.csv"].write(line.encode())
    return {"ratings.csv": num_ratings, "movies.csv": _MOVIES}


def _draw_user(rng: Generator, user: int, genres: np.ndarray, size: int) -> List[str]:
    """The ratings of one user, by movie as they are published."""
    liked = rng.choice(len(_GENRES), 2, replace=False)
    weights = np.where(np.isin(genres, liked), 4.0, 1.0)
    movies = rng.choice(_MOVIES, size, replace=False, p=weights / weights.sum())
    movies.sort()
    is_liked = np.isin(genres[movies], liked)
    is_high = rng.random(size) < np.where(is_liked, 0.85, 0.15)
    stars = np.where(is_high, rng.integers(8, 11, size), rng.integers(1, 8, size)) / 2
    times = 1100000000 + rng.integers(0, 1000 * 86400) + rng.integers(0, 3600, size)
    return ["{},{},{},{}\n".format(user, *row) for row in zip(movies + 1, stars, times)]


def main(argv: Optional[List[str]] = None) -> int:
    """Runs one of the two commands, make and convert."""
    sources = {
        "source": "the folder of an unpacked archive: ml-100k, ml-1m, ml-latest, ml-32m or another",
        "--split": "users, those of the test drawn, or time, its last days the test's (default "
                   "users)",
    }
    numbers = {
        "--test_share": (_TEST_SHARE, "the test's share of the users, or of the ratings"),
        "--targets": (0, "how many ratings of a user are targets, the newest; 0 for all"),
        "--min_categories": (0.5, "smallest share of the movies that must have a genre"),
        "--seed": (2021, "seed of the test's users and of the order of ratings of one second"),
    }
    return originals.run(argv, "MovieLens", make, convert, sources, numbers)


if __name__ == "__main__":
    sys.exit(main())

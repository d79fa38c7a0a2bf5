"""The files of MovieLens in its three layouts: ratings as tables of reviews, movies with a genre.

| layout | ratings | movies |
|---|---|---|
| ml-100k | `u.data`, divided by tabs | `u.item`, divided by `|`, one column for each genre |
| ml-1m, ml-10m | `ratings.dat`, divided by `::` | `movies.dat`, genres divided by `|` |
| ml-20m and later, ml-latest | `ratings.csv` | `movies.csv`, genres divided by `|` |

Titles are passed over, so it does not matter that some are in Latin-1 and others in UTF-8.
"""

import csv
import os
from typing import Callable, Iterator, List, NamedTuple, Tuple

import pyarrow as pa

from common.errors import BadInput
from data.din.samples import DEFAULT_CATEGORY
from data.din.tables import ITEMS, REVIEWS, Form, read_tables
from data.lines import read_lines

_WHOLE = "^[0-9]+$"
_RATING = r"^[0-9]+(\.[0-9]+)?$"
_PATTERNS = {"user": _WHOLE, "item": _WHOLE, "rating": _RATING, "time": _WHOLE}
_ORIGIN = "Name the folder of an unpacked archive of MovieLens."
_REMEDY = "Fetch and unpack the archive again."
_RATINGS_HEADER = "userId,movieId,rating,timestamp"
_MOVIES_HEADER = "movieId,title,genres"
_NO_GENRES = ("", "unknown", "(no genres listed)")
_FLAGS = (  # the last columns of u.item
    "unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary",
    "Drama", "Fantasy", "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi",
    "Thriller", "War", "Western")
_NUM_ITEM_FIELDS = 5 + len(_FLAGS)

Movie = Tuple[str, str]  # its id and its first genre


class Layout(NamedTuple):
    """One of the layouts: its files, how ratings are divided, and how a movie's line is read."""

    ratings: str
    movies: str
    delimiter: str
    header: str
    to_movie: Callable[[str], Movie]

    @property
    def form(self) -> Form:
        """How ratings are written."""
        expected = "user, movie, rating and time divided by {!r}, as numbers".format(self.delimiter)
        return Form(self.delimiter, self.header, _PATTERNS, expected, _ORIGIN, _REMEDY)


def _movie_of_flags(line: str) -> Movie:
    fields = line.split("|")
    flags = fields[-len(_FLAGS):]
    if len(fields) != _NUM_ITEM_FIELDS or not set(flags) <= {"0", "1"}:
        raise ValueError("a movie's id, title, two dates and address, and {} genres of 0 or 1, "
                         "divided by '|'".format(len(_FLAGS)))
    genres = [genre for genre, flag in zip(_FLAGS, flags) if flag == "1"]
    return fields[0], _first_genre(genres)


def _movie_of_dat(line: str) -> Movie:
    fields = line.split("::")
    if len(fields) < 3:  # a title may hold the delimiter
        raise ValueError("a movie's id, title and genres divided by '::'")
    return fields[0], _first_genre(fields[-1].split("|"))


def _movie_of_csv(line: str) -> Movie:
    fields: List[str] = next(csv.reader([line]), [])
    if len(fields) != 3:
        raise ValueError("a movie's id, title and genres divided by ','")
    return fields[0], _first_genre(fields[-1].split("|"))


def _first_genre(genres: List[str]) -> str:
    known = [genre for genre in genres if genre not in _NO_GENRES]
    return known[0] if known else DEFAULT_CATEGORY


_LAYOUTS = (
    Layout("u.data", "u.item", "\t", "", _movie_of_flags),
    Layout("ratings.dat", "movies.dat", "::", "", _movie_of_dat),
    Layout("ratings.csv", "movies.csv", ",", _RATINGS_HEADER, _movie_of_csv),
)


def find_layout(folder: str) -> Layout:
    """The layout of the files in a folder.

    Raises:
      BadInput: there is no file of ratings in it, several, or no file of movies.
    """
    found = [layout for layout in _LAYOUTS if os.path.isfile(os.path.join(folder, layout.ratings))]
    names = ", ".join(layout.ratings for layout in _LAYOUTS)
    if not found:
        raise BadInput("{}: expected a folder with one of {}. {}".format(folder, names, _ORIGIN))
    if len(found) > 1:
        both = " and ".join(layout.ratings for layout in found[:2])
        raise BadInput("{}: {} are both there, expected one of {}. Leave one of them.".format(
            folder, both, names))
    layout = found[0]
    movies = os.path.join(folder, layout.movies)
    if not os.path.isfile(movies):
        raise BadInput("{}: no such file, though {} is there. {}".format(
            movies, layout.ratings, _ORIGIN))
    return layout


def read_ratings(folder: str, layout: Layout) -> Iterator[pa.Table]:
    """Yields the ratings of a folder, block by block, with the columns of tables.REVIEWS.

    Raises:
      BadInput: a line is no rating.
    """
    return read_tables(os.path.join(folder, layout.ratings), REVIEWS, layout.form)


def read_movies(folder: str, layout: Layout) -> pa.Table:
    """The movies of a folder with their first genre, with the columns of tables.ITEMS.

    A movie without genres has DEFAULT_CATEGORY.

    Raises:
      BadInput: the file cannot be read, or a line is no movie.
    """
    path = os.path.join(folder, layout.movies)
    ids, genres = [], []
    for number, line in read_lines(path):
        text = line.decode("latin-1")
        if number == 1 and layout.header and text == _MOVIES_HEADER:
            continue
        item, genre = _parse_movie(path, number, text, layout)
        ids.append(item)
        genres.append(genre)
    columns = [pa.array(values, pa.string()).cast(pa.binary()) for values in (ids, genres)]
    return pa.table(columns, schema=ITEMS)


def _parse_movie(path: str, number: int, text: str, layout: Layout) -> Movie:
    try:
        item, genre = layout.to_movie(text)
        if not item.isdigit():
            raise ValueError("a whole number as the movie's id")
    except (ValueError, csv.Error) as error:
        raise BadInput("{}, line {}: {!r} is given, expected {}. {}".format(
            path, number, text[:80], error, _REMEDY))
    return item, genre

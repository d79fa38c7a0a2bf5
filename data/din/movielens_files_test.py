import os
from typing import Dict

import pytest

from common.errors import BadInput
from data.din import movielens_files
from data.din.tables import REVIEWS

RATINGS = [(b"1", b"2", 4.0, 978300760), (b"1", b"1", 3.5, 978300761), (b"7", b"2", 5.0, 5)]


def flags(*genres: int) -> bytes:
    return b"|".join(b"1" if place in genres else b"0" for place in range(19))


LAYOUTS: Dict[str, Dict[str, bytes]] = {
    "ml-100k": {
        "u.data": b"1\t2\t4\t978300760\n1\t1\t3.5\t978300761\n7\t2\t5\t5\n",
        "u.item": b"1|Caf\xe9 (1995)|01-Jan-1995||http://x|" + flags(3, 5) + b"\n"
                  b"2|GoldenEye|01-Jan-1995||http://y|" + flags(1) + b"\n"
                  b"3|unknown||||" + flags(0) + b"\n",
    },
    "ml-1m": {
        "ratings.dat": b"1::2::4::978300760\n1::1::3.5::978300761\n7::2::5::5\n",
        "movies.dat": b"1::Caf\xe9 :: 2 (1995)::Animation|Comedy\n2::GoldenEye (1995)::Action\n"
                      b"3::None::\n",
    },
    "ml-32m": {
        "ratings.csv": b"userId,movieId,rating,timestamp\r\n1,2,4.0,978300760\r\n"
                       b"1,1,3.5,978300761\r\n7,2,5.0,5\r\n",
        "movies.csv": b"movieId,title,genres\n1,\"Caf\xc3\xa9, \"\"The\"\" 2\",Animation|Comedy\n"
                      b"2,GoldenEye (1995),Action\n3,None,(no genres listed)\n",
    },
}


def write(folder: object, files: Dict[str, bytes]) -> str:
    for name, content in files.items():
        with open(os.path.join(str(folder), name), "wb") as file:
            file.write(content)
    return str(folder)


@pytest.mark.parametrize("layout", list(LAYOUTS))
def test_each_layout_is_read_alike(tmp_path: object, layout: str) -> None:
    folder = write(tmp_path, LAYOUTS[layout])
    found = movielens_files.find_layout(folder)
    movies = movielens_files.read_movies(folder, found).to_pydict()
    assert movies == {"item": [b"1", b"2", b"3"],
                      "category": [b"Animation", b"Action", b"default_cat"]}
    table, = movielens_files.read_ratings(folder, found)
    assert table.schema == REVIEWS
    rows = [(row["user"], row["item"], float(row["rating"]), row["time"])
            for row in table.to_pylist()]
    assert rows == RATINGS


@pytest.mark.parametrize("layout, name, line, number, message", [
    ("ml-100k", "u.data", b"1\t2\t4", 4, r"'1.t2.t4' is given, expected user, movie, rating and "
     r"time divided by '.t', as numbers. Fetch and unpack the archive again"),
    ("ml-1m", "ratings.dat", b"1::2::x::5", 4, "'1::2::x::5' is given, expected .* by '::'"),
    ("ml-1m", "ratings.dat", b"1::2::5::978300760.5", 4, ".* is given, expected .* as numbers"),
    ("ml-1m", "ratings.dat", b"1,2,5,5", 4, "'1,2,5,5' is given, expected"),
    ("ml-1m", "ratings.dat", b"1::2::5::99999999999999999999", 4, ".* is given, expected"),
    ("ml-32m", "ratings.csv", b"u1,2,5,5", 5, "'u1,2,5,5' is given, expected .* divided by ','"),
    ("ml-32m", "ratings.csv", b"1,2,nan,5", 5, "'1,2,nan,5' is given"),
])
def test_lines_that_are_no_ratings(tmp_path: object, layout: str, name: str, line: bytes,
                                   number: int, message: str) -> None:
    files = dict(LAYOUTS[layout])
    files[name] += line + b"\n"
    folder = write(tmp_path, files)
    found = movielens_files.find_layout(folder)
    with pytest.raises(BadInput, match="{}, line {}: {}".format(name, number, message)):
        list(movielens_files.read_ratings(folder, found))


@pytest.mark.parametrize("layout, line, message", [
    ("ml-100k", b"4|x|y", r"'4.x.y' is given, expected a movie's id, title, two dates and address, "
     "and 19 genres of 0 or 1, divided by '.'. Fetch and unpack the archive again"),
    ("ml-100k", b"4|x|||y|" + flags() + b"|2", "expected a movie's id, title, two dates"),
    ("ml-1m", b"4::x", "'4::x' is given, expected a movie's id, title and genres divided by '::'"),
    ("ml-32m", b"4,a,b,Action", "expected a movie's id, title and genres divided by ','"),
    ("ml-32m", b"x,a,Action", "'x,a,Action' is given, expected a whole number as the movie's id"),
    ("ml-32m", b"", "'' is given, expected a movie's id, title and genres"),
])
def test_lines_that_are_no_movies(tmp_path: object, layout: str, line: bytes,
                                  message: str) -> None:
    files = dict(LAYOUTS[layout])
    name = [name for name in files if name in ("u.item", "movies.dat", "movies.csv")][0]
    files[name] += line + b"\n"
    folder = write(tmp_path, files)
    with pytest.raises(BadInput, match=r"{}, line \d: .*{}".format(name, message)):
        movielens_files.read_movies(folder, movielens_files.find_layout(folder))


@pytest.mark.parametrize("files, message", [
    ({}, "expected a folder with one of u.data, ratings.dat, ratings.csv. Name the folder of an "
         "unpacked archive of MovieLens"),
    ({"u.data": b"", "ratings.csv": b""}, "u.data and ratings.csv are both there, expected one of "
                                          "u.data, .*. Leave one of them"),
    ({"ratings.dat": b""}, "movies.dat: no such file, though ratings.dat is there. Name"),
])
def test_folders_that_are_none(tmp_path: object, files: Dict[str, bytes], message: str) -> None:
    folder = write(tmp_path, files)
    with pytest.raises(BadInput, match=message):
        movielens_files.find_layout(folder)


@pytest.mark.parametrize("content, message", [
    (b"1,2,4.0,978300760\n", "ratings.csv, line 1: '1,2,4.0,978300760' is given, expected the "
                             "header 'userId,movieId,rating,timestamp'. Fetch and unpack"),
    (b"", "ratings.csv: no such file, or an empty one. Name the folder of an unpacked archive"),
])
def test_files_of_ratings_without_their_header(tmp_path: object, content: bytes,
                                               message: str) -> None:
    folder = write(tmp_path, dict(LAYOUTS["ml-32m"], **{"ratings.csv": content}))
    with pytest.raises(BadInput, match=message):
        list(movielens_files.read_ratings(folder, movielens_files.find_layout(folder)))

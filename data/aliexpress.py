"""AliExpress search, for ESMM, MMoE and PLE: its schema, its conversion and synthetic rows.

    python data/aliexpress.py convert train.csv test.csv --out data
    python data/aliexpress.py make --rows 20000 --seed 1 --out published

The files are those of one country as the Multitask-Recommendation-Library publishes them: user and
item columns joined, texts as numbers. They are read as they are, too, with --train_files.
"""

import os
import sys
from typing import List, Optional

from numpy.random import Generator

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from common.config.schema import Column, Schema  # noqa: E402
from data import originals  # noqa: E402
from data.originals import Counts, Source, wrong  # noqa: E402

CATEGORIES, NUMBERS = 16, 63
SCHEMA = Schema(
    name="aliexpress",
    columns=(
        Column("search_id", "user"),
        *[Column("categorical_{}".format(place), "hash", 100000)
          for place in range(1, CATEGORIES + 1)],
        *[Column("numerical_{}".format(place), "number", default="0")
          for place in range(1, NUMBERS + 1)],
        Column("click", "label", role="click"),
        Column("conversion", "label", task="purchase", role="purchase"),
    ),
    train_file="aliexpress_train",
    test_file="aliexpress_test",
    user_column="search_id",
    module="data/aliexpress.py",
    published=True,
    header=True,
)
_NAMES = [column.name for column in SCHEMA.columns]
_HEADER = ",".join(_NAMES).encode()
_FIRST_NUMBER = 1 + CATEGORIES
_LABELS = {b"0": b"0", b"1": b"1", b"0.0": b"0", b"1.0": b"1"}


def to_row(path: str, number: int, line: bytes) -> Optional[bytes]:
    """The row of a published line; None of the header.

    Raises:
      BadInput: the line is none of the data set.
    """
    if number == 1:
        if line != _HEADER:
            raise wrong(path, number, "the line", line, "the names of the columns, search_id, "
                        "categorical_1 and so on")
        return None
    fields = originals.split(path, number, line, b",", len(_NAMES))
    for place in range(_FIRST_NUMBER, _FIRST_NUMBER + NUMBERS):
        if fields[place] and not originals.is_number(fields[place]):
            raise wrong(path, number, _NAMES[place], fields[place], "a number or nothing")
    for place in (-2, -1):
        if fields[place] not in _LABELS:
            raise wrong(path, number, _NAMES[place], fields[place], "0 or 1")
        fields[place] = _LABELS[fields[place]]
    return b",".join(fields)


def convert(source: str, test_source: str, out: str) -> Counts:
    """Writes training and test rows, those of the two published files of a country.

    Returns:
      file name -> how many rows it has.

    Raises:
      BadInput: a file cannot be read, or a line is none of the data set.
    """
    train, test = SCHEMA.train_file, SCHEMA.test_file
    sources = [Source(source, lambda row: train), Source(test_source, lambda row: test)]
    return originals.convert_lines(sources, to_row, [train, test], out, _HEADER)


def draw_line(rng: Generator) -> bytes:
    """A random line as published: a category and a number decide on clicks and purchases."""
    ids = rng.integers(0, 20, CATEGORIES)
    numbers = rng.random(NUMBERS).round(4)
    is_click = rng.random() < (0.6 if ids[0] < 6 else 0.1)
    is_bought = is_click and rng.random() < (0.8 if numbers[0] > 0.5 else 0.2)
    fields = [rng.integers(0, 500), *ids, *numbers, int(is_click), int(is_bought)]
    return ",".join(map(str, fields)).encode()


def make(rows: int, test_rows: int, seed: int, out: str) -> Counts:
    """Writes random rows as the two published files of a country have them.

    Returns:
      file name -> how many rows it has.

    Raises:
      BadInput: one of the files is there already.
    """
    sizes = {"train.csv": rows, "test.csv": test_rows}
    return originals.make_lines(out, sizes, seed, draw_line, _HEADER)


def main(argv: Optional[List[str]] = None) -> int:
    """Runs one of the two commands, make and convert."""
    sources = {
        "source": "the published training file of a country, plain or compressed",
        "test_source": "its test file",
    }
    return originals.run(argv, "AliExpress search", make, convert, sources)


if __name__ == "__main__":
    sys.exit(main())

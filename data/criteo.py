"""Criteo's display advertising rows, for DLRM: their schema, their conversion and synthetic rows.

    python data/criteo.py convert train.txt --out data
    python data/criteo.py convert train.csv --test_source eval.csv --out data
    python data/criteo.py make --rows 20000 --seed 1 --out published

Files of the layout of train.txt are read as they are, too, as the days of the Terabyte set:

    python dlrm/train.py --schema criteo --train_files 'day_[0-9],day_1?,day_2[0-2]' \\
        --eval_files day_23
"""

import os
import sys
from typing import List, Optional

from numpy.random import Generator

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from common.config.schema import Column, Schema  # noqa: E402
from data import originals  # noqa: E402
from data.originals import Counts, Source, wrong  # noqa: E402

NUMBERS = 13
# Of C1 to C26, as DeepRec's script of DLRM has them.
BUCKETS = (
    2500, 2000, 5000000, 1500000, 1000, 100, 20000, 4000, 20, 100000, 10000, 5000000, 40000,
    100, 100, 3000000, 50, 10000, 4000, 20, 4000000, 100, 100, 250000, 400, 100000)
SCHEMA = Schema(
    name="criteo",
    columns=(
        Column("label", "label", task="click"),
        *[Column("I{}".format(place), "number", default="0") for place in range(1, NUMBERS + 1)],
        *[Column("C{}".format(place), "hash", size) for place, size in enumerate(BUCKETS, 1)],
    ),
    train_file="criteo_train",
    test_file="criteo_test",
    user_column="",
    module="data/criteo.py",
    published=True,
    delimiter="\t",
)
VALIDATION_FILE = "criteo_validation"
_NAMES = [column.name for column in SCHEMA.columns]
_HEADER = [name.encode() for name in _NAMES]
_LABELS = (b"0", b"1")


def to_row(path: str, number: int, line: bytes) -> Optional[bytes]:
    """The row of a published line, divided by tabs or commas; None of a header.

    Raises:
      BadInput: the line is none of the data set.
    """
    delimiter = b"\t" if b"\t" in line else b","
    fields = line.split(delimiter)
    if number == 1 and fields == _HEADER:
        return None
    if len(fields) != len(_NAMES):
        expected = "{} fields divided by tabs or commas, not {}{}".format(
            len(_NAMES), len(fields),
            " (Kaggle's test.txt has no labels)" if len(fields) == len(_NAMES) - 1 else "")
        raise wrong(path, number, "the line", line, expected)
    if fields[0] not in _LABELS:
        raise wrong(path, number, "label", fields[0], "0 or 1")
    for place in range(1, NUMBERS + 1):
        if fields[place] and not originals.is_number(fields[place]):
            raise wrong(path, number, _NAMES[place], fields[place], "a number or nothing")
    return b"\t".join(fields)


def convert(source: str, test_source: Optional[str], out: str) -> Counts:
    """Writes training and test rows.

    Args:
      source: a published file. Without test_source, the ninth of each ten rows is a validation row
        and the tenth a test row.
      test_source: another one: all its rows are test rows, and all rows of source training rows.

    Returns:
      file name -> how many rows it has.

    Raises:
      BadInput: a file cannot be read, or a line is none of the data set.
    """
    train, test = SCHEMA.train_file, SCHEMA.test_file
    if test_source:
        sources = [Source(source, lambda row: train), Source(test_source, lambda row: test)]
        return originals.convert_lines(sources, to_row, [train, test], out)
    last = {8: VALIDATION_FILE, 9: test}
    tenths = Source(source, lambda row: last.get(row % 10, train))
    return originals.convert_lines([tenths], to_row, [train, VALIDATION_FILE, test], out)


def draw_line(rng: Generator) -> bytes:
    """A random line as published: the first number and the first id decide on clicks."""
    counts = rng.integers(-2, 1000, NUMBERS)
    ids = rng.integers(0, 50, len(BUCKETS))
    is_click = rng.random() < (0.7 if counts[0] < 300 and ids[0] < 20 else 0.15)
    fields = [str(int(is_click))]
    fields += ["" if count % 7 == 6 else str(count) for count in counts]
    fields += ["" if drawn == 49 else "{:08x}".format(drawn * 2654435761 % 2**32) for drawn in ids]
    return "\t".join(fields).encode()


def make(rows: int, test_rows: int, seed: int, out: str) -> Counts:
    """Writes random rows, in the layout of Kaggle's train.txt, as two files.

    Returns:
      file name -> how many rows it has.

    Raises:
      BadInput: one of the files is there already.
    """
    sizes = {"train.txt": rows, "eval.txt": test_rows}
    return originals.make_lines(out, sizes, seed, draw_line)


def main(argv: Optional[List[str]] = None) -> int:
    """Runs one of the two commands, make and convert."""
    sources = {
        "source": "a published file, plain or compressed: of ten rows the ninth becomes a "
                  "validation row and the tenth a test row",
        "--test_source": "a published file of test rows; all of the other file are training rows",
    }
    return originals.run(argv, "Criteo's display advertising sets", make, convert, sources)


if __name__ == "__main__":
    sys.exit(main())

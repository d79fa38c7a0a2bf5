"""Rows of any schema, as text: no data set of the project has them."""

import os
from typing import List

from numpy.random import Generator, default_rng

from common.config.schema import Column, Schema
from common.pipeline import source
from common.pipeline.source import Data

_VALUES = 6  # of a column, the first half of which makes each label likelier
_NOISE = 0.2


def write(folder: object, schema: Schema, size: int = 400, test_size: int = 60,
          signal: str = "") -> str:
    """Writes training and test rows.

    Args:
      signal: the column that labels follow, a hash column or a number of one value a row; empty for
        the first hash column.

    Returns:
      the folder.
    """
    for name, count, seed in ((schema.train_file, size, 1), (schema.test_file, test_size, 2)):
        rows = _draw(schema, signal, count, default_rng(seed))
        with open(os.path.join(str(folder), name), "w", encoding="utf-8") as file:
            file.writelines(schema.delimiter.join(row) + "\n" for row in rows)
    return str(folder)


def open_data(folder: object, schema: Schema) -> Data:
    """The rows that `write` wrote."""
    return source.open_data(str(folder), schema, False, 0, False)


def _draw(schema: Schema, signal: str, count: int, rng: Generator) -> List[List[str]]:
    hashed = [column.name for column in schema.scalars if column.kind == "hash"]
    column, = schema.named([signal or hashed[0]])
    return [_draw_row(schema, column, rng) for _ in range(count)]


def _draw_row(schema: Schema, signal: Column, rng: Generator) -> List[str]:
    length = int(rng.integers(0, 5))
    value = int(rng.integers(_VALUES))
    row = []
    for column in schema.columns:
        if column.kind == "label":
            flips = rng.random() < _NOISE
            row.append(str(int((value < _VALUES // 2) != flips)))
        elif column == signal:
            row.append("1e{}".format(value) if column.kind == "number" else "v{}".format(value))
        elif column.is_list:
            items = length if column.aligned else int(rng.integers(0, 5))
            row.append(column.separator.join(_draw_value(column, rng) for _ in range(items)))
        else:
            row.append(_draw_value(column, rng))
    return row


def _draw_value(column: Column, rng: Generator) -> str:
    number = int(rng.integers(_VALUES))
    if column.kind == "identity":
        return str(number % column.buckets)
    if column.kind == "words":
        return column.words[number % len(column.words)]
    if column.kind == "number":
        return "{:.2f}".format(rng.normal(0, 50))
    return "v{}".format(number)

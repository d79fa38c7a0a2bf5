"""Synthetic rows of any schema: labels follow one of its columns, with some noise."""

import os
from typing import Dict, List, Sequence, Tuple

import numpy as np
from numpy import ndarray
from numpy.random import Generator, default_rng

from common.config.column import Column
from common.config.schema import Schema
from common.errors import BadInput
from common.files import replacing
from common.metrics import measures
from common.pipeline import source, vocabulary
from common.pipeline.source import Data

_VALUES = 6  # of a column, the first half of which makes each label likelier
_MOST_ITEMS = 5
_NOISE = 0.2
_BLOCK_ROWS = 10000
_OTHER = "other"  # a text that is positive for no label
Columns = Dict[str, Sequence[str]]


def write(folder: object, schema: Schema, size: int = 400, test_size: int = 60,
          signal: str = "", seed: int = 1) -> str:
    """Writes training and test rows as text, with a header where the schema says so, and words.

    Args:
      signal: the column that labels follow, a hash column or a number of one value a row; empty for
        the first hash column.

    Returns:
      the folder.

    Raises:
      BadInput: there is no column that labels could follow.
    """
    place = str(folder)
    for name in schema.vocabularies:
        words = ["v{}".format(number) for number in range(_VALUES)]
        vocabulary.save_txt(os.path.join(place, name + ".txt"), words)
    for name, count, part in ((schema.train_file, size, 0), (schema.test_file, test_size, 1)):
        rng = default_rng([seed, part])
        with replacing(os.path.join(place, name)) as path:
            with open(path, "w", encoding="utf-8") as file:
                if schema.header:
                    _write_lines(file, schema, {column.name: [column.name]
                                                for column in schema.columns})
                for start in range(0, count, _BLOCK_ROWS):
                    rows = draw(schema, signal, min(_BLOCK_ROWS, count - start), rng)
                    _write_lines(file, schema, rows)
    return place


def _write_lines(file: object, schema: Schema, rows: Columns) -> None:
    columns = [rows[column.name] for column in schema.columns]
    for row in zip(*columns):
        file.write(schema.delimiter.join(row) + "\n")  # type: ignore[attr-defined]


def open_data(folder: object, schema: Schema) -> Data:
    """The rows that `write` wrote."""
    return source.open_data(str(folder), schema, False, 0, False, csv_header=schema.header)


def best_auc(schema: Schema, folder: str, signal: str = "") -> Dict[str, float]:
    """The AUC on the test rows of what labels follow, by label: the best that a model can reach."""
    column = _followed(schema, signal)
    data = open_data(folder, schema)
    files = data.test
    assert files
    encoder = source.make_encoder(files, data)
    labels, scores = [], []
    for chunk in files.chunks:
        columns = files.read(chunk, source.used_columns(schema))
        labels.append(encoder.encode(columns).labels)
        texts = columns.arrays[column.name].cast("string").to_pylist()
        scores += [int(text[-1]) < _VALUES // 2 for text in texts]
    by_label = np.concatenate(labels).T
    return {label.name: measures.auc(values, np.array(scores))
            for label, values in zip(schema.labels, by_label)}


def draw(schema: Schema, signal: str, size: int, rng: Generator) -> Columns:
    """The texts of each column, by its name."""
    followed = _followed(schema, signal)
    lengths = rng.integers(0, _MOST_ITEMS, size)
    values = rng.integers(0, _VALUES, size)
    outcomes = _draw_outcomes(schema, values, rng)
    rows: Columns = {}
    for column in schema.columns:
        if column.kind == "label":
            rows[column.name] = _label_texts(column, outcomes, rng)
        elif column == followed:
            form = "1e{}" if column.kind == "number" else "v{}"
            rows[column.name] = [form.format(value) for value in values]
        elif column.is_list:
            counts = lengths if column.aligned else rng.integers(0, _MOST_ITEMS, size)
            items = iter(_draw_texts(column, int(counts.sum()), rng))
            rows[column.name] = [column.separator.join(next(items) for _ in range(count))
                                 for count in counts]
        else:
            rows[column.name] = _draw_texts(column, size, rng)
    return rows


def _followed(schema: Schema, signal: str) -> Column:
    hashed = [column.name for column in schema.scalars if column.kind == "hash"]
    if not signal and not hashed:
        raise BadInput("schema {!r} has no hash column of one value a row, which labels could "
                       "follow.".format(schema.name))
    column, = schema.named([signal or hashed[0]])
    return column


def _draw_outcomes(schema: Schema, values: ndarray, rng: Generator) -> Dict[str, ndarray]:
    """Whether each row is positive for the first label of each column of labels, by column."""
    outcomes = {}
    for column in schema.label_columns:
        flips = rng.random(len(values)) < _NOISE
        outcomes[column.name] = (values < _VALUES // 2) != flips
    columns = {label.role: label.column for label in schema.labels if label.role}
    if len(columns) == 2:  # a purchase needs a click
        outcomes[columns["purchase"]] &= outcomes[columns["click"]]
    return outcomes


def _label_texts(column: Column, outcomes: Dict[str, ndarray], rng: Generator) -> List[str]:
    is_positive = outcomes[column.name]
    yes, no = _forms(column)
    chosen = rng.integers(0, len(yes), len(is_positive))
    return [yes[place] if positive else no for place, positive in zip(chosen, is_positive)]


def _forms(column: Column) -> Tuple[List[str], str]:
    """The texts of a column of labels in a positive row, and that in a negative one."""
    if column.dtype == "float":
        limits = [float(label.at_least or 0) for label in column.outcomes]
        return [repr(limit) for limit in limits], repr(min(limits) - 1)
    if column.dtype == "int32":
        return ["1"], "0"
    by_role = {label.role: label.positive for label in column.outcomes}
    if "click" in by_role:  # a positive row is a clicked one
        return list(by_role["click"]), _OTHER
    return [text for label in column.outcomes for text in label.positive], _OTHER


def _draw_texts(column: Column, size: int, rng: Generator) -> List[str]:
    """Values of a column, or items of its lists."""
    if column.kind == "number":
        return ["{:.2f}".format(value) for value in rng.normal(0, 50, size)]
    numbers = rng.integers(0, _VALUES, size)
    if column.kind == "identity":
        return [str(number % column.buckets) for number in numbers]
    if column.kind == "words":
        return [column.words[number % len(column.words)] for number in numbers]
    if column.kind == "weight":
        return [str(1 + number % 2) for number in numbers]
    return ["v{}".format(number) for number in numbers]

"""What the writers of synthetic rows share: distributions to draw from, and the files they write.

A planted signal is a logit computed from known columns, from which labels are drawn. The AUC of
that logit on the test rows' own labels is what a perfect model would reach: the Bayes AUC.
"""

import os
from typing import Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
import pyarrow as pa
from numpy.random import Generator, default_rng

from common.config.schema import Schema
from common.errors import BadInput
from common.files import replacing, write_json
from common.formats.csv_file import CHUNK_ROWS
from common.metrics import measures
from data.conversion import parquet_writer, write_text

DAY_FOLDER = "ds={}"
_BLOCK_ROWS = 1 << 16


class Rows(NamedTuple):
    """Generated rows: the table as it is stored, and true logits by name, float64 [N] each."""

    table: pa.Table
    logits: Dict[str, np.ndarray]


DrawRows = Callable[[Generator, int], Rows]


def zipf(size: int, exponent: float, shift: float) -> np.ndarray:
    """Cumulative shares of a shifted Zipf law, (rank + shift) ** -exponent, float64 [size]."""
    ranks = np.arange(1, size + 1)
    weights = (ranks + shift) ** -exponent
    return np.cumsum(weights / weights.sum())


def draw(rng: Generator, cumulative: np.ndarray, size: int) -> np.ndarray:
    """Draws indices by cumulative shares, int32 [size]."""
    points = rng.random(size) * cumulative[-1]
    indices = np.searchsorted(cumulative, points, side="right")
    return indices.astype(np.int32)


def sigmoid(logit: np.ndarray) -> np.ndarray:
    """The probability of a logit."""
    return 1 / (1 + np.exp(-logit))


def draw_labels(rng: Generator, logit: np.ndarray) -> np.ndarray:
    """Draws 1 with each row's probability, else 0: int32 [N]."""
    is_positive = rng.random(len(logit)) < sigmoid(logit)
    return is_positive.astype(np.int32)


def scale_to(values: np.ndarray, variance: float) -> float:
    """The factor that gives the values this variance."""
    return np.sqrt(variance) / values.std()


def intercept(logit: np.ndarray, weights: np.ndarray, rate: float) -> float:
    """The constant that makes the weighted mean probability the rate, by bisection."""
    low, high = -40.0, 40.0
    for _ in range(60):
        middle = (low + high) / 2
        probabilities = sigmoid(logit + middle)
        if np.average(probabilities, weights=weights) < rate:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def auc(labels: np.ndarray, scores: np.ndarray) -> Optional[float]:
    """The AUC of scores; None where the labels have one class only."""
    value = measures.auc(labels, scores)
    return None if np.isnan(value) else value


def make_files(
        schema: Schema,
        draw_rows: DrawRows,
        rows: int,
        test_rows: int,
        seed: int,
        out: str,
) -> Tuple[Rows, Rows]:
    """Writes training and test rows, as text and as Parquet, block by block.

    Returns:
      the training and the test rows, with the labels as their only columns.

    Raises:
      BadInput: the folder has rows that were not written by this function.
    """
    os.makedirs(out, exist_ok=True)
    _refuse_other_rows(schema, out)
    train_path = os.path.join(out, schema.train_file)
    test_path = os.path.join(out, schema.test_file)
    train = _write(schema, draw_rows, [seed, 2], rows, train_path)
    test = _write(schema, draw_rows, [seed, 3], test_rows, test_path)
    return train, test


def make_day(schema: Schema, draw_rows: DrawRows, key: Sequence[int], rows: int,
             folder: str) -> Rows:
    """Writes the rows of a day as FOLDER/part-0.parquet, and then FOLDER/_SUCCESS.

    Args:
      key: of the random draws.

    Returns:
      the rows, with the labels as their only columns.
    """
    os.makedirs(folder, exist_ok=True)
    marker = os.path.join(folder, "_SUCCESS")
    if os.path.exists(marker):  # the day is not complete while it is written anew
        os.remove(marker)
    rng = default_rng(key)
    parts = []
    with replacing(os.path.join(folder, "part-0.parquet")) as path:
        with parquet_writer(path, schema) as parquet:
            for drawn in _draw_blocks(draw_rows, rng, rows):
                parquet.write_table(drawn.table, row_group_size=CHUNK_ROWS)
                parts.append(_labels_alone(drawn, schema))
    with open(marker, "w"):
        pass
    return _concatenate(parts)


def refuse_other_days(schema: Schema, out: str, days: Sequence[str]) -> None:
    """Raises BadInput where a folder holds days that make would not write, or has not written."""
    is_planted = os.path.exists(days_report_path(schema, out))
    there = sorted(name for name in os.listdir(out) if name.startswith(DAY_FOLDER.format("")))
    names = {DAY_FOLDER.format(day) for day in days}
    others = [name for name in there if name not in names or not is_planted]
    if others:
        raise BadInput("{} is there already and holds no synthetic rows of these days. Name "
                       "another folder with --out, or remove it.".format(
                           os.path.join(out, others[0])))


def days_report_path(schema: Schema, out: str) -> str:
    """Of the report on days; whoever reads a whole folder leaves out what begins with '_'."""
    return os.path.join(out, "_{}_planted.json".format(schema.name))


def count_labels(table: pa.Table) -> Dict[str, int]:
    """How many rows have each label, by its name."""
    counts = {}
    for name in table.column_names:
        labels = table.column(name).to_numpy()
        counts[name] = int(labels.sum())
    return counts


def _refuse_other_rows(schema: Schema, out: str) -> None:
    """Raises BadInput where files of rows exist but not the report that synthetic ones have."""
    if os.path.exists(_report_path(schema, out)):
        return
    for name in (schema.train_file, schema.test_file):
        path = os.path.join(out, name)
        for existing in (path, path + ".parquet"):
            if os.path.exists(existing):
                raise BadInput("{} is there already and holds no synthetic rows. Name another "
                               "folder with --out, or remove it.".format(existing))


def _write(
        schema: Schema,
        draw_rows: DrawRows,
        seed: Sequence[int],
        size: int,
        path: str,
) -> Rows:
    """Writes one file of rows in both formats; returns their labels and logits."""
    rng = default_rng(seed)
    parts = []
    with replacing(path) as text_path, replacing(path + ".parquet") as parquet_path:
        with open(text_path, "wb") as text, parquet_writer(parquet_path, schema) as parquet:
            for rows in _draw_blocks(draw_rows, rng, size):
                write_text(rows.table, schema, text)
                parquet.write_table(rows.table, row_group_size=CHUNK_ROWS)
                parts.append(_labels_alone(rows, schema))
    return _concatenate(parts)


def _draw_blocks(draw_rows: DrawRows, rng: Generator, size: int) -> Iterator[Rows]:
    for start in range(0, size, _BLOCK_ROWS):
        left = size - start
        yield draw_rows(rng, min(_BLOCK_ROWS, left))


def _labels_alone(rows: Rows, schema: Schema) -> Rows:
    """The rows without their other columns, which would not fit into memory for all rows."""
    names = [label.name for label in schema.labels]
    return rows._replace(table=rows.table.select(names))


def _concatenate(parts: List[Rows]) -> Rows:
    table = pa.concat_tables([part.table for part in parts])
    logits = {}
    for name in parts[0].logits:
        logits[name] = np.concatenate([part.logits[name] for part in parts])
    return Rows(table, logits)


def write_report(
        schema: Schema,
        train: Rows,
        test: Rows,
        bayes_auc: Dict[str, Optional[float]],
        out: str,
        **arguments: object,
) -> Dict[str, object]:
    """Writes SCHEMA_planted.json beside the files.

    Returns:
      what the file holds: the arguments, the numbers of rows, how many rows have each label, and
      the Bayes AUC.
    """
    report: Dict[str, object] = dict(
        arguments,
        rows=train.table.num_rows,
        test_rows=test.table.num_rows,
        bayes_auc=bayes_auc,
        train=count_labels(train.table),
        test=count_labels(test.table),
    )
    write_json(_report_path(schema, out), report)
    return report


def _report_path(schema: Schema, out: str) -> str:
    return os.path.join(out, schema.name + "_planted.json")

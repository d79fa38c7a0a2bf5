"""What the writers of synthetic rows share: laws to draw from, files and the command line.

A planted signal is a logit of known columns from which labels are drawn; the AUC of that logit on the test rows' own
labels is what a perfect model would show, the Bayes AUC.
"""

import argparse
import json
import os
import sys
from typing import Callable, Dict, List, NamedTuple, Optional, Tuple

import numpy as np
import pyarrow as pa

from common.config.schema import Schema
from common.errors import BadInput
from common.files import replacing, write_json
from common.metrics import measures
from common.pipeline.csv_file import CHUNK_ROWS
from data.conversion import convert, parquet_writer, write_text

_BLOCK_ROWS = 1 << 16


class Rows(NamedTuple):
    """Generated rows: the table as it is stored, and true logits by name, float64 [N] each."""

    table: pa.Table
    logits: Dict[str, np.ndarray]


DrawRows = Callable[[np.random.Generator, int], Rows]


def zipf(size: int, exponent: float, shift: float) -> np.ndarray:
    """Cumulative shares of a shifted Zipf law, (rank + shift) ** -exponent, float64 [size]."""
    shares = (np.arange(1, size + 1) + shift) ** -exponent
    return np.cumsum(shares / shares.sum())


def draw(rng: np.random.Generator, cumulative: np.ndarray, size: int) -> np.ndarray:
    """Draws indices by cumulative shares, int32 [size]."""
    return np.searchsorted(cumulative, rng.random(size) * cumulative[-1], side="right").astype(np.int32)


def sigmoid(logit: np.ndarray) -> np.ndarray:
    """The probability of a logit."""
    return 1 / (1 + np.exp(-logit))


def intercept(logit: np.ndarray, weights: np.ndarray, rate: float) -> float:
    """The constant that makes the weighted mean probability the rate, by bisection."""
    low, high = -40.0, 40.0
    for _ in range(60):
        middle = (low + high) / 2
        below = np.average(sigmoid(logit + middle), weights=weights) < rate
        low, high = (middle, high) if below else (low, middle)
    return (low + high) / 2


def auc(labels: np.ndarray, scores: np.ndarray) -> Optional[float]:
    """The AUC of scores; None where the labels have one class only."""
    value = measures.auc(labels, scores)
    return None if np.isnan(value) else value


def make_files(schema: Schema, draw_rows: DrawRows, rows: int, test_rows: int, seed: int,
               out: str) -> Tuple[Rows, Rows]:
    """Writes train and test rows, text and Parquet, block by block.

    Returns:
      the training and the test rows, with the labels as their only columns.

    Raises:
      BadInput: the folder has rows that this did not write.
    """
    os.makedirs(out, exist_ok=True)
    if not os.path.exists(_report_path(schema, out)):
        for name in (schema.train_file, schema.test_file):
            for path in (os.path.join(out, name), os.path.join(out, name + ".parquet")):
                if os.path.exists(path):
                    raise BadInput("{} is there already and holds no synthetic rows. Name another folder with "
                                   "--out, or remove it.".format(path))
    return (_write(schema, draw_rows, np.random.default_rng([seed, 2]), rows, os.path.join(out, schema.train_file)),
            _write(schema, draw_rows, np.random.default_rng([seed, 3]), test_rows, os.path.join(out, schema.test_file)))


def _write(schema: Schema, draw_rows: DrawRows, rng: np.random.Generator, size: int, path: str) -> Rows:
    parts = []
    with replacing(path) as text_path, replacing(path + ".parquet") as parquet_path:
        with open(text_path, "wb") as text, parquet_writer(parquet_path, schema) as parquet:
            for start in range(0, size, _BLOCK_ROWS):
                rows = draw_rows(rng, min(_BLOCK_ROWS, size - start))
                write_text(rows.table, schema, text)
                parquet.write_table(rows.table, row_group_size=CHUNK_ROWS)
                parts.append(rows._replace(table=rows.table.select([label.name for label in schema.labels])))
    return Rows(pa.concat_tables([part.table for part in parts]),
                {name: np.concatenate([part.logits[name] for part in parts]) for name in parts[0].logits})


def write_report(schema: Schema, train: Rows, test: Rows, bayes_auc: Dict[str, Optional[float]], out: str,
                 **arguments: object) -> Dict[str, object]:
    """Writes SCHEMA_planted.json beside the files and returns what it holds: arguments, label counts, Bayes AUC."""
    report: Dict[str, object] = dict(arguments, rows=train.table.num_rows, test_rows=test.table.num_rows,
                                     bayes_auc=bayes_auc)
    for name, part in (("train", train), ("test", test)):
        report[name] = {label: int(part.table.column(label).to_numpy().sum()) for label in part.table.column_names}
    write_json(_report_path(schema, out), report)
    return report


def _report_path(schema: Schema, out: str) -> str:
    return os.path.join(out, schema.name + "_planted.json")


def run(argv: Optional[List[str]], schema: Schema, rows: int, rates: Dict[str, Tuple[float, str]],
        make: Callable[..., Dict[str, object]]) -> int:
    """The command line of a data set's module; returns the exit status.

    Args:
      rows: how many training rows `make` writes by default.
      rates: flag -> (default, help) of the numbers that make takes beside rows, test_rows, seed and out.
      make: writes the files; its ValueErrors are wrong use.
    """
    parser = argparse.ArgumentParser(description="Makes or converts rows of the {} data set.".format(schema.name))
    commands = parser.add_subparsers(dest="command")
    commands.required = True
    making = commands.add_parser("make", help="write synthetic rows with a planted signal")
    making.add_argument("--rows", type=int, default=rows, help="training rows (default {})".format(rows))
    making.add_argument("--test_rows", type=int, help="test rows (default a fifth of the training rows)")
    making.add_argument("--seed", type=int, default=1, help="seed of everything that is drawn (default 1)")
    for name, (default, text) in rates.items():
        making.add_argument("--" + name, type=float, default=default, help="{} (default {})".format(text, default))
    making.add_argument("--out", default="data", help="folder to write to (default data)")
    converting = commands.add_parser("convert", help="text to Parquet, or back where the target ends otherwise")
    converting.add_argument("source", help="the file to read")
    converting.add_argument("target", help="the file to write")
    args = parser.parse_args(argv)
    try:
        if args.command == "convert":
            print("{} rows written to {}".format(convert(schema, args.source, args.target), args.target))
        else:
            print(json.dumps(_checked_make(make, **vars(args)), indent=2))
    except (BadInput, OSError, pa.ArrowException) as error:
        print("{}: error: {}".format(parser.prog, error), file=sys.stderr)
        return 1
    except ValueError as error:
        parser.error(str(error))
    return 0


def _checked_make(make: Callable[..., Dict[str, object]], command: str, rows: int, test_rows: Optional[int], seed: int,
                  **arguments: object) -> Dict[str, object]:
    test_rows = max(1, rows // 5) if test_rows is None else test_rows
    if rows < 1 or test_rows < 1:
        raise ValueError("--rows and --test_rows must be > 0. Got: {} and {}.".format(rows, test_rows))
    if seed < 0:
        raise ValueError("--seed must be >= 0. Got: {}.".format(seed))
    return make(rows=rows, test_rows=test_rows, seed=seed, **arguments)

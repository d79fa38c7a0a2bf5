"""Measures reading alone, beside other readers: python -m common.benchmark.rows esmm.

Each variant reads all rows of the training file once a round. Ours and `--tf` give ids and numbers
in the order of training, the others only the columns as they are stored: less than training needs.
CPU seconds, of all threads of a process, depend less on what else a machine does than rows/s do.
"""

import argparse
import functools
import statistics
import subprocess
import sys
import time
from typing import Callable, Dict, List, NamedTuple, Optional, Sequence

import pandas as pd
import pyarrow.parquet

from common import runner
from common.benchmark import measure, report
from common.config import model as models
from common.config.flag_types import place, positive
from common.config.schema import Schema
from common.errors import BadInput
from common.pipeline import blocks, source
from common.pipeline.row_order import Stream

_BATCH_SIZE = 512
_SHUFFLE_ROWS = 131072
_POLARS = """
import sys, time
import polars
began, used = time.perf_counter(), time.process_time()
rows = polars.scan_parquet(sys.argv[1]).collect().height
print(rows, time.perf_counter() - began, time.process_time() - used)
"""


class Cost(NamedTuple):
    """What reading took: rows, seconds, CPU seconds of all threads."""

    rows: int
    secs: float
    cpu_secs: float


Read = Callable[[], Cost]


def main(argv: Optional[List[str]] = None) -> None:
    """Prints a table of rows/s and of CPU seconds; ends with status 1 if rows cannot be read."""
    parser = argparse.ArgumentParser(description="Measures reading alone, beside other readers.")
    parser.add_argument("model", choices=sorted(models.names()))
    parser.add_argument("--data_location", type=place, default="./data",
                        help="folder of text and Parquet files (default ./data)")
    parser.add_argument("--rounds", type=positive, default=5,
                        help="readings of each variant behind one that warms up (default 5)")
    parser.add_argument("--polars", metavar="PYTHON",
                        help="a Python that has Polars, which reads the Parquet file, too")
    args = parser.parse_args(argv)
    runner.quiet_tensorflow()
    try:
        reads = _reads(args.data_location, models.read(args.model).schema, args.polars)
        costs = _measure(reads, args.rounds)
    except BadInput as error:
        sys.exit("{}: error: {}".format(parser.prog, error))
    words = sys.argv[1:] if argv is None else argv
    print(report.provenance(words, args.rounds, "common.benchmark.rows"), end="\n\n")
    print("\n".join(_table(costs)))


def _reads(location: str, schema: Schema, polars: Optional[str]) -> Dict[str, Read]:
    """The variants by name, those that others are compared with first."""
    text, parquet = _paths(location, schema, False), _paths(location, schema, True)
    reads: Dict[str, Read] = {
        "`--tf`, text": lambda: _by_tensorflow(location, schema),
        "text": lambda: _ours(location, schema, False),
        "Parquet": lambda: _ours(location, schema, True),
        "Parquet, `--ev` keys": lambda: _ours(location, schema.with_keys(), True),
        "pandas `read_csv`": lambda: _timed(lambda: sum(
            len(pd.read_csv(path, sep=schema.delimiter, header=None)) for path in text)),
        "pandas `read_parquet`": lambda: _timed(lambda: sum(
            len(pd.read_parquet(path)) for path in parquet)),
        "pyarrow `read_row_group`": lambda: _timed(lambda: sum(map(_by_arrow, parquet))),
    }
    if polars:
        reads["Polars `scan_parquet`"] = functools.partial(_by_polars, polars, parquet)
    return reads


def _paths(location: str, schema: Schema, is_parquet: bool) -> Sequence[str]:
    """The files of training; raises BadInput where they are not of the wanted form."""
    files = source.open_data(location, schema, is_parquet, 0, check_all=False).train
    if files.is_parquet != is_parquet:
        form = "Parquet" if is_parquet else "text"
        message = "{}: expected {}, beside the same rows in the other form. Make it by convert."
        raise BadInput(message.format(files.path, form))
    return files.paths


def _measure(reads: Dict[str, Read], rounds: int) -> Dict[str, Cost]:
    """The medians of each variant, in turns; the first round does not count."""
    costs: Dict[str, List[Cost]] = {name: [] for name in reads}
    for _ in range(rounds + 1):
        for name, read in reads.items():
            costs[name].append(read())
    return {name: _median(found[1:]) for name, found in costs.items()}


def _median(costs: Sequence[Cost]) -> Cost:
    return Cost(
        rows=costs[0].rows,
        secs=statistics.median(cost.secs for cost in costs),
        cpu_secs=statistics.median(cost.cpu_secs for cost in costs),
    )


def _timed(read: Callable[[], int]) -> Cost:
    """What a function took that returns a number of rows."""
    began, used = time.perf_counter(), time.process_time()
    rows = read()
    return Cost(rows, time.perf_counter() - began, time.process_time() - used)


def _ours(location: str, schema: Schema, is_parquet: bool) -> Cost:
    data = source.open_data(location, schema, is_parquet, 0, check_all=False)
    stream = Stream(_BATCH_SIZE, 1, _SHUFFLE_ROWS)
    return _timed(lambda: sum(
        len(block.rows) for block in blocks.read_blocks(data.train, data, stream)))


def _by_tensorflow(location: str, schema: Schema) -> Cost:
    """tf.data as a user of TensorFlow 1.15 writes it."""
    data = source.open_data(location, schema, False, 0, check_all=False)
    rows = data.train.num_rows // _BATCH_SIZE * _BATCH_SIZE

    def read() -> int:
        measure.drain(location, schema, "--tf (CSV)", _BATCH_SIZE, rows)
        return rows

    return _timed(read)


def _by_arrow(path: str) -> int:
    """All columns as they are stored, on one thread, as our own reader asks for them."""
    file = pyarrow.parquet.ParquetFile(path)
    groups = range(file.metadata.num_row_groups)
    return sum(file.read_row_group(group, use_threads=False).num_rows for group in groups)


def _by_polars(python: str, paths: Sequence[str]) -> Cost:
    """Polars in a process of its own, its start left out."""
    costs = []
    for path in paths:
        printed = subprocess.check_output([python, "-c", _POLARS, path])
        num_rows, secs, cpu_secs = printed.split()
        costs.append(Cost(int(num_rows), float(secs), float(cpu_secs)))
    return Cost(
        rows=sum(cost.rows for cost in costs),
        secs=sum(cost.secs for cost in costs),
        cpu_secs=sum(cost.cpu_secs for cost in costs),
    )


def _table(costs: Dict[str, Cost]) -> List[str]:
    """The lines of a Markdown table."""
    lines = ["| | rows/s | CPU s for a million rows |", "|---|---|---|"]
    for name, cost in costs.items():
        per_million = cost.cpu_secs / cost.rows * 1e6
        lines.append("| {} | {:,.0f} | {:.2f} |".format(name, cost.rows / cost.secs, per_million))
    return lines


if __name__ == "__main__":
    main()

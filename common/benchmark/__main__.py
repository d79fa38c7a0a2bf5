"""Measures input and training speed: python -m common.benchmark esmm [--data_location data].

Every figure is the median of several rounds, in which the variants take turns; training rounds are whole
processes' main loops with their real input, the same seed, rows and batch size. Absolute figures hold for one machine,
ratios within one run for more.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Dict, List, NamedTuple, Optional

import numpy as np
import tensorflow.compat.v1 as tf

from common import files, results, runner
from common.benchmark import report
from common.benchmark.report import Figures
from common.config import flag_types
from common.config.schema import Schema
from common.kernels.layers import limit
from common.optimizers import catalog
from common.pipeline import dataset, source
from common.pipeline.blocks import Stream
from data import amazon, eleme, taobao


class Benchmarked(NamedTuple):
    """A model's data set, and the scope of layers that see each item of a list."""

    schema: Schema
    per_item: str = ""


MODELS = {"esmm": Benchmarked(taobao.SCHEMA), "mmoe": Benchmarked(taobao.SCHEMA), "ple": Benchmarked(taobao.SCHEMA),
          "din": Benchmarked(amazon.SCHEMA, "attention/dense_"), "dlrm": Benchmarked(eleme.SCHEMA)}
TRAINING: Dict[str, List[str]] = {"--tf": ["--tf"], "FP32": [], "BF16": ["--bf16"]}
_DOCUMENTED = "documented"
_OPTIMIZER_TEXT = {_DOCUMENTED: "the model's own optimizer, Adam for `--tf`"}
_MEASURED = ("steps_per_sec", "samples_per_sec", "cpu_secs_per_1000_samples", "peak_memory_mb")
_ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def input_rates(location: str, schema: Schema, batch_size: int, rows: int, rounds: int) -> Figures:
    """Rows/s of each input path alone: shuffled batches read and thrown away, with nothing else running."""
    def rate(parquet: bool, community: bool) -> float:
        data = source.open_data(location, schema, parquet, 0, check_all=False)
        stream = Stream(batch_size, 0, 131072)
        make = (dataset.tf_input(data.train, data, stream, False) if community
                else dataset.columnar_input(data.train, data, stream))
        return _drain(make, batch_size, rows)

    variants = {"--tf (CSV)": (False, True), "CSV": (False, False), "Parquet": (True, False)}
    measured: Dict[str, List[float]] = {name: [] for name in variants}
    for _ in range(rounds):
        for name, arguments in variants.items():
            measured[name].append(rate(*arguments))
    return {name: statistics.median(rates) for name, rates in measured.items()}


def _drain(make: dataset.InputFn, batch_size: int, rows: int) -> float:
    """Rows/s of an input_fn over `rows` rows, the start of the pipeline included."""
    with tf.Graph().as_default(), tf.Session() as session:
        iterator = tf.data.make_initializable_iterator(make())
        features, labels = iterator.get_next()
        session.run([tf.tables_initializer(), iterator.initializer])
        take = session.make_callable([tensor.op for tensor in labels.values()])
        began = time.monotonic()
        for _ in range(rows // batch_size):
            take()
        return rows // batch_size * batch_size / (time.monotonic() - began)


def training_figures(model: str, location: str, steps: int, batch_size: int, rounds: int,
                     optimizer: str) -> Dict[str, Figures]:
    """Each variant's medians of what metrics.json holds, and its samples/s as a ratio to --tf and to its products'.

    Args:
      optimizer: of every variant; or "documented", the model's own beside TensorFlow's Adam for --tf.
    """
    measured: Dict[str, List[Figures]] = {name: [] for name in TRAINING}
    limits: Dict[bool, List[float]] = {False: [], True: []}
    products: List[limit.Product] = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(rounds):
            for name, words in TRAINING.items():
                checkpoint = os.path.join(folder, name, str(number))
                measured[name].append(_train(model, location, steps, batch_size, checkpoint,
                                             words + _optimizer_flags(optimizer, name)))
            products = products or _products(model, location, batch_size, os.path.join(folder, "--tf", "0"))
            for bf16, rates in limits.items():
                rates.append(limit.rounds_per_sec(products, bf16))
    figures = {name: {key: statistics.median(run[key] for run in runs) for key in _MEASURED}
               for name, runs in measured.items()}
    for name, run in figures.items():
        run["ratio"] = run["samples_per_sec"] / figures["--tf"]["samples_per_sec"]
        run["share_of_gemm_limit"] = run["steps_per_sec"] / statistics.median(limits[name == "BF16"])
    return figures


def _optimizer_flags(optimizer: str, variant: str) -> List[str]:
    if optimizer == _DOCUMENTED:
        return ["--optimizer", "adam"] if variant == "--tf" else []
    return ["--optimizer", optimizer]


def _train(model: str, location: str, steps: int, batch_size: int, folder: str, words: List[str]) -> Figures:
    command = [sys.executable, os.path.join(_ROOT, model, "train.py"), "--data_location", location, "--steps",
               str(steps), "--batch_size", str(batch_size), "--checkpoint", folder, "--no_eval"]
    subprocess.run(command + words, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with open(os.path.join(folder, results.METRICS)) as file:
        return json.load(file)


def _products(model: str, location: str, batch_size: int, folder: str) -> List[limit.Product]:
    """The products of a step, by the shapes of the dense layers in a run's checkpoint."""
    schema, per_item = MODELS[model]
    items = _items_a_row(location, schema) if per_item else 1.0
    kernels = {name: shape for name, shape in tf.train.list_variables(folder) if name.endswith("/kernel")}
    return [product for name, (width, units) in kernels.items() for product in limit.of_layer(
        int(batch_size * (items if per_item and name.startswith(per_item) else 1)), width, units)]


def _items_a_row(location: str, schema: Schema) -> float:
    """The mean length of the first list column in the first rows."""
    data = source.open_data(location, schema, True, 0, check_all=False)
    chunk = data.train.chunks[0]
    block = source.make_encoder(data.train, data).encode(data.train.read(chunk, source.used_columns(data.schema)))
    return float(np.mean(np.diff(block.lists[0].row_splits)))


def _parse(argv: Optional[List[str]]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measures input and training speed.")
    parser.add_argument("model", choices=sorted(MODELS))
    parser.add_argument("--data_location", default="./data", help="folder of CSV and Parquet files (default ./data)")
    parser.add_argument("--batch_size", type=flag_types.positive, nargs="+", default=[512],
                        help="rows a step; several make a table each (default 512)")
    parser.add_argument("--optimizer", default="adagrad", choices=(*catalog.NAMES, _DOCUMENTED),
                        help="optimizer of every variant; 'documented': the model's own beside Adam for --tf "
                             "(default adagrad)")
    parser.add_argument("--rows", type=flag_types.positive, default=500000,
                        help="rows that each run reads, the fewer the more its start counts (default 500000)")
    parser.add_argument("--rounds", type=flag_types.positive, default=3, help="runs of each variant (default 3)")
    parser.add_argument("--out", help="file to write the figures to, as JSON")
    parser.add_argument("--readme", nargs="?", const="", metavar="SECTION",
                        help="write the tables into the model's README, into its benchmark or into that of this name")
    args = parser.parse_args(argv)
    if args.rows < max(args.batch_size):
        parser.error("--rows must be >= every --batch_size. Got: --rows {}, --batch_size {}.".format(
            args.rows, " ".join(map(str, args.batch_size))))
    return args


def main(argv: Optional[List[str]] = None) -> None:
    """Prints the tables and writes them as JSON or into a README."""
    args = _parse(argv)
    readme = os.path.join(_ROOT, args.model, "README.md")
    if args.readme is not None:
        report.around_section(readme, args.readme)  # raises now rather than after all runs
    runner.quiet_tensorflow()
    rates = input_rates(args.data_location, MODELS[args.model].schema, args.batch_size[0], args.rows, args.rounds)
    lines = [report.provenance(sys.argv[1:] if argv is None else argv, args.rounds), "",
             report.input_line(rates, args.batch_size[0])]
    print("\n".join(lines), flush=True)
    training = {}
    for batch_size in args.batch_size:
        training[batch_size] = training_figures(args.model, args.data_location, args.rows // batch_size, batch_size,
                                                args.rounds, args.optimizer)
        heading = "Batch {}, {}:".format(batch_size, _OPTIMIZER_TEXT.get(args.optimizer, args.optimizer))
        section = ["", heading, "", *report.training_table(training[batch_size])]
        print("\n".join(section), flush=True)
        lines += section
    if args.out:
        files.write_json(args.out, {
            "model": args.model, "command": results.command(), "rounds": args.rounds, "rows": args.rows,
            "flags": {name: words + _optimizer_flags(args.optimizer, name) for name, words in TRAINING.items()},
            "input_rows_per_sec": rates, "training": training, "versions": results.versions()})
    if args.readme is not None:
        report.write_section(readme, args.readme, lines)


if __name__ == "__main__":
    main()

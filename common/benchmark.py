"""Measures input and training speed: python -m common.benchmark esmm [--data_location data].

Every figure is the median of several rounds, in which the variants take turns; training rounds are whole
processes' main loops with their real input. Absolute figures hold for one machine, ratios within one run for more.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Dict, List, Optional

import tensorflow.compat.v1 as tf

from common import dataset, results, runner, source
from common.blocks import Stream
from common.files import write_json
from common.schema import Schema
from data import amazon, eleme, taobao

MODELS: Dict[str, Schema] = {"esmm": taobao.SCHEMA, "mmoe": taobao.SCHEMA, "ple": taobao.SCHEMA,
                             "din": amazon.SCHEMA, "dlrm": eleme.SCHEMA}
TRAINING: Dict[str, List[str]] = {"--tf": ["--tf"], "FP32": [], "BF16": ["--bf16"]}
_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def input_rates(location: str, schema: Schema, batch_size: int, rows: int, rounds: int) -> Dict[str, float]:
    """Rows/s of each input path alone: shuffled batches read and thrown away, with nothing else running."""
    def rate(parquet: bool, community: bool) -> float:
        data = source.open_data(location, schema, parquet, 0, check_all=False)
        stream = Stream(batch_size, 0, 131072)
        make = (dataset.tf_input(data.train, data, stream, False) if community
                else dataset.columnar_input(data.train, data, stream))
        return _drain(make, batch_size, min(rows, data.train_rows))

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
        fetches = [tensor.op for tensor in labels.values()]
        began = time.monotonic()
        for _ in range(rows // batch_size):
            session.run(fetches)
        return rows // batch_size * batch_size / (time.monotonic() - began)


def training_rates(model: str, location: str, steps: int, batch_size: int, rounds: int) -> Dict[str, Dict[str, float]]:
    """Median steps/s, samples/s and peak memory of whole training runs."""
    measured: Dict[str, List[Dict[str, float]]] = {name: [] for name in TRAINING}
    for _ in range(rounds):
        for name, flags in TRAINING.items():
            measured[name].append(_train(model, location, steps, batch_size, flags))
    keys = ("steps_per_sec", "samples_per_sec", "peak_memory_mb")
    return {name: {key: statistics.median(run[key] for run in runs) for key in keys}
            for name, runs in measured.items()}


def _train(model: str, location: str, steps: int, batch_size: int, flags: List[str]) -> Dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, os.path.join(_ROOT, model, "train.py"), "--data_location", location,
                        "--steps", str(steps), "--batch_size", str(batch_size), "--checkpoint", folder, "--no_eval",
                        *flags], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with open(os.path.join(folder, "metrics.json")) as file:
            return json.load(file)


def main(argv: Optional[List[str]] = None) -> None:
    """Prints the tables and writes them as JSON."""
    parser = argparse.ArgumentParser(description="Measures input and training speed.")
    parser.add_argument("model", choices=sorted(MODELS))
    parser.add_argument("--data_location", default="./data", help="folder of CSV and Parquet files (default ./data)")
    parser.add_argument("--batch_size", type=int, default=512, help="rows a step (default 512)")
    parser.add_argument("--steps", type=int, default=300, help="steps of a training run (default 300)")
    parser.add_argument("--rows", type=int, default=300000, help="rows of an input run (default 300000)")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each variant (default 3)")
    parser.add_argument("--out", help="file to write the figures to, as JSON")
    args = parser.parse_args(argv)
    runner.quiet_tensorflow()
    rates = input_rates(args.data_location, MODELS[args.model], args.batch_size, args.rows, args.rounds)
    print("input alone, shuffled, batch {}: rows/s (ratio to --tf)".format(args.batch_size))
    for name, rate in rates.items():
        print("  {:<12}{:>10.0f}  ({:.2f})".format(name, rate, rate / rates["--tf (CSV)"]))
    training = training_rates(args.model, args.data_location, args.steps, args.batch_size, args.rounds)
    print("{} training, batch {}: steps/s, samples/s (ratio to --tf), peak MB".format(args.model, args.batch_size))
    for name, run in training.items():
        print("  {:<12}{:>8.1f}{:>10.0f}  ({:.2f}){:>8.0f}".format(
            name, run["steps_per_sec"], run["samples_per_sec"],
            run["samples_per_sec"] / training["--tf"]["samples_per_sec"], run["peak_memory_mb"]))
    if args.out:
        write_json(args.out, {"model": args.model, "batch_size": args.batch_size, "rounds": args.rounds,
                              "input_rows_per_sec": rates, "training": training, "versions": results.versions()})


if __name__ == "__main__":
    main()

"""How fast a model reads and trains: rounds of all variants, interleaved, and their medians."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Dict, List, NamedTuple, Sequence

import numpy as np
import tensorflow.compat.v1 as tf

from common import results
from common.benchmark.report import Figures
from common.config.model import ROOT, Model
from common.config.schema import Schema
from common.kernels.layers import limit
from common.pipeline import dataset, source, tf_path
from common.pipeline.row_order import Stream

TRAINING: Dict[str, List[str]] = {"--tf": ["--tf"], "FP32": [], "BF16": ["--bf16"]}
DOCUMENTED = "documented"
_MEASURED = ("steps_per_sec", "samples_per_sec", "cpu_secs_per_1000_samples", "peak_memory_mb")
_SHUFFLE_ROWS = 131072


def input_rates(location: str, schema: Schema, batch_size: int, rows: int,
                rounds: int) -> Figures:
    """Rows/s of each input path alone: shuffled batches are read and thrown away."""
    measured: Dict[str, List[float]] = {"--tf (CSV)": [], "CSV": [], "Parquet": []}
    for _ in range(rounds):
        for name, rates in measured.items():
            rates.append(drain(location, schema, name, batch_size, rows))
    return {name: statistics.median(rates) for name, rates in measured.items()}


def _input(name: str, location: str, schema: Schema, batch_size: int) -> dataset.InputFn:
    data = source.open_data(location, schema, name == "Parquet", 0, check_all=False)
    stream = Stream(batch_size, 0, _SHUFFLE_ROWS)
    if name.startswith("--tf"):
        return tf_path.tf_input(data.train, data, stream, False)
    return dataset.columnar_input(data.train, data, stream)


def drain(location: str, schema: Schema, name: str, batch_size: int, rows: int) -> float:
    """Rows/s of an input path, named as input_rates does, its start included."""
    make = _input(name, location, schema, batch_size)
    batches = rows // batch_size
    with tf.Graph().as_default(), tf.Session() as session:
        iterator = tf.data.make_initializable_iterator(make())
        features, labels = iterator.get_next()
        session.run([tf.tables_initializer(), iterator.initializer])
        take = session.make_callable([tensor.op for tensor in labels.values()])
        began = time.monotonic()
        for _ in range(batches):
            take()
        return batches * batch_size / (time.monotonic() - began)


class Training(NamedTuple):
    """What is trained to measure it.

    Attributes:
      folder: of the model.
      model: its MODEL.
      location: the folder of the rows.
      steps, batch_size: of each run.
      optimizer: of every variant; or DOCUMENTED, the model's own beside TensorFlow's Adam for
        --tf.
    """

    folder: str
    model: Model
    location: str
    steps: int
    batch_size: int
    optimizer: str


def training_figures(training: Training, rounds: int) -> Dict[str, Figures]:
    """Each variant's medians of what metrics.json holds, with two ratios of its samples/s.

    They are to those of --tf, and to what its matrix products alone would reach.
    """
    measured: Dict[str, List[Figures]] = {name: [] for name in TRAINING}
    limits: Dict[bool, List[float]] = {False: [], True: []}
    products: List[limit.Product] = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(rounds):
            for name, runs in measured.items():
                checkpoint = os.path.join(folder, name, str(number))
                runs.append(_train(training, name, checkpoint))
            products = products or _products(training, os.path.join(folder, "--tf", "0"))
            for bf16, rates in limits.items():
                rates.append(limit.rounds_per_sec(products, bf16))
    figures = {name: _medians(runs) for name, runs in measured.items()}
    for name, run in figures.items():
        run["ratio"] = run["samples_per_sec"] / figures["--tf"]["samples_per_sec"]
        fastest = statistics.median(limits[name == "BF16"])
        run["share_of_gemm_limit"] = run["steps_per_sec"] / fastest
    return figures


def _medians(runs: Sequence[Figures]) -> Figures:
    medians = {}
    for key in _MEASURED:
        medians[key] = statistics.median(run[key] for run in runs)
    return medians


def flags_of(variant: str, optimizer: str) -> List[str]:
    """The flags of a variant, with those of the optimizer."""
    if optimizer != DOCUMENTED:
        return [*TRAINING[variant], "--optimizer", optimizer]
    return [*TRAINING[variant], *(["--optimizer", "adam"] if variant == "--tf" else [])]


def _train(training: Training, variant: str, checkpoint: str) -> Figures:
    """What metrics.json holds after a run in a process of its own."""
    command = [
        sys.executable, os.path.join(ROOT, training.folder, "train.py"),
        "--data_location", training.location, "--steps", str(training.steps),
        "--batch_size", str(training.batch_size), "--checkpoint", checkpoint, "--no_eval"]
    subprocess.run(command + flags_of(variant, training.optimizer), check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with open(os.path.join(checkpoint, results.METRICS)) as file:
        return json.load(file)


def _products(training: Training, checkpoint: str) -> List[limit.Product]:
    """The products of a step, by the shapes of the dense layers in a run's checkpoint."""
    per_item = training.model.per_item
    items = _items_a_row(training.location, training.model.schema) if per_item else 1.0
    products: List[limit.Product] = []
    for name, shape in tf.train.list_variables(checkpoint):
        if not name.endswith("/kernel"):
            continue
        sees_items = bool(per_item) and name.startswith(per_item)
        rows = training.batch_size * (items if sees_items else 1)
        width, units = shape
        products += limit.of_layer(int(rows), width, units)
    return products


def _items_a_row(location: str, schema: Schema) -> float:
    """The mean length of the first list column in the first rows."""
    data = source.open_data(location, schema, True, 0, check_all=False)
    columns = source.used_columns(data.schema)
    raw = data.train.read(data.train.first_chunk(), columns)
    block = source.make_encoder(data.train, data).encode(raw)
    return float(np.mean(np.diff(block.lists[0].row_splits)))

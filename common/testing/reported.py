"""The folder of a run, written by hand, for tests of reports."""

import json
import os
from typing import Any, Dict, List, Sequence

import tensorflow.compat.v1 as tf

from common import files
from common.callbacks import curves
from common.metrics.collected import Collected
from common.metrics import measures
from common.scoring.slices import Cut

import numpy as np

TASKS = ("click", "purchase")


def rows_of(task: str, size: int = 600) -> Collected:
    """Rows of a task whose logits tell its label."""
    rng = np.random.default_rng(TASKS.index(task))
    logits = rng.normal(-1, 1.5, size).astype(np.float32)
    labels = rng.random(size) < 1 / (1 + np.exp(-logits))
    return Collected(labels.astype(np.float32), logits)


def metrics_of(task: str) -> Dict[str, float]:
    """The metrics of these rows."""
    rows = rows_of(task)
    return measures.evaluate(rows.labels, rows.logits)


def write(folder: str, steps: Sequence[int] = (100, 200, 300), values: Sequence[str] = ("a", "b"),
          **config: Any) -> str:
    """Writes a run that is over, with everything that a report shows; returns its folder.

    Args:
      steps: of its evaluations.
      values: by which the rows are cut, in turn.
      config: further entries of config.json.
    """
    os.makedirs(folder, exist_ok=True)
    listed = {"folder": "/rows", "files": [{"name": "day.csv", "bytes": 12345, "version": 1}]}
    write_json(folder, "config.json", {
        "command": "python esmm/train.py --steps 300", "schema": {"columns": []},
        "run": {"model": "ESMM", "batch_size": 512, "evaluate": True}, "train": listed,
        "test": listed, "versions": {"python": "3.7"}, **config})
    for step in steps:
        files.add_line(os.path.join(folder, "metrics.jsonl"), {
            "step": step, "tasks": {task: metrics_of(task) for task in TASKS}})
    write_json(folder, "metrics.json", {
        "tasks": {task: metrics_of(task) for task in TASKS}, "global_step": 300, "secs": 12.0,
        "samples_per_sec": 24000.0, "steps_per_sec": 47.0, "peak_memory_mb": 700.0})
    codes = np.arange(600) % len(values)
    cut = Cut("age", list(values), codes, "a note")
    write_json(folder, "curves.json", curves.summary(
        300, {task: rows_of(task) for task in TASKS}, [cut]))
    files.add_line(os.path.join(folder, "keys.jsonl"), {
        "step": 300, "keys": 5000, "new": 5000, "waiting": 0, "evicted": 0})
    write_events(folder, [(step, 0.7 - step / 1000) for step in range(1, 300, 50)])
    return folder


def write_json(folder: str, name: str, value: Any) -> None:
    """Writes a file of the folder."""
    with open(os.path.join(folder, name), "w") as file:
        json.dump(value, file)


def write_events(folder: str, losses: List[Any], tag: str = "loss", suffix: str = "") -> str:
    """Writes a file of events, a scalar for each (step, value); returns its path."""
    before = set(os.listdir(folder))
    with tf.Graph().as_default():
        writer = tf.summary.FileWriter(folder, filename_suffix=suffix)
        for step, value in losses:
            of_tag = tf.Summary.Value(tag=tag, simple_value=value)
            speed = tf.Summary.Value(tag="global_step/sec", simple_value=40.0)
            writer.add_summary(tf.Summary(value=[of_tag, speed]), step)
        writer.close()
    name, = set(os.listdir(folder)) - before
    return os.path.join(folder, name)

"""Whole calls of a model's main, and what they leave."""

import argparse
import glob
import json
import os
from typing import Any, Callable, Dict, List, NamedTuple, Set, Tuple

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from common import runner, saved_model
from common.config.run import Run
from common.config.toggles import Toggles
from common.pipeline import dataset
from common.pipeline.row_order import Stream
from common.pipeline.source import Data
from common.estimators import ModelFn

DOCUMENTED = dict(bf16=False, emb_fusion=True, op_fusion=True, smartstaged=True, micro_batch=0,
                  ev=False, adaptive_emb=False, ev_elimination=None, ev_filter=None,
                  dynamic_ev=False, multihash=False, incremental_ckpt=0, workqueue=False,
                  parquet_dataset=True, parquet_dataset_shuffle=False, data_location="./data",
                  steps=0, no_eval=False, batch_size=512, save_steps=None, seed=2021, timeline=None,
                  keep_checkpoint_max=1, l2_regularization=None, protocol="grpc", inter=0, intra=0,
                  input_layer_partitioner=0, dense_layer_partitioner=0, tf=False)

FUSED = Toggles(emb_fusion=True, op_fusion=True, smartstaged=True)


class Reads(argparse.Namespace):
    """A namespace that notes which flags are read."""

    def __getattribute__(self, name: str) -> object:
        if not name.startswith("_"):
            object.__getattribute__(self, "__dict__").setdefault("_reads", set()).add(name)
        return super().__getattribute__(name)


def unread_flags(main: Callable[[List[str]], None], argv: List[str],
                 monkeypatch: pytest.MonkeyPatch) -> Set[str]:
    """The flags that main parses and never reads; it does not train."""
    parse = argparse.ArgumentParser.parse_args
    seen: List[Reads] = []

    def parse_args(self: argparse.ArgumentParser, argv: List[str]) -> Reads:
        seen.append(parse(self, argv, Reads()))
        seen[0].__dict__.pop("_reads", None)
        return seen[0]

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse_args)
    monkeypatch.setattr(runner, "train_and_evaluate", lambda *args: None)
    main(argv)
    namespace = seen[0].__dict__
    return set(namespace) - {"_reads", "toggles", "cluster", "settings"} - namespace["_reads"]


def run_of(main: Callable[[List[str]], None], argv: List[str],
           monkeypatch: pytest.MonkeyPatch) -> Tuple[Run, object]:
    """The Run and the Params that a command line gives; nothing is trained."""
    seen: List[Tuple[Run, object]] = []
    monkeypatch.setattr(runner, "train_and_evaluate",
                        lambda run, data, model_fn, params, tasks: seen.append((run, params)))
    main(argv)
    return seen[0]


def run_main(main: Callable[[List[str]], None], *argv: str) -> Dict[str, Any]:
    """Runs main, which must have --checkpoint or --output_dir; returns what metrics.json holds."""
    main(list(argv))
    flag = "--checkpoint" if "--checkpoint" in argv else "--output_dir"
    folder = argv[argv.index(flag) + 1]
    with open(glob.glob(os.path.join(folder, "**", "metrics.json"), recursive=True)[0]) as file:
        return json.load(file)


def serve_sample_request(result_dir: str) -> Dict[str, np.ndarray]:
    """Loads an exported model as a server does; returns its answer to its own sample request."""
    folder = glob.glob(os.path.join(result_dir, "export", "*"))[0]
    with open(os.path.join(folder, "assets.extra", saved_model.SAMPLE_REQUEST)) as file:
        rows = json.load(file)["instances"]
    with tf.Graph().as_default(), tf.Session() as session:
        loaded = tf.saved_model.loader.load(session, [tf.saved_model.tag_constants.SERVING], folder)
        signature = loaded.signature_def["serving_default"]
        feeds = {info.name: [row[name] for row in rows] for name, info in signature.inputs.items()}
        return session.run({name: info.name for name, info in signature.outputs.items()}, feeds)


def predict_first_rows(checkpoint_dir: str, data: Data, model_fn: ModelFn, params: NamedTuple,
                       count: int = 3) -> Dict[str, np.ndarray]:
    """What a checkpoint's model predicts for a test file's first rows, read as training reads
    them.
    """
    assert data.test
    with tf.Graph().as_default(), tf.Session() as session:
        iterator = tf.data.make_initializable_iterator(
            dataset.columnar_input(data.test, data, Stream(count))())
        features, _ = iterator.get_next()
        predicted = model_fn(features, None, tf.estimator.ModeKeys.PREDICT, params).predictions
        session.run(iterator.initializer)
        tf.train.Saver().restore(session, tf.train.latest_checkpoint(checkpoint_dir))
        return session.run(predicted)

"""A toy data set and helpers for tests; no product code imports this."""

import argparse
import glob
import json
import os
from typing import Any, Callable, Dict, Iterable, List, NamedTuple, Sequence, Set, Tuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
import tensorflow.compat.v1 as tf

from common import dataset, reader, runner, serving, source
from common.blocks import Stream
from common.dataset import InputFn
from common.deeprec import Toggles
from common.heads import Training
from common.run import Run
from common.schema import Column, Schema
from common.source import Data
from common.trainer import ModelFn

SCHEMA = Schema(
    name="toy",
    columns=(
        Column("y", "label"),
        Column("z", "label"),
        Column("user", "hash", 1000, "all"),
        Column("kind", "hash", 10, "all"),
        Column("extra", "unused"),
        Column("size", "identity", 8, "all", default="0"),
        Column("tags", "hash", 50, "all", separator="|"),
    ),
    train_file="toy_train",
    test_file="toy_test",
    user_column="user",
    module="data/toy.py",
)
NAMES = [column.name for column in SCHEMA.columns]
SHARED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "shared")
TAOBAO_SAMPLE = os.path.join(SHARED, "data", "taobao_sample.csv")

DOCUMENTED = dict(
    bf16=False, emb_fusion=True, op_fusion=True, smartstaged=True, micro_batch=0, ev=False, adaptive_emb=False,
    ev_elimination=None, ev_filter=None, dynamic_ev=False, multihash=False, incremental_ckpt=0, workqueue=False,
    parquet_dataset=True, parquet_dataset_shuffle=False, data_location="./data", steps=0, no_eval=False, batch_size=512,
    save_steps=None, seed=2021, timeline=None, keep_checkpoint_max=1, l2_regularization=None, protocol="grpc", inter=0,
    intra=0, input_layer_partitioner=0, dense_layer_partitioner=0, tf=False)
FUSED = Toggles(emb_fusion=True, op_fusion=True, smartstaged=True)

Rows = List[List[str]]


def random_rows(seed: int, size: int) -> Rows:
    """Rows of the toy schema with empty strings, runs of equal tags, items of over 8 bytes and non-ASCII text."""
    rng = np.random.default_rng(seed)
    items = ["a", "b", "b1", "", "item", "an item of many bytes", "naïve", "日本", "12345678", "123456789"]

    def tags() -> str:
        return "|".join(item for i in rng.integers(0, len(items), rng.integers(0, 5))
                        for item in [items[i]] * int(rng.integers(1, 4)))

    return [[str(rng.integers(0, 2)), str(rng.integers(0, 2)), "u{}".format(rng.integers(0, max(size // 4, 1))),
             str(rng.choice(["", "x", "NULL", "ü"])), str(rng.integers(0, 99)),
             str(rng.choice(["", "0", "7", " 3", "5 "])), tags()] for _ in range(size)]


def write_csv(path: str, rows: Iterable[Sequence[str]]) -> str:
    """Writes rows without header; returns the path."""
    with open(path, "wb") as file:
        file.write("".join(",".join(row) + "\n" for row in rows).encode("utf-8"))
    return path


def to_table(rows: Rows) -> pa.Table:
    """Rows as the table a Parquet file of the toy schema holds."""
    columns = list(zip(*rows)) or [()] * len(NAMES)
    arrays = [pa.array([int(value or column.default) for value in values], pa.int32()) if column.dtype == "int32"
              else pa.array(values, pa.string()) for column, values in zip(SCHEMA.columns, columns)]
    return pa.table(arrays, names=NAMES)


def write_parquet(path: str, rows: Rows, row_group_size: int = 50) -> str:
    """Writes rows as Parquet; returns the path."""
    pa.parquet.write_table(to_table(rows), path, row_group_size=row_group_size)
    return path


def open_toy(folder: object, train: Rows, test: Rows, parquet: bool = False, max_bad_rows: int = 0,
             check_all: bool = False, schema: Schema = SCHEMA) -> Data:
    """Writes train and test rows into a folder and opens them; the schema may be the toy's with keys."""
    for name, rows in ((SCHEMA.train_file, train), (SCHEMA.test_file, test)):
        path = os.path.join(str(folder), name)
        write_parquet(path + ".parquet", rows) if parquet else write_csv(path, rows)
    return source.open_data(str(folder), schema, parquet, max_bad_rows, check_all)


def read_all(path: str) -> List[List[bytes]]:
    """The rows of a file of the toy schema, whose chunks must number them one after another."""
    file = reader.open_file(path, SCHEMA)
    parts = [file.read(chunk, NAMES) for chunk in file.chunks]
    assert np.concatenate([part.rows for part in parts]).tolist() == list(range(reader.num_rows(file)))
    return [list(row) for part in parts for row in zip(*[part.arrays[name].to_pylist() for name in NAMES])]


def read_batches(input_fn: InputFn, limit: int = 1 << 30) -> List[Dict[str, np.ndarray]]:
    """Runs an input_fn; returns each batch's features and labels in one dict."""
    batches: List[Dict[str, np.ndarray]] = []
    with tf.Graph().as_default(), tf.Session() as session:
        iterator = tf.data.make_initializable_iterator(input_fn())
        features, labels = iterator.get_next()
        session.run([tf.tables_initializer(), iterator.initializer])
        while len(batches) < limit:
            try:
                batches.append(session.run(dict(features, **labels)))
            except tf.errors.OutOfRangeError:
                break
    return batches


def features_of(data: Data, toggles: Toggles, batch_size: int) -> Tuple[Dict[str, tf.Tensor], Dict[str, tf.Tensor]]:
    """Batches of the training rows in file order, in the current graph: (features, labels)."""
    stream = Stream(batch_size)
    make = dataset.tf_input(data.train, data, stream, False) if toggles.tf else (
        dataset.columnar_input(data.train, data, stream))
    iterator = tf.data.make_initializable_iterator(make())
    tf.add_to_collection(tf.GraphKeys.TABLE_INITIALIZERS, iterator.initializer)
    return iterator.get_next()


def initialize(session: tf.Session) -> None:
    """Initializes variables, tables and iterators."""
    session.run([tf.global_variables_initializer(), tf.tables_initializer()])


class Trained(NamedTuple):
    """The losses of some steps, and all variables behind the last."""

    losses: List[float]
    variables: Dict[str, np.ndarray]


def train(data: Data, model_fn: ModelFn, params: NamedTuple, toggles: Toggles, steps: int, batch_size: int,
          afresh: bool = False) -> List[Trained]:
    """Trains on the first batches in file order, from the seed's initial values.

    Args:
      afresh: start each step from these values again, and give each step's losses and variables.
    """
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(2021)
        features, labels = features_of(data, toggles, batch_size)
        tf.train.get_or_create_global_step()
        spec = model_fn(features, labels, tf.estimator.ModeKeys.TRAIN, params)
        initialize(session)
        variables = {v.op.name: v for v in tf.global_variables()}
        start = session.run(variables)
        trained = [Trained([], {})]
        for _ in range(steps):
            trained[-1].losses.append(session.run([spec.loss, spec.train_op])[0])
            if afresh:
                trained[-1].variables.update(session.run(variables))
                trained.append(Trained([], {}))
                again = {variables[name].initializer.inputs[1]: value for name, value in start.items()}
                session.run([variable.initializer for variable in variables.values()], again)  # each alone is slow
        trained[-1].variables.update(session.run(variables))
        return trained[:-1] if afresh else trained


def losses(data: Data, model_fn: ModelFn, params: NamedTuple, toggles: Toggles, steps: int,
           batch_size: int = 128) -> List[float]:
    """The losses of the first steps in file order, from the seed's initial values."""
    return train(data, model_fn, params, toggles, steps, batch_size)[0].losses


def check_slices(data: Data, model_fn: ModelFn, params: NamedTuple, count: int, toggles: Toggles = FUSED) -> None:
    """A step in slices is the mean of steps of the slices alone: of the loss, of what gradient descent changes, and of
    what running means move by. params must have a `training`."""
    def run(slices: int, steps: int, batch_size: int) -> List[Trained]:
        training = Training("gradientdescent", 0.5, toggles._replace(micro_batch=slices))
        return train(data, model_fn, params._replace(training=training), toggles, steps, batch_size, afresh=True)

    whole, parts = run(count, 1, 16 * count)[0], run(0, count, 16)
    assert len(parts) == count and whole.variables["global_step"] == 1
    np.testing.assert_allclose(whole.losses[0], np.mean([part.losses[0] for part in parts]), rtol=1e-5)
    assert sorted(whole.variables) == sorted(parts[0].variables)
    for name, value in whole.variables.items():
        expected = np.mean([part.variables[name] for part in parts], axis=0)
        np.testing.assert_allclose(value, expected, rtol=1e-4, atol=1e-6, err_msg=name)


def check_micro_batch(data: Data, model_fn: ModelFn, params: NamedTuple, count: int, optimizer: str = "adagrad",
                      toggles: Toggles = FUSED) -> None:
    """For a model whose loss is a mean over rows: slices, of unequal size, train as whole batches do."""
    whole, sliced = [train(data, model_fn, params._replace(training=Training(
        optimizer, 0.05, toggles._replace(micro_batch=slices))), toggles, 5, 61)[0] for slices in (0, count)]
    np.testing.assert_allclose(sliced.losses, whole.losses, rtol=1e-5)
    assert sorted(sliced.variables) == sorted(whole.variables) and whole.variables["global_step"] == 5
    for name, value in whole.variables.items():
        np.testing.assert_allclose(sliced.variables[name], value, rtol=1e-3, atol=1e-5, err_msg=name)


def logit_shapes(data: Data, model_fn: ModelFn, params: NamedTuple, toggles: Toggles,
                 batch_size: int) -> Dict[str, Tuple[int, ...]]:
    """The shapes of a model's probabilities; fails if a trainable variable has no gradient."""
    with tf.Graph().as_default(), tf.Session() as session:
        features, labels = features_of(data, toggles, batch_size)
        tf.train.get_or_create_global_step()
        with tf.variable_scope("", reuse=tf.AUTO_REUSE):
            spec = model_fn(features, labels, tf.estimator.ModeKeys.TRAIN, params)
            predicted = model_fn(features, None, tf.estimator.ModeKeys.PREDICT, params).predictions
        gradients = tf.gradients(spec.loss, tf.trainable_variables())
        missing = [v.op.name for v, gradient in zip(tf.trainable_variables(), gradients) if gradient is None]
        assert not missing, missing
        initialize(session)
        return {name: value.shape for name, value in session.run(predicted).items()}


class Reads(argparse.Namespace):
    """A namespace that notes which flags are read."""

    def __getattribute__(self, name: str) -> object:
        if not name.startswith("_"):
            object.__getattribute__(self, "__dict__").setdefault("_reads", set()).add(name)
        return super().__getattribute__(name)


def unread_flags(main: Callable[[List[str]], None], argv: List[str], monkeypatch: pytest.MonkeyPatch) -> Set[str]:
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
    return set(namespace) - {"_reads", "toggles", "cluster"} - namespace["_reads"]


def run_of(main: Callable[[List[str]], None], argv: List[str], monkeypatch: pytest.MonkeyPatch) -> Tuple[Run, object]:
    """The Run and the Params that a command line gives; nothing is trained."""
    seen: List[Tuple[Run, object]] = []
    monkeypatch.setattr(runner, "train_and_evaluate",
                        lambda run, data, model_fn, params, tasks: seen.append((run, params)))
    main(argv)
    return seen[0]


def run_main(main: Callable[[List[str]], None], *argv: str) -> Dict[str, Any]:
    """Runs main, which must have --checkpoint or --output_dir; returns what metrics.json holds."""
    main(list(argv))
    folder = argv[argv.index("--checkpoint") + 1] if "--checkpoint" in argv else argv[argv.index("--output_dir") + 1]
    with open(glob.glob(os.path.join(folder, "**", "metrics.json"), recursive=True)[0]) as file:
        return json.load(file)


def serve_sample_request(result_dir: str) -> Dict[str, np.ndarray]:
    """Loads an exported model as a server does; returns its answer to its own sample request."""
    folder = glob.glob(os.path.join(result_dir, "export", "*"))[0]
    with open(os.path.join(folder, "assets.extra", serving.SAMPLE_REQUEST)) as file:
        rows = json.load(file)["instances"]
    with tf.Graph().as_default(), tf.Session() as session:
        loaded = tf.saved_model.loader.load(session, [tf.saved_model.tag_constants.SERVING], folder)
        signature = loaded.signature_def["serving_default"]
        feeds = {info.name: [row[name] for row in rows] for name, info in signature.inputs.items()}
        return session.run({name: info.name for name, info in signature.outputs.items()}, feeds)


def predict_first_rows(checkpoint_dir: str, data: Data, model_fn: ModelFn, params: NamedTuple,
                       count: int = 3) -> Dict[str, np.ndarray]:
    """What a checkpoint's model predicts for a test file's first rows, read as training reads them."""
    with tf.Graph().as_default(), tf.Session() as session:
        iterator = tf.data.make_initializable_iterator(dataset.columnar_input(data.test, data, Stream(count))())
        features, _ = iterator.get_next()
        predicted = model_fn(features, None, tf.estimator.ModeKeys.PREDICT, params).predictions
        session.run(iterator.initializer)
        tf.train.Saver().restore(session, tf.train.latest_checkpoint(checkpoint_dir))
        return session.run(predicted)

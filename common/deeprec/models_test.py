"""Graphs of all models with DeepRec's recorded API: which of its symbols each flag calls, and with
what.
"""

import importlib
import json
import os
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Set

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from common import runner, saved_model
from common.callbacks.staging import Staging
from common.config import model as model_of
from common.config.run import Run
from common.config.schema import Schema
from common.deeprec import recorded_api
from common.deeprec import symbols as deeprec
from common.deeprec.recorded_api import RecordedModule
from common.pipeline import dataset
from common.pipeline.source import Data
from common.testing import graphs
from common.testing.mains import run_main
from common.estimators import ModelFn
from data import amazon, eleme, taobao

BASE = {"staged", "make_prefetch_hook"}
OPTION = BASE | {"get_embedding_variable", "EmbeddingVariableOption", "InitializerOption"}
ROWS, LISTS = "nn.embedding_lookup_sparse", "nn.fused_embedding_lookup_sparse"
WIDTH = {"din": 18}
# A single, a list, a shared and a fixed table of each; all columns would take long.
COLUMNS = {"taobao": ("user_id", "cms_segid", "adgroup_id", "pid", "tag_category_list", "price"),
           "eleme": ("user_id", "shop_id", "shop_id_list", "timediff_list", "time_type"),
           "amazon": ("user", "item", "category", "history_items", "history_categories")}
TABLES = {"din": 3, "dlrm": 3}  # of Taobao's columns, 5
LISTLESS = ("din",)  # histories are attended to, not combined
# Sizes that make graphs small.
SMALL: Dict[str, Dict[str, Any]] = {
    "esmm": dict(group_mlp=(4,), group_mlps={}, tower=(4,)),
    "mmoe": dict(experts=2, expert=(4,), tower=(4,)),
    "ple": dict(levels=2, specific=1, shared=1, expert=(4,), gate=(4,), tower=(4,)),
    "din": dict(attention=(4,), top=(4,)), "dlrm": dict(bottom=(4,), top=(4,))}


class Built(NamedTuple):
    """What a command line comes to."""

    run: Run
    data: Data
    model_fn: Callable[..., Any]
    params: Any


def thin(schema: Schema) -> Schema:
    """The schema with few columns that are embedded."""
    return schema._replace(columns=tuple(
        column._replace(kind="unused", buckets=0, group="", table="", words=(), aligned=False)
        if column.is_feature and column.name not in COLUMNS[schema.name] else column
        for column in schema.columns))


def lookups(model: str) -> Set[str]:
    return {ROWS} if model in LISTLESS else {ROWS, LISTS}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Few rows of all data sets."""
    path = str(tmp_path_factory.mktemp("rows"))
    taobao.make(300, 100, 3, 0.3, 0.1, path)
    amazon.make(300, 100, 3, path)
    eleme.make(300, 100, 3, 0.3, path)
    return path


def build(model: str, folder: str, monkeypatch: pytest.MonkeyPatch, *argv: str) -> Built:
    seen: List[Built] = []
    train = importlib.import_module(model + ".train")
    data = importlib.import_module(train.MODEL.data)
    monkeypatch.setattr(data, "SCHEMA", thin(train.MODEL.schema))
    with monkeypatch.context() as patch:
        patch.setattr(runner, "train_and_evaluate", lambda *args: seen.append(Built(*args[:4])))
        train.main([
            "--data_location", folder, "--optimizer", "adagrad", "--checkpoint", "unused",
            "--steps", "1", *argv
        ])
    return seen[0]._replace(params=seen[0].params._replace(**SMALL[model]))


def staged(built: Built) -> ModelFn:
    """The model_fn with the batches that DeepRec takes ahead, as a run has it."""
    staging = Staging(built.run.toggles)

    def model_fn(features: dict, labels: Optional[dict], mode: str,
                 params: NamedTuple) -> tf.estimator.EstimatorSpec:
        if labels is not None:
            features, labels = staging.batch(features, labels, mode)
        spec = built.model_fn(features, labels, mode, params)
        return staging.change(spec, features, mode)

    return model_fn


def build_graphs(built: Built, run: bool) -> None:
    """Builds the graphs of training, evaluation and prediction; runs the first two where it is
    wanted.
    """
    model_fn = staged(built)
    for mode in (tf.estimator.ModeKeys.TRAIN, tf.estimator.ModeKeys.EVAL):
        with tf.Graph().as_default(), tf.Session() as session:
            features, labels = graphs.features_of(built.data, built.run.toggles, 8)
            features.setdefault(dataset.USER, tf.zeros(
                [8], tf.int64))  # testing's input has none with --tf
            tf.train.get_or_create_global_step()
            spec = model_fn(features, labels, mode, built.params)
            is_training = mode == tf.estimator.ModeKeys.TRAIN
            hooks = spec.training_hooks if is_training else spec.evaluation_hooks
            assert len(hooks) == int(built.run.toggles.smartstaged)
            if run:
                graphs.initialize(session)
                fetches = [spec.loss] + ([spec.train_op] if spec.train_op is not None else [])
                assert np.isfinite([session.run(fetches)[0] for _ in range(2)]).all()
    with tf.Graph().as_default():
        schema, vocabularies = built.data.schema, built.data.vocabularies
        receiver = saved_model.receiver_fn(schema, vocabularies, built.run.toggles.tf)()
        assert model_fn(receiver.features, None, tf.estimator.ModeKeys.PREDICT,
                        built.params).predictions


# Flags -> the symbols that all graphs together call.
FLAGS: Dict[str, Callable[[str], Set[str]]] = {
    "": lambda model: BASE,
    "--tf": lambda model: set(),
    "--smartstaged false --emb_fusion false --op_fusion false --optimizer gradientdescent "
    "--parquet_dataset false "
    "--parquet_dataset_shuffle --input_layer_partitioner 1 --dense_layer_partitioner 1": lambda
    model: set(),
    "--bf16 --optimizer adagraddecay": lambda model: BASE |
    {"variable_scope.keep_weights", "train.AdagradDecayOptimizer"},
    "--ev --ev_filter counter --optimizer adamasync": lambda model: OPTION | lookups(
        model) | {"CounterFilter", "train.AdamAsyncOptimizer"},
    "--ev --ev_filter cbf --ev_elimination gstep --emb_fusion false": lambda model: OPTION |
    {ROWS, "CBFFilter", "GlobalStepEvict"} |
    (set() if model in LISTLESS else {"nn.safe_embedding_lookup_sparse"}),
    "--ev --ev_elimination l2 --bf16 --optimizer adam": lambda model: OPTION | lookups(
        model) | {"L2WeightEvict", "variable_scope.keep_weights"},
    "--adaptive_emb": lambda model: OPTION | {"nn.safe_adaptive_embedding_lookup_sparse"},
    "--dynamic_ev": lambda model: BASE |
    {"get_dynamic_dimension_embedding_variable", "nn.embedding_lookup"},
    "--multihash": lambda model: BASE | {"get_multihash_variable", "nn.embedding_lookup"},
}


def plain(module: RecordedModule) -> Set[str]:
    """The symbols called, without lookups of TensorFlow's own variables."""
    own = {call.name for call in module.calls if call.name.startswith("nn.") and not isinstance(
        next(iter(call.given.values())), tf.Variable)}
    return {name for name in module.names() if not name.startswith("nn.")} | own | (
        set(module.names()) & {"nn.safe_adaptive_embedding_lookup_sparse"})


def check_arguments(module: RecordedModule, model: str, flags: str) -> None:
    """What each model's tables are made and looked up with, in the graphs of training, evaluation
    and prediction.
    """
    width, variables, dynamic, multihash = WIDTH.get(model, 16), *[
        module.of(name)
        for name in ("get_embedding_variable", "get_dynamic_dimension_embedding_variable",
                     "get_multihash_variable")
    ]
    if {"--ev", "--adaptive_emb", "--dynamic_ev", "--multihash"} & set(flags.split()):
        assert len(variables + dynamic + multihash) == 3 * TABLES.get(model, 5)
    assert all(
        (given["embedding_dim"], given["key_dtype"]) == (width, tf.int64) for given in variables)
    assert all(given["embedding_block_dimension"] * given["embedding_block_num"] == width
               for given in dynamic)
    assert all(given["dims"][0] == given["dims"][1] and given["dims"][0][1] == width
               for given in multihash)
    assert all((given["blocknums"] is not None) == (flags == "--dynamic_ev")
               for given in module.of("nn.embedding_lookup"))
    assert all(given["adaptive_mask_tensor"].dtype == tf.int32 and given["sparse_weights"] is None
               for given in module.of("nn.safe_adaptive_embedding_lookup_sparse"))


@pytest.mark.slow
@pytest.mark.parametrize("flags", list(FLAGS))
@pytest.mark.parametrize("model", model_of.names())
def test_each_flag_calls_its_symbols(model: str, flags: str, folder: str,
                                     monkeypatch: pytest.MonkeyPatch) -> None:
    module = recorded_api.install(monkeypatch)
    build_graphs(build(model, folder, monkeypatch, *flags.split()),
                 run=model == "din")  # whose tables are small
    assert plain(module) == FLAGS[flags](model)
    check_arguments(module, model, flags)


@pytest.mark.slow
def test_the_stand_in_trains_evaluates_and_exports(folder: str, tmp_path: object,
                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    from esmm import train

    module = recorded_api.install(monkeypatch)
    sessions: List[Any] = []
    monkeypatch.setattr(deeprec, "configure",
                        lambda *args: sessions.append(args))  # TensorFlow's has no such fields
    results = run_main(train.main, "--data_location", folder, "--checkpoint", str(tmp_path),
                       "--steps", "6", "--batch_size", "32", "--ev", "--incremental_ckpt", "60")
    assert results["global_step"] == 6 and results["tasks"]["click"]["rows"] == 100
    assert sessions and all(args[1].smartstaged for args in sessions)
    assert module.of("train.CheckpointSaverHook")[0]["incremental_save_secs"] == 60
    assert {"train.Saver", "train.Scaffold", "make_prefetch_hook"} <= set(module.names())
    with open(os.path.join(str(tmp_path), "config.json")) as file:
        assert ["ev", ""] in json.load(file)["run"]["enabled_features"]

from typing import Any

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from common.callbacks.staging import Staging
from common.config.tables import Eviction, Settings
from common.config.toggles import Toggles
from common.deeprec import recorded_api
from common.deeprec import symbols as deeprec
from common.deeprec.recorded_api import RecordedModule
from common.testing.mains import FUSED


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Any:
    with tf.Graph().as_default():
        yield recorded_api.install(monkeypatch)


def test_tf_excludes_features() -> None:
    with pytest.raises(
            ValueError,
            match="--tf switches every DeepRec feature off, so it cannot go with --bf16"):
        Toggles(tf=True, bf16=True)
    with pytest.raises(
            ValueError,
            match="--tf switches every DeepRec feature off, so it cannot go with --micro_batch"):
        Toggles(tf=True, micro_batch=4)


def test_stock_tensorflow_has_nothing_of_deeprec() -> None:
    assert not deeprec.is_deeprec() and deeprec.release() is None
    assert not any(deeprec.has(feature) for feature in deeprec._SYMBOLS)
    assert deeprec.own_optimizer("adamasync", 0.1, None) is None
    session = tf.ConfigProto()
    deeprec.configure(session, FUSED, "grpc")
    assert session == tf.ConfigProto()
    batch = Staging(FUSED).batch("features", "labels", "train")  # type: ignore[arg-type]
    assert batch == ("features", "labels")


@pytest.mark.parametrize("version, is_it, release",
                         [("1.15.5", False, None), ("1.15.5+deeprec2206", True, 2206),
                          ("1.15.5+deeprec2204-220614+glibc", True, 2204),
                          ("1.15.5+deeprec", True, None)])
def test_deeprec_is_told_by_its_distribution(version: str, is_it: bool, release: int,
                                             monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deeprec, "_version", lambda: version)
    assert (deeprec.is_deeprec(), deeprec.release()) == (is_it, release)


def test_deeprec_is_told_by_its_symbol(module: RecordedModule) -> None:
    assert deeprec.is_deeprec() and deeprec.release() == 2402
    assert all(deeprec.has(feature) for feature in deeprec._SYMBOLS)
    assert not deeprec.has("micro_batch") and not deeprec.has("workqueue")  # ours on DeepRec too


@pytest.mark.parametrize("feature, missing",
                         [("bf16", "variable_scope.keep_weights"),
                          ("emb_fusion", "nn.fused_embedding_lookup_sparse"),
                          ("op_fusion", "OptimizerOptions.do_op_fusion"), ("smartstaged", "staged"),
                          ("smartstaged", "make_prefetch_hook"),
                          ("do_smart_stage", "OptimizerOptions.do_smart_stage"),
                          ("tensor_fuse", "ConfigProto.tensor_fuse"),
                          ("adamasync", "train.AdamAsyncOptimizer"),
                          ("adagraddecay", "train.AdagradDecayOptimizer"),
                          ("ev", "InitializerOption"), ("ev", "EmbeddingVariableOption"),
                          ("ev_filter", "CBFFilter"), ("ev_elimination", "L2WeightEvict"),
                          ("adaptive_emb", "nn.safe_adaptive_embedding_lookup_sparse"),
                          ("dynamic_ev", "get_dynamic_dimension_embedding_variable"),
                          ("dynamic_ev", "nn.embedding_lookup"),
                          ("multihash", "get_multihash_variable"),
                          ("incremental_ckpt", "train.Saver"),
                          ("incremental_ckpt", "train.CheckpointSaverHook")])
def test_each_feature_is_told_by_its_own_symbol(feature: str, missing: str,
                                                monkeypatch: pytest.MonkeyPatch) -> None:
    recorded_api.install(monkeypatch, missing=[missing])
    assert not deeprec.has(feature)
    assert deeprec.lacking(feature).startswith("it has no ")


def test_an_old_release_is_not_used_for_what_it_got_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    recorded_api.install(monkeypatch, release="deeprec2204")
    assert deeprec.lacking(
        "op_fusion") == "OptimizerOptions.do_op_fusion is used from its release 2206 on"
    assert deeprec.has("smartstaged")


def test_deeprecs_own_optimizers_get_their_documented_arguments(module: RecordedModule) -> None:
    step = tf.train.get_or_create_global_step()
    assert deeprec.own_optimizer("adamasync", 0.1, step) and deeprec.own_optimizer(
        "adagraddecay", 0.2, step)
    given, = module.of("train.AdamAsyncOptimizer")
    assert (given["learning_rate"], given["apply_sparse_rmsprop"]) == (0.1, False)
    given, = module.of("train.AdagradDecayOptimizer")
    assert (given["learning_rate"], given["accumulator_decay_step"]) == (0.2, 100000)
    assert given["global_step"] is step


@pytest.mark.parametrize("toggles, protocol, options, tensor_fuse", [
    (FUSED, "grpc", {"do_op_fusion": True, "do_smart_stage": True}, 0),
    (Toggles(op_fusion=True), "grpc++", {"do_op_fusion": True}, True),
    (Toggles(tf=True), "grpc", {}, 0)])
def test_graph_passes_are_fields_of_the_session(module: RecordedModule, toggles: Toggles,
                                                protocol: str, options: dict,
                                                tensor_fuse: object) -> None:
    session = module.ConfigProto(allow_soft_placement=True)
    deeprec.configure(session, toggles, protocol)
    assert session.graph_options.optimizer_options.added == options
    assert session.tensor_fuse == tensor_fuse


def test_fields_that_an_old_deeprec_lacks_stay_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    module = recorded_api.install(monkeypatch, missing=["OptimizerOptions.do_smart_stage"],
                                  release="deeprec2201")
    session = module.ConfigProto()
    deeprec.configure(session, FUSED, "grpc")
    assert session.graph_options.optimizer_options.added == {}


@pytest.mark.parametrize("mode, hooks", [("train", "training_hooks"), ("eval", "evaluation_hooks")])
def test_batches_are_staged_in_order_and_each_session_has_the_hook(module: RecordedModule,
                                                                   mode: str, hooks: str) -> None:
    staging = Staging(FUSED)
    features, labels = {"x": tf.ones([2])}, {"y": tf.zeros([2])}
    taken = staging.batch(features, labels, mode)
    given, = module.of("staged")
    assert given["features"] == {"features": features, "labels": labels}
    assert given["num_threads"] == 1
    assert taken[0]["x"] is not features["x"] and taken[1].keys() == {"y"}
    loss = tf.reduce_sum(taken[0]["x"])
    spec = tf.estimator.EstimatorSpec(mode, loss=loss, train_op=loss,
                                      training_hooks=[tf.train.SessionRunHook()])
    changed = staging.change(spec, taken[0], mode)
    assert len(getattr(changed, hooks)) == (2 if mode == "train" else 1)
    predicted = tf.estimator.EstimatorSpec("infer", predictions=features["x"])
    assert staging.change(predicted, features, "infer") is predicted
    assert len(module.of("staged")) == 1


def test_increments_are_asked_of_saver_scaffold_and_hook(tmp_path: object,
                                                         module: RecordedModule) -> None:
    scaffold = deeprec.scaffold(3)
    saver, = module.of("train.Saver")
    assert (saver["max_to_keep"], saver["sharded"], saver["incremental_save_restore"],
            saver["incremental_include_normal_var"]) == (3, True, True, True)
    assert module.of("train.Scaffold")[0]["incremental_save_restore"] is True
    assert isinstance(scaffold, tf.train.Scaffold)
    hook = deeprec.saver_hook(60, str(tmp_path), None, 100, scaffold=scaffold, listeners=None)
    given, = module.of("train.CheckpointSaverHook")
    assert given["incremental_save_secs"] == 60
    assert (given["save_steps"], given["save_secs"]) == (100, None)
    assert isinstance(hook, tf.train.CheckpointSaverHook)


@pytest.mark.parametrize("admission, name, given",
                         [(None, None, {}), ("counter", "CounterFilter", {"filter_freq": 3}),
                          ("cbf", "CBFFilter", {
                              "filter_freq": 3, "max_element_size": 500,
                              "false_positive_probability": 0.01, "counter_type": tf.uint8
                          })])
@pytest.mark.parametrize("eviction, evicts, limit", [
    (None, None, {}), ("gstep", "GlobalStepEvict", {"steps_to_live": 4000}),
    ("l2", "L2WeightEvict", {"l2_weight_threshold": 0.001})])
def test_options_of_an_embedding_variable(module: RecordedModule, admission: str, name: str,
                                          given: dict, eviction: str, evicts: str,
                                          limit: dict) -> None:
    initializer = tf.zeros_initializer()
    settings = Settings(admission or "", eviction=Eviction(eviction or "", 4000, 0.001), servers=1)
    deeprec.embedding_variable("ev", 16, initializer, settings, 500)
    made, = module.of("get_embedding_variable")
    assert (made["name"], made["embedding_dim"], made["key_dtype"], made["value_dtype"],
            made["partitioner"]) == ("ev", 16, tf.int64, tf.float32, None)
    option = made["ev_option"].given
    assert option["init_option"].given == {"initializer": initializer, "default_value_dim": 4096,
                                           "default_value_no_permission": 0.0}
    options = [(option["filter_option"], name, given), (option["evict_option"], evicts, limit)]
    for answer, kind, arguments in options:
        assert answer is None if kind is None else (answer.name, answer.given) == (kind, arguments)


def test_servers_share_an_embedding_variable(module: RecordedModule) -> None:
    parts = deeprec.embedding_variable("ev", 4, tf.ones_initializer(), Settings(servers=3), 500)
    rows = deeprec.embedding_rows(parts, tf.constant([1, 5, 1], tf.int64), is_divided=True)
    assert len(parts) == 3 and module.of("nn.embedding_lookup")[0]["counts"] is None
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        assert session.run(rows).tolist() == 3 * [4 * [1.0]]


@pytest.mark.parametrize("missing, fused, called", [
    ([], True, "nn.fused_embedding_lookup_sparse"), ([], False, "nn.safe_embedding_lookup_sparse"),
    (["nn.fused_embedding_lookup_sparse"], True, "nn.safe_embedding_lookup_sparse")])
def test_lists_are_looked_up_fused_where_deeprec_can(missing: list, fused: bool, called: str,
                                                     monkeypatch: pytest.MonkeyPatch) -> None:
    module = recorded_api.install(monkeypatch, missing=missing)
    with tf.Graph().as_default():
        variable = deeprec.embedding_variable("ev", 4, tf.ones_initializer(), Settings(), 500)
        items = tf.SparseTensor(tf.constant([[0, 0], [2, 0]], tf.int64),
                                tf.constant([7, 8], tf.int64), [3, 1])
        deeprec.embedding_lists(variable, items, "mean", fused)
    given, = module.of(called)
    assert given["combiner"] == "mean" and given.get("sparse_weights") is None
    assert len([name for name in module.names() if name.startswith("nn.")]) == 1


def test_hot_ids_and_cold_ones(module: RecordedModule) -> None:
    hashed = tf.get_variable("h", [10, 2], initializer=tf.ones_initializer())
    variable = deeprec.embedding_variable("ev", 2, tf.zeros_initializer(), Settings(), 500)
    rows = deeprec.adaptive_rows(hashed, variable, tf.constant([33, 44, 55], tf.int64),
                                 tf.constant([0, 1, 0]))
    given, = module.of("nn.safe_adaptive_embedding_lookup_sparse")
    assert given["bucket_size"] == 10
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        np.testing.assert_array_equal(session.run(rows), [[1, 1], [0, 0], [1, 1]])
        values, starts = session.run([given["sparse_ids"].values, given["hash_ev_ids"]])
    assert values.tolist() == [3, 44, 5] and starts.tolist() == [4]

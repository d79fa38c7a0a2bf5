from typing import Any, Callable

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from common.deeprec.recorded_api import RECORD, RecordedModule


@pytest.fixture
def module() -> Any:
    with tf.Graph().as_default():
        yield RecordedModule()


def ids(*values: int) -> tf.Tensor:
    return tf.constant(values, tf.int64)


def lists(*rows: list) -> tf.SparseTensor:
    return tf.RaggedTensor.from_row_lengths(
        tf.constant(sum(rows, []), tf.int64), [len(row) for row in rows]).to_sparse()


def ev(module: RecordedModule, **kwargs: Any) -> Any:
    return module.get_embedding_variable("ev", embedding_dim=4, **kwargs)


WRONG = {
    "unknown name": (AttributeError, "get_embedding_table",
                     lambda m: m.get_embedding_table("a", 4)),
    "unknown name below train": (AttributeError, "AdamAsync", lambda m: m.train.AdamAsync()),
    "unknown argument": (TypeError, "dimension",
                         lambda m: m.get_embedding_variable("a", 4, dimension=4)),
    "missing argument": (TypeError, "embedding_dim", lambda m: m.get_embedding_variable("a")),
    "option instead of its wrapper": (TypeError, "EmbeddingVariableOption",
                                      lambda m: ev(m, ev_option=m.CounterFilter(filter_freq=3))),
    "filter as eviction": (TypeError, "evict_option",
                           lambda m: m.EmbeddingVariableOption(evict_option=m.CounterFilter(3))),
    "two evictions": (TypeError, "evict_option", lambda m: m.EmbeddingVariableOption(
        evict_option=[m.GlobalStepEvict(1), m.L2WeightEvict(1.0)])),
    "string keys": (ValueError, "key_dtype", lambda m: ev(m, key_dtype=tf.string)),
    "int values": (ValueError, "value_dtype", lambda m: ev(m, value_dtype=tf.int32)),
    "keys of another type": (TypeError, "keys of int64. Got: int32",
                             lambda m: m.nn.embedding_lookup(ev(m), tf.constant([1]))),
    "dense read": (NotImplementedError, "as a whole", lambda m: ev(m).read_value()),
    "dense assignment": (NotImplementedError, "as a whole", lambda m: ev(m).assign(0)),
    "cbf without probability": (ValueError, "false_positive",
                                lambda m: m.CBFFilter(3, max_element_size=8)),
    "cbf without elements": (ValueError, "max_element_size", lambda m: m.CBFFilter(3, 0, 0.1)),
    "dynamic without blocks": (ValueError, "blocknums must be valid",
                               lambda m: m.nn.embedding_lookup(
                                   m.get_dynamic_dimension_embedding_variable("d", 4, 2), ids(1))),
    "dynamic with matrix of ids": (
        ValueError, "rank 1",
        lambda m: m.nn.embedding_lookup(m.get_dynamic_dimension_embedding_variable("d", 4, 2),
                                        tf.ones([2, 2], tf.int64),
                                        blocknums=tf.ones([2], tf.int32))),
    "dynamic with an option": (TypeError, "ev_option",
                               lambda m: m.get_dynamic_dimension_embedding_variable(
                                   "d", 4, 2, ev_option=m.EmbeddingVariableOption())),
    "one dimension": (ValueError, "two entries", lambda m: m.get_multihash_variable("m", [[8, 4]])),
    "three dimensions": (ValueError, "two entries",
                         lambda m: m.get_multihash_variable("m", 3 * [[8, 4]])),
    "operation of the document": (
        ValueError, "add, mul or concat",
        lambda m: m.get_multihash_variable("m", 2 * [[8, 4]], operation="mult", dtype=tf.float32)),
    "partitions of the document": (
        TypeError, "num_of_partitions",
        lambda m: m.get_multihash_variable("m", 2 * [[8, 4]], num_of_partitions=2)),
    "unequal widths": (ValueError, "equally wide",
                       lambda m: m.get_multihash_variable("m", [[8, 4], [8, 5]])),
    "dtype left out": (AttributeError, "base_dtype",
                       lambda m: m.get_multihash_variable("m", 2 * [[8, 4]])),
    "dense ids": (TypeError, "must be SparseTensor",
                  lambda m: m.nn.embedding_lookup_sparse(ev(m), ids(1), None)),
    "weights left out": (TypeError, "sp_weights",
                         lambda m: m.nn.embedding_lookup_sparse(ev(m), lists([1]))),
    "dense weights": (TypeError, "sp_weights must be",
                      lambda m: m.nn.embedding_lookup_sparse(ev(m), lists([1]), tf.ones([1]))),
    "unknown combiner": (
        ValueError, "combiner",
        lambda m: m.nn.embedding_lookup_sparse(ev(m), lists([1]), None, combiner="max")),
    "fused with weights": (
        ValueError, "no weights",
        lambda m: m.nn.fused_embedding_lookup_sparse(ev(m), lists([1]), lists([1]))),
    "fused and divided": (ValueError, "partitioned", lambda m: m.nn.fused_embedding_lookup_sparse(
        ev(m, partitioner=tf.fixed_size_partitioner(2)), lists([1]))),
    "fused by mod": (
        ValueError, "partition_strategy",
        lambda m: m.nn.fused_embedding_lookup_sparse(ev(m), lists([1]), partition_strategy="mod")),
    "adaptive without mask": (ValueError, "AdaptiveEmbedding",
                              lambda m: m.nn.safe_adaptive_embedding_lookup_sparse(
                                  tf.ones([8, 4]), ev(m), lists([1]), ids(1))),
    "adaptive with a mask of bools": (
        TypeError, "int32", lambda m: m.nn.safe_adaptive_embedding_lookup_sparse(
            tf.ones([8, 4]), ev(m), lists([1]), ids(1), adaptive_mask_tensor=tf.constant([True]))),
    "no thread": (ValueError, "num_threads", lambda m: m.staged(ids(1), num_threads=0)),
    "older name of an argument": (TypeError, "feed_generator",
                                  lambda m: m.staged(ids(1), feed_generator=None)),
    "hook with an argument": (TypeError, "too many", lambda m: m.make_prefetch_hook(1)),
    "decay without a step": (TypeError, "global_step",
                             lambda m: m.train.AdagradDecayOptimizer(0.1)),
    "decay with a rate for a step": (TypeError, "must be a variable",
                                     lambda m: m.train.AdagradDecayOptimizer(0.1, 7)),
    "decay by 1": (ValueError, "between 0 and 1", lambda m: m.train.AdagradDecayOptimizer(
        0.1, tf.train.get_or_create_global_step(), accumulator_decay_rate=1.0)),
    "seconds in the wrong place": (TypeError, "incremental_save_secs",
                                   lambda m: m.train.Saver(incremental_save_secs=9)),
    "unknown field": (ValueError, "no 'op_fusion' field", lambda m: m.ConfigProto(op_fusion=True)),
    "field of another message": (AttributeError, "do_op_fusion",
                                 lambda m: setattr(m.ConfigProto(), "do_op_fusion", True)),
    "unknown option": (
        AttributeError, "do_fusion",
        lambda m: setattr(m.ConfigProto().graph_options.optimizer_options, "do_fusion", True)),
    "text for a number": (
        TypeError, "bool or an int",
        lambda m: setattr(m.ConfigProto().graph_options.optimizer_options, "micro_batch_num", "2")),
    "weights of no scope": (TypeError, "float_type",
                            lambda m: m.variable_scope("a").keep_weights(float_type=1)),
}


@pytest.mark.parametrize("case", sorted(WRONG))
def test_what_deeprec_rejects_is_rejected(module: RecordedModule, case: str) -> None:
    error, message, call = WRONG[case]
    with pytest.raises(error, match=message):
        call(module)


@pytest.mark.parametrize("name", sorted(set(RECORD) - {"variable_scope.keep_weights"}))
def test_what_an_old_deeprec_lacks_is_not_there(name: str) -> None:
    def find(module: RecordedModule) -> Any:
        found: Any = module
        for part in name.split("."):
            found = getattr(found, part)
        return found

    assert find(RecordedModule()).__signature__
    stock = [
        name for name in RECORD
        if name.startswith(("nn.embedding", "nn.safe_embedding", "ConfigProto", "OptimizerOptions",
                            "train.S", "train.C"))
    ]
    if name in stock:
        assert not hasattr(find(RecordedModule(missing=[name])), "_calls")
    else:
        with pytest.raises(AttributeError):
            find(RecordedModule(missing=[name]))


def test_calls_are_noted_with_their_defaults(module: RecordedModule) -> None:
    ev(module, key_dtype=tf.int64)
    module.nn.embedding_lookup(tf.ones([3, 2]), [0])
    assert module.names() == ["get_embedding_variable", "nn.embedding_lookup"]
    given, = module.of("get_embedding_variable")
    assert (given["name"], given["embedding_dim"], given["partitioner"]) == ("ev", 4, None)
    assert module.of("nn.embedding_lookup")[0]["partition_strategy"] == "mod"


def run(build: Callable[[], Any]) -> Any:
    made = build()
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        return session.run(made)


@pytest.mark.parametrize("parts", [1, 3])
def test_lookups_of_an_embedding_variable(module: RecordedModule, parts: int) -> None:
    def build() -> Any:
        variable = ev(module, partitioner=tf.fixed_size_partitioner(parts) if parts > 1 else None)
        rows = module.nn.embedding_lookup(variable, ids(7, 5000, 904, 7))
        sparse = module.nn.embedding_lookup_sparse(variable, lists([7, 5000], [904]), None,
                                                   combiner="mean")
        safe = module.nn.safe_embedding_lookup_sparse(variable, lists([7, 5000], [], [904]), None,
                                                      "sum")
        return rows, sparse, safe, tf.gradients(sparse, tf.trainable_variables())

    rows, sparse, safe, gradients = run(build)
    np.testing.assert_allclose(rows[0], rows[3])
    np.testing.assert_allclose(sparse[0], (rows[0] + rows[1]) / 2, rtol=1e-6)
    np.testing.assert_allclose(safe, [rows[0] + rows[1], np.zeros(4), rows[2]], rtol=1e-6)
    assert len(gradients) == parts and sum(len(part.indices) for part in gradients) == 3
    if parts == 1:
        np.testing.assert_allclose(rows[1], rows[2])  # 5000 mod 4096 = 904


def test_rows_of_the_other_tables(module: RecordedModule) -> None:
    def build() -> Any:
        dynamic = module.get_dynamic_dimension_embedding_variable("d", 2, 3)
        multihash = module.get_multihash_variable("m", dims=[[5, 4], [5, 4]], dtype=tf.float32)
        hashed, table = tf.get_variable("h", [8, 4]), ev(module)
        adaptive = module.nn.safe_adaptive_embedding_lookup_sparse(
            hashed, table, lists([3], [900], [3]), ids(4),
            adaptive_mask_tensor=tf.constant([0, 1, 0]))
        blocks = tf.constant([0, 2, 3])
        rows = module.nn.embedding_lookup(dynamic, ids(1, 1, 1), blocknums=blocks)
        hashed_twice = module.nn.embedding_lookup(multihash, ids(13))
        return rows, hashed_twice, list(multihash), adaptive, hashed, table.rows

    dynamic, multihash, (quotients, remainders), adaptive, hashed, table = run(build)
    assert (dynamic != 0).sum(axis=1).tolist() == [0, 4, 6]
    np.testing.assert_allclose(multihash[0], quotients[2] + remainders[3])
    np.testing.assert_allclose(adaptive, [hashed[3], table[900], hashed[3]])


def test_kept_weights_are_float32_and_read_as_bfloat16(module: RecordedModule) -> None:
    with module.variable_scope("a").keep_weights(dtype=tf.float32):
        read, other = tf.get_variable("w", [2], tf.bfloat16), tf.get_variable("v", [2])
    assert (read.dtype, other.dtype.base_dtype) == (tf.bfloat16, tf.float32)
    assert [v.dtype.base_dtype for v in tf.trainable_variables()] == [tf.float32, tf.float32]

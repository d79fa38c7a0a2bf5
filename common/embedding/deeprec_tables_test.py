from typing import Any, Optional

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from common.config.tables import Eviction, Settings
from common.deeprec import recorded_api
from common.deeprec.recorded_api import RecordedModule
from common.embedding import deeprec_tables
from common.embedding.deeprec_tables import DeepRecTable, DeepRecTables
from common.embedding.kinds import Kind
from common.embedding.table_spec import TableSpec

NOTHING = {
    "ev": False, "adaptive_emb": False, "dynamic_ev": False, "multihash": False, "ev_filter": None,
    "ev_elimination": None
}


def make(
        config: DeepRecTables,
        width: int = 4,
        buckets: int = 1000,
        stddev: float = 1.0,
) -> DeepRecTable:
    return deeprec_tables.get({}, config,
                              TableSpec("t/embedding_weights", buckets, width, stddev, "t"))


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Any:
    with tf.Graph().as_default():
        yield recorded_api.install(monkeypatch)


def test_stock_tensorflow_has_none_of_these_tables() -> None:
    assert deeprec_tables.of_flags(dict(NOTHING, ev=True), Settings(), 9) is None


@pytest.mark.parametrize("flags, kind", [
    ({}, None), ({"ev": True, "ev_filter": "cbf"}, Kind.EV),
    ({"ev": True, "adaptive_emb": True, "ev_elimination": "l2"}, Kind.ADAPTIVE),
    ({"dynamic_ev": True, "ev": True}, Kind.DYNAMIC), ({"multihash": True}, Kind.MULTIHASH)])
def test_the_most_special_table_is_taken(
        module: RecordedModule,
        flags: dict,
        kind: Optional[Kind],
) -> None:
    settings = Settings("cbf", 5, eviction=Eviction("l2", 7, 0.5), servers=2)
    expected = DeepRecTables(kind, settings, 9) if kind else None
    assert deeprec_tables.of_flags(dict(NOTHING, **flags), settings, 9) == expected


@pytest.mark.parametrize("missing, flags", [("CBFFilter", {"ev": True, "ev_filter": "counter"}),
                                            ("L2WeightEvict", {"ev": True, "ev_elimination": "l2"}),
                                            ("get_multihash_variable", {"multihash": True}),
                                            ("InitializerOption", {"adaptive_emb": True})])
def test_an_old_deeprec_serves_all_of_a_table_or_nothing(
        missing: str,
        flags: dict,
        monkeypatch: pytest.MonkeyPatch,
) -> None:
    recorded_api.install(monkeypatch, missing=[missing])
    assert deeprec_tables.of_flags(dict(NOTHING, **flags), Settings(), 9) is None


def test_a_table_is_made_once_in_a_scope(module: RecordedModule) -> None:
    known, tables = {}, []
    spec = TableSpec("t/embedding_weights", 100, 4, 0.01, "t")
    for scope in ("a", "a", "b"):
        with tf.variable_scope(scope, reuse=tf.AUTO_REUSE):
            tables.append(deeprec_tables.get(known, DeepRecTables(Kind.EV), spec))
    assert tables[0] is tables[1] and tables[0] is not tables[2]
    assert len(module.of("get_embedding_variable")) == 2
    seeds = [given["initializer"].seed for given in module.of("InitializerOption")]
    assert seeds[0] != seeds[1]


@pytest.mark.parametrize("dimension, blocks", [(16, 4), (18, 3), (7, 1), (10, 2)])
def test_blocks_divide_the_width(module: RecordedModule, dimension: int, blocks: int) -> None:
    make(DeepRecTables(Kind.DYNAMIC), dimension, 100)
    given, = module.of("get_dynamic_dimension_embedding_variable")
    assert (given["embedding_block_num"],
            given["embedding_block_dimension"]) == (blocks, dimension // blocks)


def test_every_id_of_a_multi_hash_table_has_rows_of_its_own(module: RecordedModule) -> None:
    make(DeepRecTables(Kind.MULTIHASH), 4, 100000)
    given, = module.of("get_multihash_variable")
    assert given["dims"] == [[317, 4], [317, 4]] and 317 ** 2 >= 100000 > 316 ** 2
    assert (given["operation"], given["complementary_strategy"], given["dtype"]) == ("add", "Q-R",
                                                                                     tf.float32)


def by_step(module: RecordedModule, config: DeepRecTables, width: int, steps: int) -> list:
    """The rows of ids 7, 7 and 2007 in each training step, or which of them are hot."""
    table = make(config, width, 100000)
    rows = deeprec_tables.rows(table, tf.constant([7, 7, 2007], tf.int32))
    masks = [
        given["adaptive_mask_tensor"]
        for given in module.of("nn.safe_adaptive_embedding_lookup_sparse")
    ]
    gradients = [
        gradient for gradient in tf.gradients(rows, tf.trainable_variables())
        if gradient is not None
    ]
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        return [session.run([masks[0] if masks else rows, gradients])[0] for _ in range(steps)]


def test_rows_of_dynamic_dimension_grow_with_the_counts(module: RecordedModule) -> None:
    used = [(rows != 0).sum(axis=1).tolist()
            for rows in by_step(module, DeepRecTables(Kind.DYNAMIC, often=2), 16, 18)]
    assert used[0] == [4, 4, 4] and used[1] == [8, 8, 4] and used[2] == [8, 8, 8] and used[4] == [
        12, 12, 8
    ]
    assert used[16] == [16, 16, 12]


def test_adaptive_rows_move_to_the_embedding_variable_when_hot(module: RecordedModule) -> None:
    hot = [mask.tolist() for mask in by_step(module, DeepRecTables(Kind.ADAPTIVE), 4, 9)]
    given, = module.of("nn.safe_adaptive_embedding_lookup_sparse")
    assert given["hash_embedding_weights"].shape.as_list() == [100000 // 8, 4]
    assert hot == 4 * [[0, 0, 0]] + 4 * [[1, 1, 0]] + [[1, 1, 1]]


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.FIXED])
@pytest.mark.parametrize("servers", [0, 2])
def test_rows_and_their_gradients(module: RecordedModule, kind: Kind, servers: int) -> None:
    table = make(DeepRecTables(kind, Settings(servers=servers)))
    ids = tf.placeholder_with_default(np.array([5, 999, 5], np.int32), [None])
    rows = deeprec_tables.rows(table, ids)
    assert rows.shape[-1].value == 4
    gradients = tf.gradients(rows, tf.trainable_variables())
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        got = session.run(rows)
        assert got.shape == (3, 4) and (got[0] == got[2]).all() and got[0, 0] != got[1, 0]
        assert session.run(rows, {ids: []}).shape == (0, 4)
        assert any(gradient is not None for gradient in gradients)


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("combiner", ["mean", "sum"])
def test_lists_count_each_occurrence(module: RecordedModule, fused: bool, combiner: str) -> None:
    table = make(DeepRecTables(Kind.EV))
    values, splits = tf.constant([3, 8, 8], tf.int32), tf.constant([0, 2, 2, 3], tf.int64)
    ragged = tf.RaggedTensor.from_row_splits(values, splits)
    lists = deeprec_tables.combined(table, ragged, tf.constant([2.0, 1.0, 1.0]), combiner, fused)
    given = module.of(
        "nn.fused_embedding_lookup_sparse" if fused else "nn.safe_embedding_lookup_sparse")[0]
    items = given["sp_ids"] if fused else given["sparse_ids"]
    rows = deeprec_tables.rows(table, tf.constant([3, 8]))
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        got, (three, eight), sparse = session.run([lists, rows, items])
    assert sparse.values.tolist() == [3, 3, 8, 8] and sparse.indices[:, 0].tolist() == [0, 0, 0, 2]
    first = 2 * three + eight
    np.testing.assert_allclose(got,
                               [first / 3 if combiner == "mean" else first,
                                np.zeros(4), eight],
                               rtol=1e-5)


@pytest.mark.parametrize("kind, servers, expected", [(Kind.EV, 0, True), (Kind.EV, 1, True),
                                                     (Kind.EV, 2, False),
                                                     (Kind.MULTIHASH, 0, False)])
def test_which_tables_combine_lists(
        module: RecordedModule,
        kind: Kind,
        servers: int,
        expected: bool,
) -> None:
    assert make(DeepRecTables(kind, Settings(servers=servers))).combines is expected

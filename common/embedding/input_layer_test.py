from typing import Dict, Sequence

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from common import layers
from common.config.schema import Column, Schema
from common.config.toggles import Toggles
from common.embedding import input_layer
from common.embedding.input_layer import Embedding
from common.pipeline import dataset, raw, tf_path
from common.pipeline.row_order import Stream
from common.testing import graphs, toy
from common.testing.toy import SCHEMA


def run(tmp_path: object, config: Embedding, combiner: str = "mean", rows: int = 60,
        widths: Sequence[int] = 7 * (0,)) -> tuple:
    """Embeddings of random rows, the tables' gradients as dense arrays, and the tables."""
    schema = SCHEMA._replace(columns=tuple(
        column._replace(combiner=combiner, width=width)
        for column, width in zip(SCHEMA.columns, widths)))
    data = toy.open_toy(tmp_path, toy.random_rows(3, rows), toy.random_rows(3, 5))
    make = tf_path.tf_input(data.train, data, Stream(rows), False) if config.toggles.tf else (
        dataset.columnar_input(data.train, data, Stream(rows)))
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(1)
        features, _ = tf.data.make_one_shot_iterator(make()).get_next()
        embedded = input_layer.embed(features, schema.group("all"), "all", config)
        variables = tf.trainable_variables()
        gradients = [
            tf.convert_to_tensor(g) for g in tf.gradients(tf.reduce_sum(embedded ** 2), variables)
        ]
        session.run([tf.global_variables_initializer(), tf.tables_initializer()])
        got, slopes, tables = session.run([embedded, gradients, variables])
    return got, dict(zip([v.op.name for v in variables], slopes)), dict(
        zip([v.op.name for v in variables], tables))


@pytest.mark.slow
@pytest.mark.parametrize("fused", [Toggles(), Toggles(emb_fusion=True)])
@pytest.mark.parametrize("combiner", ["mean", "sum"])
def test_all_ways_make_the_same_tables_embeddings_and_gradients(
        tmp_path: object,
        combiner: str,
        fused: Toggles,
) -> None:
    plain, community = [
        run(tmp_path, Embedding(4, toggles), combiner) for toggles in (fused, Toggles(tf=True))
    ]
    assert plain[0].shape == (60, 4 * 4)
    np.testing.assert_allclose(plain[0], community[0], rtol=1e-5, atol=1e-8)
    assert sorted(plain[2]) == ["all/input_layer/{}_embedding/embedding_weights".format(name)
                                for name in ("kind", "size", "tags", "user")]
    for got, expected in zip(plain[1:], community[1:]):
        assert sorted(got) == sorted(expected)
        for name in got:
            np.testing.assert_allclose(got[name], expected[name], rtol=1e-4, atol=1e-7)


@pytest.mark.slow
@pytest.mark.parametrize("fused", [Toggles(), Toggles(emb_fusion=True)])
def test_columns_have_widths_of_their_own(tmp_path: object, fused: Toggles) -> None:
    widths = [0, 0, 3, 8, 0, 0, 5]  # of the user, the kind and the tags
    plain, community = [run(tmp_path, Embedding(4, toggles), widths=widths)
                        for toggles in (fused, Toggles(tf=True))]
    assert plain[0].shape == (60, 3 + 8 + 4 + 5)
    np.testing.assert_allclose(plain[0], community[0], rtol=1e-5, atol=1e-8)
    shapes = {name.split("/")[2]: table.shape[1] for name, table in plain[2].items()}
    assert shapes == {"kind_embedding": 8, "size_embedding": 4, "tags_embedding": 5,
                      "user_embedding": 3}
    for name, gradient in community[1].items():
        np.testing.assert_allclose(plain[1][name], gradient, rtol=1e-4, atol=1e-7)


def numpy_mean(features: Dict[str, np.ndarray], table: np.ndarray) -> np.ndarray:
    rows = []
    values, splits, weights = [
        features["tags." + field] for field in ("values", "row_splits", "weights")
    ]
    for low, high in zip(splits[:-1], splits[1:]):
        items = [table[v] * w for v, w in zip(values[low:high], weights[low:high])]
        rows.append(sum(items) / sum(weights[low:high]) if items else np.zeros(table.shape[1]))
    return np.stack(rows)


@pytest.mark.parametrize("fused", [False, True])
def test_lists_are_weighted_means_and_zeros_when_empty(tmp_path: object, fused: bool) -> None:
    data = toy.open_toy(tmp_path, toy.random_rows(3, 60) + [["1", "0", "u", "", "", "", "|"]],
                        toy.random_rows(3, 5))
    features = graphs.read_batches(dataset.columnar_input(data.train, data, Stream(61)))[0]
    with tf.Graph().as_default(), tf.Session() as session:
        tensors = {name: tf.constant(value) for name, value in features.items()}
        embedded = input_layer.embed(tensors, SCHEMA.group("all"), "all",
                                     Embedding(4, Toggles(emb_fusion=fused)))
        session.run(tf.global_variables_initializer())
        got, tables = session.run([embedded, {v.op.name: v for v in tf.trainable_variables()}])
    table = tables["all/input_layer/tags_embedding/embedding_weights"]
    np.testing.assert_allclose(got[:, 8:12], numpy_mean(features, table), rtol=1e-5, atol=1e-8)
    assert not got[60, 8:12].any()


@pytest.mark.parametrize("on", [False, True])
def test_partitioned_tables_give_partitioned_variables_and_embeddings(
        tmp_path: object,
        on: bool,
) -> None:
    config = Embedding(4, Toggles(tf=on), layers.partitioner(4000))
    got, gradients, tables = run(tmp_path, config)
    parts = [name for name in tables if "user_embedding" in name]
    assert len(parts) == 4 and sum(len(tables[name]) for name in parts) == 1000
    assert got.shape == (60, 16) and all(np.isfinite(g).all() for g in gradients.values())
    assert len({tables[name].tobytes() for name in parts}) == 4


@pytest.mark.parametrize("slice_bytes", [0, 400])
def test_columns_of_one_table_share_it_in_both_ways(slice_bytes: int) -> None:
    columns = [
        Column("b", "hash", 50, table="t"),
        Column("a", "hash", 50, separator=";", default="", table="t"),
        Column("c", "words", words=("x", "y")),
        Column("d", "hash", 50)
    ]
    schema = Schema("s", tuple(columns), "x", "y", "b", "m")
    raw_columns = {
        "a": ["p;q;q", "", "z"], "b": ["p", "u", ""], "c": ["x", "y", "x"], "d": ["1", "2", "3"]
    }
    results = []
    for on in (False, True):
        with tf.Graph().as_default(), tf.Session() as session:
            tf.set_random_seed(1)
            features = raw.decode({name: tf.constant(v) for name, v in raw_columns.items()}, schema,
                                  raw.make_tables(schema, {}), as_columns=on)
            config = Embedding(4, Toggles(tf=on, emb_fusion=not on),
                               layers.partitioner(slice_bytes))
            embedded = input_layer.embed(features, columns, "in", config)
            graphs.initialize(session)
            tables = {
                name.split("/part_")[0]
                for name in (v.op.name for v in tf.trainable_variables())
            }
            results.append((session.run(embedded), tables))
    np.testing.assert_allclose(results[0][0], results[1][0], rtol=1e-5, atol=1e-8)
    assert results[0][1] == results[1][1] == {
        "in/input_layer/{}_embedding/embedding_weights".format(name) for name in ("t", "c", "d")}
    assert not results[0][0][1, :4].any()  # an empty list

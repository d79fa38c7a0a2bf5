from typing import Dict, List

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from common.kernels import native
from common.kernels.embedding import lookup
from common.kernels.embedding.lookup import Lookup

pytestmark = pytest.mark.skipif(native.load().ops is None, reason=native.load().reason)


def random_columns(rng: np.random.Generator, batch: int,
                   sizes: List[int]) -> List[Dict[str, object]]:
    """Six columns of three tables: ids, lists as sums and as means, some of them empty."""
    columns: List[Dict[str, object]] = []
    for place, table in enumerate([0, 2, 1, 0, 1, 2]):
        if place % 2:
            lengths = rng.integers(0, 5, batch)
            ids = rng.integers(0, sizes[table], lengths.sum())
            columns.append(
                dict(table=table, ids=ids, row_splits=np.concatenate([[0], np.cumsum(lengths)]),
                     weights=rng.integers(1, 4, len(ids)), mean=place == 1))
        else:
            columns.append(dict(table=table, ids=rng.integers(0, sizes[table], batch)))
    return columns


def oracle(tables: List[np.ndarray], columns: List[Dict[str, object]], batch: int) -> np.ndarray:
    """The same row by row."""
    rows = []
    for row in range(batch):
        parts = []
        for column in columns:
            table = tables[column["table"]]
            low, high = column["row_splits"][row:row + 2] if "row_splits" in column else (row,
                                                                                          row + 1)
            weights = column["weights"][low:high] if "row_splits" in column else [1]
            total = sum([w * table[i] for i, w in zip(column["ids"][low:high], weights)],
                        np.zeros(table.shape[1]))
            parts.append(total / max(sum(weights), 1) if column.get("mean") else total)
        rows.append(np.concatenate(parts))
    return np.array(rows).reshape(batch, sum(
        tables[column["table"]].shape[1] for column in columns))


def as_lookups(columns: List[Dict[str, object]]) -> List[Lookup]:
    types = {"ids": tf.int32, "row_splits": tf.int64, "weights": tf.float32}
    return [Lookup(**{name: tf.constant(value, types[name]) if name in types else value
                      for name, value in column.items()}) for column in columns]


@pytest.mark.parametrize("batch, rows", [(0, 1000), (1, 1000), (9, 1000), (200, 1000),
                                         (600, 100000)])
def test_embeddings_and_gradients_against_numpy(batch: int, rows: int) -> None:
    rng = np.random.default_rng(batch)
    sizes, widths = [50, 7, rows], [4, 1, 18]
    tables = [rng.standard_normal(shape) for shape in zip(sizes, widths)]
    columns = random_columns(rng, batch, sizes)
    expected = oracle(tables, columns, batch)
    upstream = rng.standard_normal(expected.shape)
    with tf.Graph().as_default(), tf.Session() as session:
        tensors = [tf.constant(table, tf.float32) for table in tables]
        embedded = lookup.lookup(tensors, as_lookups(columns))
        assert embedded.shape.as_list() == [batch, expected.shape[1]]
        slices = tf.gradients(embedded, tensors, tf.constant(upstream, tf.float32))
        assert all(lookup.is_of_lookups(one) for one in slices)
        assert all(lookup.summed(one, table) is one for one, table in zip(slices, tensors))
        got, gradients = session.run([embedded, slices])
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)
    for i, gradient in enumerate(gradients):
        assert len(set(gradient.indices)) == len(gradient.indices)
        dense = np.zeros_like(tables[i])
        dense[gradient.indices] = gradient.values
        np.testing.assert_allclose(dense, scattered(i, tables, columns, upstream), rtol=1e-4,
                                   atol=1e-4)


@pytest.mark.parametrize("batch", [0, 1, 50])
def test_gradients_of_several_lookups_of_one_table_are_summed(batch: int) -> None:
    rng = np.random.default_rng(batch)
    table, upstream = rng.standard_normal([20, 3]), rng.standard_normal([3, batch, 3])
    ids = rng.integers(0, 20, [3, batch])
    with tf.Graph().as_default(), tf.Session() as session:
        tensor = tf.constant(table, tf.float32)
        looked_up = [
            lookup.lookup([tensor], [lookup.Lookup(0, tf.constant(some, tf.int32))]) for some in ids
        ]
        slices = tf.gradients(looked_up, tensor,
                              [tf.constant(one, tf.float32) for one in upstream])[0]
        assert lookup.is_of_lookups(slices)
        assert not lookup.is_of_lookups(
            tf.gradients([looked_up[0], tf.gather(tensor, ids[0])], tensor)[0])
        values, indices, _ = session.run(lookup.summed(slices, tensor))
    assert len(set(indices)) == len(indices) and set(indices) == set(ids.ravel())
    expected = np.zeros_like(table)
    np.add.at(expected, ids, upstream)
    np.testing.assert_allclose(values, expected[indices], rtol=1e-5, atol=1e-5)


def scattered(number: int, tables: List[np.ndarray], columns: List[Dict[str, object]],
              upstream: np.ndarray) -> np.ndarray:
    """A table's gradient, item by item."""
    slope, offset = np.zeros_like(tables[number]), 0
    for column in columns:
        width = tables[column["table"]].shape[1]
        for row in range(len(upstream) if column["table"] == number else 0):
            low, high = column["row_splits"][row:row + 2] if "row_splits" in column else (row,
                                                                                          row + 1)
            weights = column["weights"][low:high] if "row_splits" in column else [1]
            for item, weight in zip(column["ids"][low:high], weights):
                share = weight / max(sum(weights), 1) if column.get("mean") else weight
                slope[item] += share * upstream[row, offset:offset + width]
        offset += width
    return slope


def bad(**changes: object) -> Dict[str, object]:
    return dict(dict(table=0, ids=[1, 2, 0], row_splits=[0, 1, 3], weights=[1, 1, 1]), **changes)


@pytest.mark.parametrize("columns, message", [
    ([bad(ids=[1, 3, 0])], "an id must be of 0 to 2. Got: 3"),
    ([dict(table=0, ids=[0, -1])], "an id must be of 0 to 2. Got: -1"),
    ([dict(table=1, ids=[0, 1])], "table_of must be of 0 to 0. Got: 1"),
    ([dict(table=0, ids=[0, 1]), dict(table=0, ids=[0])
      ], "columns must have as many rows. Got: 2 and 1"),
    ([dict(table=0, ids=[0, 1]), bad(row_splits=[0, 3])], "a list's splits must be 3. Got: 2"),
    ([bad(row_splits=[0, 4, 3])], "a list's splits must ascend from 0 to its 3 items"),
    ([bad(row_splits=[0, 1, 2])], "a list's splits must ascend from 0 to its 3 items"),
    ([bad(row_splits=[])], "a list's splits must be 0"),
    ([bad(weights=[1])], "a list must have a weight for each of its 3 items. Got: 1"),
])
def test_columns_that_cannot_be_looked_up(columns: List[Dict[str, object]], message: str) -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        with pytest.raises(tf.errors.InvalidArgumentError, match=message):
            session.run(lookup.lookup([tf.ones([3, 2])], as_lookups(columns)))


def test_a_table_is_a_matrix() -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        table = tf.placeholder_with_default(tf.ones([3]), None)
        with pytest.raises(tf.errors.InvalidArgumentError,
                           match=r"a table must be \[V, D\]. Got: \[3\]"):
            session.run(lookup.lookup([table], as_lookups([dict(table=0, ids=[0])])))


@pytest.mark.parametrize("wanted", [3, -1])
def test_gradients_of_ids_that_are_not_there(wanted: int) -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        made = native.load().ops.zoo_lookup_grad([tf.ones([3, 2])], [tf.constant([0, wanted])], [],
                                                 [], [], tf.ones([2, 2]), table_of=[0],
                                                 place_of=[0], mean=[])
        with pytest.raises(tf.errors.InvalidArgumentError,
                           match="an id must be of 0 to 2. Got: {}.".format(wanted)):
            session.run(made)

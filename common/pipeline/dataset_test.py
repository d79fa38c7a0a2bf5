import itertools
import os
import time
from typing import Dict, List

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from common.config.schema import Column, Schema
from common.errors import BadInput
from common.formats import csv_file
from common.kernels.native import Native
from common.pipeline import batches, dataset, row_order, source, tf_path
from common.pipeline.dataset import Begin
from common.pipeline.features import Ragged, feature_names
from common.pipeline.row_order import Stream
from common.testing import graphs, toy
from common.testing.toy import SCHEMA
from data import conversion, taobao

TEST = toy.random_rows(9, 20)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_file, "CHUNK_ROWS", 30)


def rows_of(data: source.Data, stream: Stream, batches: int) -> List[List[int]]:
    read = graphs.read_batches(dataset.columnar_input(data.train, data, stream), batches)
    return [batch[dataset.ROW].tolist() for batch in read]


@pytest.mark.parametrize("parquet", [False, True])
@pytest.mark.parametrize("size, batch_size, epochs, shuffle_rows",
                         [(101, 10, 1, 0), (101, 10, 3, 0), (101, 10, 3, 25), (100, 7, 2, 1000),
                          (5, 16, 5, 3), (1, 1, 4, 0), (64, 64, 2, 64)])
def test_every_row_once_an_epoch(tmp_path: object, parquet: bool, size: int, batch_size: int,
                                 epochs: int, shuffle_rows: int) -> None:
    data = toy.open_toy(tmp_path, toy.random_rows(1, size), TEST, parquet)
    batches = rows_of(data, Stream(batch_size, epochs, shuffle_rows, seed=3), 1 << 30)
    assert {len(batch) for batch in batches[:-1]} <= {batch_size}
    assert 0 < len(batches[-1]) <= batch_size
    rows = sum(batches, [])
    assert len(rows) == size * epochs
    for epoch in range(epochs):
        assert sorted(rows[epoch * size:(epoch + 1) * size]) == list(range(size))
    if not shuffle_rows:
        assert rows == epochs * list(range(size))


def test_shuffling_mixes_rows_and_differs_by_epoch_and_seed(tmp_path: object) -> None:
    data = toy.open_toy(tmp_path, toy.random_rows(1, 300), TEST)
    first, second = [sum(rows_of(data, Stream(50, 2, 100, seed), 99), []) for seed in (0, 1)]
    assert first[:300] != first[300:] and first != second
    assert first == sum(rows_of(data, Stream(50, 2, 100, 0), 99), [])
    # A batch is drawn from several chunks and no run of neighbours survives.
    assert len({row // 30 for row in first[:50]}) >= 3
    assert sum(b == a + 1 for a, b in zip(first, first[1:])) < 20


@pytest.mark.parametrize("shuffle_rows", [0, 64])
@pytest.mark.parametrize("max_bad_rows", [0, 3])
@pytest.mark.parametrize("step", [0, 1, 7, 12, 40])
def test_a_resumed_stream_goes_on_with_the_rows_not_yet_seen(tmp_path: object, shuffle_rows: int,
                                                             max_bad_rows: int, step: int) -> None:
    rows = toy.random_rows(1, 130)
    for bad in range(max_bad_rows):
        rows[bad * 40] = ["2"] * 7
    data = toy.open_toy(tmp_path, rows, TEST, max_bad_rows=max_bad_rows)
    stream = Stream(10, 0, shuffle_rows, seed=5)
    whole = rows_of(data, stream, 50)
    resumed = rows_of(data, stream._replace(start_row=step * 10), 50 - step)
    assert resumed == whole[step:]
    assert data.train_rows == 130 - max_bad_rows


@pytest.mark.slow
@pytest.mark.parametrize("shuffle_rows", [0, 64])
@pytest.mark.parametrize("bad", [(), (3, 77)])
def test_tf_input_resumes_and_knows_its_rows(tmp_path: object, shuffle_rows: int,
                                             bad: tuple) -> None:
    rows = toy.random_rows(1, 130)
    for number, row in enumerate(rows):
        row[2] = "u{}".format(number)
    for number in bad:
        rows[number] = ["2"] * 7
    data = toy.open_toy(tmp_path, rows, TEST, max_bad_rows=len(bad), check_all=True)
    stream = Stream(10, 0, shuffle_rows, seed=5)

    def users(start: int, count: int) -> List[List[bytes]]:
        read = tf_path.tf_input(data.train, data, stream._replace(start_row=start),
                                with_users=False)
        return [batch["user"].tolist() for batch in graphs.read_batches(read, count)]

    whole = users(0, 30)
    assert users(70, 23) == whole[7:]
    epoch = sum(whole, [])[:130 - len(bad)]
    assert sorted(epoch) == sorted(row[2].encode() for i, row in enumerate(rows) if i not in bad)
    found = tf_path.rows_of_batch(data.train, data, stream._replace(start_row=70))
    assert [rows[row][2].encode() for row in found] == whole[7]


def test_trailing_blank_lines_are_no_rows_of_tf_input(tmp_path: object) -> None:
    data = toy.open_toy(tmp_path, toy.random_rows(1, 5), TEST)
    with open(data.train.path, "a") as file:
        file.write("\n\n")
    data = source.open_data(str(tmp_path), SCHEMA, False, 0, check_all=True)
    assert data.train_rows == 5
    batches = graphs.read_batches(tf_path.tf_input(data.train, data, Stream(2), with_users=True))
    assert [len(batch["y"]) for batch in batches] == [2, 2, 1]


def test_bad_rows_are_found_at_once_or_when_read(tmp_path: object) -> None:
    rows = toy.random_rows(1, 100)
    rows[60][0] = "7"
    with pytest.raises(BadInput, match="row 61, column 'y': '7' is given, expected 0 or 1"):
        toy.open_toy(tmp_path, rows, TEST, check_all=True)
    data = toy.open_toy(tmp_path, rows, TEST)
    with pytest.raises(tf.errors.OpError):
        rows_of(data, Stream(10), 99)
    assert "row 61, column 'y'" in str(data.bad_rows.error)
    with pytest.raises(BadInput, match="toy_test: not one row can be used"):
        toy.open_toy(tmp_path, rows, [["x"] * 7], max_bad_rows=5)


def as_weights(batch: Dict[str, np.ndarray], name: str) -> List[Dict[int, float]]:
    ragged = Ragged(*[batch[field] for field in feature_names(name)])
    return [dict(zip(ragged.values[low:high].tolist(), ragged.weights[low:high].tolist()))
            for low, high in zip(ragged.row_splits[:-1], ragged.row_splits[1:])]


def hashed_lists(strings: tf.SparseTensorValue, buckets: int, size: int) -> List[Dict[int, float]]:
    with tf.Graph().as_default(), tf.Session() as session:
        ids = session.run(tf.strings.to_hash_bucket_fast(strings.values, buckets)) if len(
            strings.values) else []
    lists: List[Dict[int, float]] = [{} for _ in range(size)]
    for (row, _), id_ in zip(strings.indices, ids):
        lists[row][int(id_)] = lists[row].get(int(id_), 0.0) + 1.0
    return lists


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists(toy.TAOBAO_SAMPLE),
                    reason="the real Taobao rows are not beside the project")
def test_both_paths_give_the_embeddings_the_same_inputs_on_real_rows(tmp_path: object) -> None:
    for name in (taobao.SCHEMA.train_file, taobao.SCHEMA.test_file):
        os.symlink(os.path.abspath(toy.TAOBAO_SAMPLE), os.path.join(str(tmp_path), name))
    conversion.convert(taobao.SCHEMA, toy.TAOBAO_SAMPLE,
                       os.path.join(str(tmp_path), taobao.SCHEMA.train_file + ".parquet"))
    schema = taobao.SCHEMA
    csv = source.open_data(str(tmp_path), schema, False, 0, check_all=True)
    parquet = source.open_data(str(tmp_path), schema, True, 0, check_all=True)
    assert csv.train_rows == parquet.train_rows == 5078
    community = graphs.read_batches(tf_path.tf_input(csv.train, csv, Stream(512), with_users=True))
    for data in (csv, parquet):
        columnar = graphs.read_batches(dataset.columnar_input(data.train, data, Stream(512)))
        assert len(columnar) == len(community) == 10
        for ours, theirs in zip(columnar, community):
            assert_same_inputs(ours, theirs)


def assert_same_inputs(ours: Dict[str, np.ndarray], theirs: Dict[str, np.ndarray]) -> None:
    schema = taobao.SCHEMA
    size = len(ours["clk"])
    with tf.Graph().as_default(), tf.Session() as session:
        hashed = session.run({c.name: tf.strings.to_hash_bucket_fast(theirs[c.name], c.buckets)
                              for c in schema.scalars if c.kind == "hash"})
    for column in schema.scalars:
        np.testing.assert_array_equal(ours[column.name], hashed.get(
            column.name, theirs[column.name]), column.name)
    for column in schema.lists:
        assert as_weights(ours, column.name) == hashed_lists(theirs[column.name], column.buckets,
                                                             size)
    for label in schema.labels:
        np.testing.assert_array_equal(ours[label.name], theirs[label.name])
    pairs = set(zip(ours[dataset.USER].tolist(), theirs[dataset.USER].tolist()))
    assert len(pairs) == len(set(ours[dataset.USER].tolist())) == len(
        set(theirs[dataset.USER].tolist()))


@pytest.mark.slow
def test_rows_are_read_ahead_only_if_wanted(tmp_path: object,
                                            monkeypatch: pytest.MonkeyPatch) -> None:
    data = toy.open_toy(tmp_path, toy.random_rows(1, 2000), TEST, parquet=True)
    monkeypatch.setattr(row_order, "_FILE_ORDER_WINDOW", 50)
    fetch = data.train.fetch
    for ahead in (False, True):
        reads: List[int] = []
        monkeypatch.setattr(data.train, "fetch", lambda *args, **kwargs: (
            reads.append(1) or fetch(*args, **kwargs)))
        make = dataset.columnar_input(data.train, data, Stream(50), ahead=ahead)
        with tf.Graph().as_default(), tf.Session() as session:
            session.run(tf.data.make_one_shot_iterator(make()).get_next())
            time.sleep(0.3)
        assert (len(reads) > 2) is ahead


def test_shards_of_tf_input_are_read_once(tmp_path: object) -> None:
    data = toy.open_toy(tmp_path, toy.random_rows(1, 103), TEST)
    for shards in (1, 2, 4):
        parts = [
            tf_path.rows_of_batch(data.train, data,
                                  Stream(1000, 1, 16, 3, shard=shard, shards=shards))
            for shard in range(shards)
        ]
        assert sorted(sum(parts, [])) == list(range(103))


def test_more_parts_than_rows(tmp_path: object) -> None:
    data = toy.open_toy(tmp_path, toy.random_rows(1, 3), TEST)
    for make in (dataset.columnar_input, lambda *args: tf_path.tf_input(*args, with_users=False)):
        with pytest.raises(BadInput,
                           match="of its 3 rows none is left for part 1 of 4. Train with fewer"):
            make(data.train, data, Stream(8, shard=0, shards=4))()


def test_rows_taken_before_are_left_out(tmp_path: object) -> None:
    data = toy.open_toy(tmp_path, toy.random_rows(1, 64), TEST)

    def read(taken: int) -> List[List[int]]:
        def make() -> tf.data.Dataset:
            place = [tf.constant("a name"), tf.constant(taken, tf.int64)]
            begin = Begin(place, lambda name, rows: Stream(8, 1, start_row=rows))
            return dataset.columnar_input(data.train, data, Stream(8, 1), begin=begin)()

        return [list(batch[dataset.ROW]) for batch in graphs.read_batches(make, 100)]

    assert len(read(0)) == 8 and read(24) == read(0)[3:]


@pytest.mark.parametrize("schema", [SCHEMA, SCHEMA.with_keys()], ids=["plain", "keys"])
@pytest.mark.parametrize("parquet", [False, True])
@pytest.mark.parametrize("batch_size", [1, 7, 64, 500])
def test_ids_of_batches_are_tensorflows(tmp_path: object, batch_size: int, parquet: bool,
                                        schema: Schema) -> None:
    rows = toy.random_rows(1, 101)
    data = toy.open_toy(tmp_path, rows, TEST, parquet, schema=schema)
    batches = graphs.read_batches(
        dataset.columnar_input(data.train, data, Stream(batch_size, 1, 30, seed=3)))
    order = sum([batch[dataset.ROW].tolist() for batch in batches], [])
    columns = dict(zip(toy.NAMES, zip(*[rows[i] for i in order])))
    for column in schema.named(["user", "kind"]):
        with tf.Graph().as_default(), tf.Session() as session:
            values = [value or column.default for value in columns[column.name]]
            expected = session.run(tf.strings.to_hash_bucket_fast(values, column.buckets))
        ids = np.concatenate([batch[column.name] for batch in batches])
        assert ids.dtype == batches[0]["size"].dtype == batches[0][
            "tags.values"].dtype == column.id_type
        assert ids.tolist() == expected.tolist()
    with tf.Graph().as_default(), tf.Session() as session:
        tags = [value or " " for value in columns["tags"]]
        items = session.run(tf.string_split(tags, "|"))
    found: List[Dict[int, float]] = sum([as_weights(batch, "tags") for batch in batches], [])
    assert found == hashed_lists(items, schema.named(["tags"])[0].buckets, len(rows))


@pytest.mark.parametrize("schema", [SCHEMA, SCHEMA.with_keys()], ids=["plain", "keys"])
def test_without_native_ops_batches_are_the_same(tmp_path: object, monkeypatch: pytest.MonkeyPatch,
                                                 schema: Schema) -> None:
    data = toy.open_toy(tmp_path, toy.random_rows(1, 101), TEST, schema=schema)
    read = dataset.columnar_input(data.train, data, Stream(10, 1, 25, seed=3))
    expected = graphs.read_batches(read)
    monkeypatch.setattr(batches.native, "load", lambda: Native(None, "no compiler"))
    for ours, plain in itertools.zip_longest(graphs.read_batches(read), expected):
        assert ours.keys() == plain.keys()
        for name in plain:
            assert ours[name].dtype == plain[name].dtype
            np.testing.assert_array_equal(ours[name], plain[name])


def with_user(kind: str) -> Schema:
    """The toy schema with a user that is a feature, is none, or is not there."""
    columns = []
    for column in SCHEMA.columns:
        if column.name == "user" and kind == "user":
            column = Column("user", "user")
        columns.append(column)
    user = "" if kind == "none" else "user"
    return Schema("toy", tuple(columns), "toy_train", "toy_test", user, "data/toy.py")


@pytest.mark.parametrize("parquet", [False, True])
@pytest.mark.parametrize("kind", ["hash", "user", "none"])
def test_users_are_told_apart_whether_they_are_features_or_not(tmp_path: object, kind: str,
                                                               parquet: bool) -> None:
    rows = [["1", "0", user, "x", "", "3", "a"] for user in ("7", "", "8", "7")]
    data = toy.open_toy(tmp_path, rows, rows, parquet, schema=with_user(kind))
    makes = [dataset.columnar_input(data.train, data, Stream(4))]
    if not parquet:
        makes.append(tf_path.tf_input(data.train, data, Stream(4), with_users=True))
    for make in makes:
        batch = graphs.read_batches(make, 1)[0]
        assert ("user" in batch) == (kind != "user")
        assert (dataset.USER in batch) == (kind != "none")
        if kind != "none":
            users = batch[dataset.USER].tolist()
            assert users[0] == users[3] and len(set(users)) == 3 and users[1] == -1

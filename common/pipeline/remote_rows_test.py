"""Rows in an object store against the same rows on a local disk."""

from typing import List

import numpy as np
import pytest

from common.errors import BadInput
from common.formats import reader
from common.pipeline import blocks, source, tf_path
from common.pipeline.blocks import Stream
from common.pipeline.source import Data
from common.testing import graphs, toy
from common.testing.object_store import ObjectStore

TRAIN, TEST = toy.random_rows(1, 500), toy.random_rows(2, 90)


def _ids(data: Data) -> List[object]:
    stream = Stream(16, 2, 100, 3)
    parts = list(blocks.read_blocks(data.train, data, stream))
    rows = np.concatenate([part.rows for part in parts]).tolist()
    ids = [np.concatenate([part.ids[column] for part in parts]).tolist()
           for column in range(len(parts[0].ids))]
    return [rows, ids]


def _open(folder: str, parquet: bool) -> Data:
    return source.open_data(folder, toy.SCHEMA, parquet, 0, False)


@pytest.mark.parametrize("parquet", [False, True])
def test_the_same_rows_come_from_a_store(
        parquet: bool, store: ObjectStore, tmp_path: object) -> None:
    local = toy.open_toy(tmp_path, TRAIN, TEST, parquet)
    remote = _open(store.put_folder("my rows", tmp_path), parquet)
    assert remote.train.path.startswith("s3://") and _ids(remote) == _ids(local)
    assert (remote.label_rates() == local.label_rates()).all()


@pytest.mark.slow
def test_compressed_text_and_lines_for_tensorflow_come_from_a_store(
        store: ObjectStore, tmp_path: object) -> None:
    toy.open_toy(tmp_path, TRAIN, TEST)
    plain = _open(store.put_folder("plain", tmp_path), False)
    for name in (toy.SCHEMA.train_file, toy.SCHEMA.test_file):
        path = "{}/{}".format(tmp_path, name)
        with open(path, "rb") as file:
            packed = toy.pack("gzip", file.read())
        with open(path, "wb") as file:
            file.write(packed)
    compressed = _open(store.put_folder("compressed", tmp_path), False)
    assert _ids(compressed) == _ids(plain)
    users = [row[2].encode() for row in TRAIN]
    for data in (plain, compressed):
        batches = graphs.read_batches(tf_path.tf_input(data.train, data, Stream(64), False))
        assert np.concatenate([batch["user"] for batch in batches]).tolist() == users


def test_a_row_group_is_asked_for_at_once(store: ObjectStore, tmp_path: object) -> None:
    path = toy.write_parquet("{}/a.parquet".format(tmp_path), TRAIN, 250)
    with open(path, "rb") as content:
        address = store.put("a.parquet", content.read())
    file = reader.open_file(address, toy.SCHEMA)
    local = reader.open_file(path, toy.SCHEMA)
    for chunk, same in zip(file.chunks, local.chunks):
        store.proxy.heal()
        columns = file.read(chunk, toy.NAMES)
        assert store.proxy.count("GET") == 1
        for name, array in local.read(same, toy.NAMES).arrays.items():
            assert columns.arrays[name].equals(array)


@pytest.mark.parametrize("parquet", [False, True])
def test_a_file_that_is_replaced_once_its_chunks_are_known(
        parquet: bool, store: ObjectStore, tmp_path: object) -> None:
    toy.open_toy(tmp_path, TRAIN, TEST, parquet)
    train = _open(store.put_folder("rows", tmp_path), parquet).train
    chunk = train.chunks[0]
    toy.open_toy(tmp_path, TEST, TRAIN, parquet)
    store.put_folder("rows", tmp_path)
    assert train.stamps  # asks the store for what is there now
    with pytest.raises(BadInput, match=train.path + " changed while it was read: it had "):
        train.read(chunk, toy.NAMES)

"""Rows in an object store against the same rows on a local disk."""

from typing import List

import numpy as np
import pytest

from common.pipeline import blocks, source
from common.pipeline.blocks import Stream
from common.pipeline.source import Data
from common.testing import toy
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

import weakref
from typing import Iterator, List

import numpy as np
import pytest

from common.formats import csv_file
from common.pipeline import blocks, dataset, row_order
from common.pipeline.row_order import Stream
from common.testing import graphs, toy
from common.testing.many_files import read_rows

TEST = toy.random_rows(9, 20)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_file, "CHUNK_ROWS", 30)


def test_parquet_chunks_keep_their_order_unless_any_is_wanted(tmp_path: object) -> None:
    data = toy.open_toy(tmp_path, toy.random_rows(1, 500), TEST, parquet=True)
    for any_order in (False, True):
        stream = Stream(50, 1, shuffle_rows=100, seed=1, any_order=any_order)
        rows = [
            batch[dataset.ROW]
            for batch in graphs.read_batches(dataset.columnar_input(data.train, data, stream))
        ]
        windows = [set(range(low, low + 100)) for low in range(0, 500, 100)]
        found = [set(np.concatenate(rows[i:i + 2]).tolist()) for i in range(0, 10, 2)]
        assert (found == windows) is not any_order
        assert sorted(np.concatenate(rows).tolist()) == list(range(500))
        assert not any((np.diff(batch) > 0).all() for batch in rows)


@pytest.mark.slow
def test_shards_are_read_once(tmp_path: object) -> None:
    rows = toy.random_rows(1, 103)
    for parquet in (False, True):
        data = toy.open_toy(tmp_path, rows, rows[:5], parquet)
        for shards in (1, 2, 4, 50):
            for shuffle_rows in (0, 16, 1000):
                streams = [
                    Stream(8, 1, shuffle_rows, 3, shard=shard, shards=shards)
                    for shard in range(shards)
                ]
                parts = [read_rows(data, stream) for stream in streams]
                assert sorted(sum(parts, [])) == list(range(103))
                assert {len(part) for part in parts} <= {103 // shards, -(-103 // shards)}


def test_an_epoch_of_a_shard_is_as_long_as_the_shard(tmp_path: object) -> None:
    data = toy.open_toy(tmp_path, toy.random_rows(1, 103), TEST)
    stream = Stream(8, 3, 16, 3, shard=1, shards=2)
    rows = read_rows(data, stream)
    assert len(rows) == 3 * 52 and set(rows) == set(range(51, 103))
    assert read_rows(data, stream._replace(start_row=60)) == rows[60:]


@pytest.mark.parametrize("parquet", [False, True])
def test_a_file_of_one_chunk_is_repeated_for_ever(parquet: bool, tmp_path: object) -> None:
    data = toy.open_toy(tmp_path, toy.random_rows(1, 20), TEST, parquet)
    rows = (row for block in blocks.read_blocks(data.train, data, Stream(8, 0, 100, 3))
            for row in block.rows)
    assert sorted(next(rows) for _ in range(60)) == sorted(3 * list(range(20)))


class Parts(list):
    """Parts of a window that can be seen to be kept."""


def test_windows_that_were_read_are_not_kept(
        tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    data = toy.open_toy(tmp_path, toy.random_rows(1, 500), TEST)
    windows = row_order.windows
    kept: List["weakref.ref[Parts]"] = []

    def watched(*args: object) -> Iterator[row_order.Window]:
        for window in windows(*args):
            parts = Parts(window.parts)
            kept.append(weakref.ref(parts))
            yield window._replace(parts=parts)

    monkeypatch.setattr(row_order, "windows", watched)
    stream = Stream(10, shuffle_rows=50)
    for block in blocks.read_blocks(data.train, data, stream, ahead=False):
        assert sum(parts() is not None for parts in kept) <= 2
    assert len(kept) == 10


@pytest.mark.parametrize("bytes_at_a_time, size", [(1 << 20, 96), (1, 8)])
def test_wide_rows_are_copied_few_at_a_time_in_the_same_order(
        bytes_at_a_time: int, size: int, tmp_path: object,
        monkeypatch: pytest.MonkeyPatch) -> None:
    data = toy.open_toy(tmp_path, toy.random_rows(1, 200), TEST)
    stream = Stream(8, 1, 100, 3)
    expected = read_rows(data, stream)
    monkeypatch.setattr(blocks, "_SLICE_ROWS", 96)
    monkeypatch.setattr(blocks, "_SLICE_BYTES", bytes_at_a_time)
    parts = [block.rows.tolist() for block in blocks.read_blocks(data.train, data, stream)]
    assert [len(part) for part in parts][:1] == [size]
    assert [row for part in parts for row in part] == expected

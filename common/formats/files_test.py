import os
import threading
from typing import Callable, Iterator, List

import numpy as np
import pytest

from common.errors import BadInput
from common.formats import csv_file, files
from common.formats.chunks import file_of, first_row_of, row_in_file
from common.formats.files import Files
from common.naming.named_files import NamedFile
from common.pipeline import blocks, source
from common.pipeline.row_order import Leg, Stream
from common.testing import many_files, toy
from common.testing.toy import SCHEMA


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_file, "CHUNK_ROWS", 30)


def read_rows(data: source.Data, stream: Stream) -> List[int]:
    return [row for block in blocks.read_blocks(data.train, data, stream) for row in block.rows]


@pytest.mark.slow
@pytest.mark.parametrize("kinds", ["c", "p", "cpp"])
@pytest.mark.parametrize("num_files", [1, 3, 200])
def test_each_row_is_read_once_an_epoch(num_files: int, kinds: str, tmp_path: object) -> None:
    sizes = many_files.uneven_sizes(num_files, 530)
    data = many_files.open_files(tmp_path, many_files.write_files(tmp_path, sizes, kinds))
    assert data.train_rows == 530
    for shards in (1, 2, 4, 50):
        for shuffle_rows in (0, 100):
            parts = []
            for shard in range(shards):
                stream = Stream(8, 1, shuffle_rows, 3, shard=shard, shards=shards)
                parts.append(read_rows(data, stream))
            assert sorted(sum(parts, [])) == many_files.numbers_of(sizes)
            assert {len(part) for part in parts} <= {530 // shards, -(-530 // shards)}


def test_the_order_depends_on_seed_and_list_alone(tmp_path: object) -> None:
    paths = many_files.write_files(tmp_path, [40, 0, 100, 3], "cp")
    stream = Stream(8, 2, 50, 3)
    rows = read_rows(many_files.open_files(tmp_path, paths), stream)
    assert read_rows(many_files.open_files(tmp_path, paths), stream) == rows
    assert read_rows(many_files.open_files(tmp_path, paths), stream._replace(seed=4)) != rows
    files_in_order = [file_of(row) for row in rows]
    assert files_in_order[:143] != sorted(files_in_order[:143])
    in_file_order = read_rows(many_files.open_files(tmp_path, paths), Stream(8))
    assert in_file_order == many_files.numbers_of([40, 0, 100, 3])


@pytest.mark.parametrize("start_row", [0, 1, 99, 143, 144, 290, 429])
def test_reading_resumes_at_any_row(start_row: int, tmp_path: object) -> None:
    data = many_files.open_files(tmp_path, many_files.write_files(tmp_path, [40, 0, 100, 3], "cp"))
    stream = Stream(8, 3, 50, 3)
    rows = read_rows(data, stream)
    assert len(rows) == 3 * 143
    assert read_rows(data, stream._replace(start_row=start_row)) == rows[start_row:]


def test_the_rest_of_a_part_is_shared_out(tmp_path: object) -> None:
    paths = many_files.write_files(tmp_path, [40, 0, 100, 3], "cp")
    data = many_files.open_files(tmp_path, paths, max_bad_rows=1)
    parts = [read_rows(data, Stream(8, 1, 50, 3, shard=shard, shards=2)) for shard in range(2)]
    rest = Leg(epoch=0, shard=1, shards=2, low=30, high=60, seed=3, shuffle_rows=50)
    legs = (rest, rest._replace(low=60, high=None))
    stream = Stream(8, 2, 50, 3, legs=legs, first_epoch=1)
    rows = read_rows(data, stream)
    assert rows[:42] == parts[1][30:]
    assert sorted(rows[42:]) == many_files.numbers_of([40, 0, 100, 3])
    for start_row in (10, 30, 41, 42, 43, 100):
        assert read_rows(data, stream._replace(start_row=start_row)) == rows[start_row:]


def test_files_are_opened_when_their_rows_are_wanted(
        tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_COUNTED_BYTES", 0)
    data = many_files.open_files(tmp_path, many_files.write_files(tmp_path, 50 * [20], "c"))
    opened: List[str] = []
    really_open = files.reader.open_part
    monkeypatch.setattr(files.reader, "open_part", lambda path, *others: (
        opened.append(path) or really_open(path, *others)))
    rows: Iterator[object] = blocks.read_blocks(data.train, data, Stream(8, 1, 100, 3))
    next(rows)
    assert len(opened) < 15 and not data.train.is_counted
    assert data.train_rows == 1000 and data.train.is_counted
    assert len(set(opened)) == 50 - 1  # the first was opened, and is still open, for checks


@pytest.mark.parametrize("change", [os.remove, lambda path: os.truncate(path, 0),
                                    lambda path: os.utime(path, (1, 1))])
def test_a_file_that_changes_before_it_is_opened_is_an_error(
        change: Callable[[str], None], tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_COUNTED_BYTES", 0)
    paths = many_files.write_files(tmp_path, 50 * [20], "c")
    data = many_files.open_files(tmp_path, paths)
    assert len(data.train.stamps) == 50
    change(paths[30])
    with pytest.raises(BadInput, match="part-030 changed while it was read: it had .* bytes, "
                                       "written .*, now it .*. Run the same command again"):
        read_rows(data, Stream(8))


def test_few_files_are_open_at_a_time(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_MAX_OPEN", 2)
    paths = many_files.write_files(tmp_path, 20 * [10], "p")
    data = many_files.open_files(tmp_path, paths)
    before = len(os.listdir("/proc/self/fd"))
    rows = read_rows(data, Stream(8, 2))
    assert rows == 2 * many_files.numbers_of(20 * [10])
    assert len(os.listdir("/proc/self/fd")) <= before + 2


def test_closing_a_file_that_is_unpacked_keeps_nobody_waiting(
        tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_MAX_OPEN", 1)
    paths = many_files.write_files(tmp_path, [3, 4, 5], "c")
    read = Files([NamedFile(path) for path in paths], SCHEMA)
    go, closing = threading.Event(), threading.Event()

    def close() -> None:
        closing.set()
        assert go.wait(10)

    monkeypatch.setattr(read.file(0), "close", close)
    other = threading.Thread(target=read.file, args=(1,))
    other.start()
    assert closing.wait(10)
    assert read.file(2).path == paths[2]
    go.set()
    other.join()


@pytest.mark.parametrize("is_parquet, expected", [(False, 8), (True, 32)])
def test_files_of_a_store_that_are_counted_at_once(
        is_parquet: bool, expected: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files.reader, "is_parquet", lambda path: is_parquet)
    pools: List[int] = []
    pool = files.futures.ThreadPoolExecutor
    monkeypatch.setattr(files.futures, "ThreadPoolExecutor", lambda most: (
        pools.append(most) or pool(most)))
    read = Files([NamedFile("s3://bucket/a"), NamedFile("s3://bucket/b")], SCHEMA)
    monkeypatch.setattr(read, "chunks_of", lambda number: [])
    read.count()
    assert pools == [expected]


def test_rows_that_cannot_be_used_are_named_by_file(tmp_path: object) -> None:
    paths = many_files.write_files(tmp_path, [40, 100, 30], "c")
    rows = toy.random_rows(1, 100)
    rows[70][0] = "2"
    toy.write_csv(paths[1], rows)
    data = many_files.open_files(tmp_path, paths)
    with pytest.raises(BadInput, match="part-001, row 71, column 'y': '2' is given"):
        read_rows(data, Stream(8))
    data = many_files.open_files(tmp_path, paths, max_bad_rows=1)
    assert data.train_rows == 169
    usable = [row for row in many_files.numbers_of([40, 100, 30]) if row != first_row_of(1) + 70]
    for shuffle_rows in (0, 50):
        for start_row in (0, 100, 115, 169):
            rows_read = read_rows(data, Stream(8, 1, shuffle_rows, start_row=start_row))
            assert len(rows_read) == 169 - start_row
        assert sorted(read_rows(data, Stream(8, 1, shuffle_rows))) == usable


def test_folders_give_columns(tmp_path: object) -> None:
    rows = toy.random_rows(5, 10)
    without_kind = [row[:3] + row[4:] for row in rows]
    folder = "{}/rows/day=1/kind=x".format(tmp_path)
    os.makedirs(folder)
    toy.write_csv(folder + "/a", without_kind)
    toy.pa.parquet.write_table(toy.to_table(rows).drop(["kind"]), folder + "/b.parquet")
    data = many_files.open_files(tmp_path, ["{}/rows".format(tmp_path)])
    by_folder, = blocks.read_blocks(data.train, data, Stream(100))
    for row in rows:
        row[3] = "x"
    whole = toy.write_csv("{}/c".format(tmp_path), rows + rows)
    data = many_files.open_files(tmp_path, [whole])
    by_column, = blocks.read_blocks(data.train, data, Stream(100))
    np.testing.assert_array_equal(by_folder.ids, by_column.ids)
    np.testing.assert_array_equal(by_folder.labels, by_column.labels)


def test_empty_files_among_others_and_alone(tmp_path: object) -> None:
    paths = many_files.write_files(tmp_path, [0, 5, 0, 0], "cp")
    data = many_files.open_files(tmp_path, paths)
    assert read_rows(data, Stream(8)) == many_files.numbers_of([0, 5])
    with pytest.raises(BadInput, match="part-000 and 1 more files: all of them are empty. Expected "
                       "rows of the 7 columns of toy"):
        many_files.open_files(tmp_path, paths[::2])
    with pytest.raises(BadInput, match="part-000: the file is empty. Expected rows"):
        many_files.open_files(tmp_path, paths[:1])


def test_the_number_of_a_row_holds_its_file(tmp_path: object) -> None:
    paths = many_files.write_files(tmp_path, [3, 4], "c")
    read = Files([NamedFile(path) for path in paths], SCHEMA)
    row = first_row_of(1) + 2
    assert (file_of(row), row_in_file(row)) == (1, 2)
    assert read.path.endswith("part-000 and 1 more files") and read.num_rows == 7


def test_counting_says_how_far_it_is(tmp_path: object, monkeypatch: pytest.MonkeyPatch,
                                     capsys: pytest.CaptureFixture) -> None:
    data = many_files.open_files(tmp_path, many_files.write_files(tmp_path, [3, 4, 5], "c"))
    monkeypatch.setattr(files, "_PROGRESS_SECS", 0.0)
    assert data.train_rows == 12
    assert "counted the rows of 3 of 3 files" in "".join(capsys.readouterr())

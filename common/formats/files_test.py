import os
import re
from typing import Callable

import numpy as np
import pytest

from common.errors import BadInput
from common.formats import csv_file
from common.formats.chunks import file_of, first_row_of, row_in_file
from common.formats.files import Files
from common.naming.named_files import NamedFile
from common.pipeline import blocks
from common.pipeline.row_order import Leg, Stream
from common.testing import many_files, toy
from common.testing.many_files import read_rows
from common.testing.toy import SCHEMA


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_file, "CHUNK_ROWS", 30)


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
    with pytest.raises(BadInput, match="part-000 and 1 more file: all of them are empty. Expected "
                       "rows of the 7 columns of toy"):
        many_files.open_files(tmp_path, paths[::2])
    with pytest.raises(BadInput, match="part-000: the file is empty. Expected rows"):
        many_files.open_files(tmp_path, paths[:1])


@pytest.mark.parametrize("change, now", [
    (lambda path: os.utime(path, (1, 1)), "now it has 60 bytes, written 1970-01-01 .*"),
    (os.remove, "now it is gone")])
def test_a_file_that_changes_after_it_was_read_is_told(
        change: Callable[[str], None], now: str, tmp_path: object,
        capsys: pytest.CaptureFixture) -> None:
    paths = many_files.write_files(tmp_path, [3, 4], "c")
    os.truncate(paths[1], 60)
    read = Files([NamedFile(path) for path in paths], SCHEMA)
    assert read.stamps
    read.warn_of_change()
    assert capsys.readouterr().err == ""
    change(paths[1])
    read.warn_of_change()
    assert re.match("warning: .*/part-001 changed after it was read: it had 60 bytes, written .*, "
                    + now + r"\. The rows that it had are", capsys.readouterr().err)


def test_the_number_of_a_row_holds_its_file(tmp_path: object) -> None:
    paths = many_files.write_files(tmp_path, [3, 4], "c")
    read = Files([NamedFile(path) for path in paths], SCHEMA)
    row = first_row_of(1) + 2
    assert (file_of(row), row_in_file(row)) == (1, 2)
    assert read.path.endswith("part-000 and 1 more file") and read.num_rows == 7

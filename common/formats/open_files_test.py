import os
import threading
from typing import Callable, Iterator, List, Optional

import pytest

from common.errors import BadInput
from common.formats import files, open_files
from common.formats.column_names import ColumnNames
from common.formats.files import Files
from common.naming.named_files import NamedFile
from common.pipeline import blocks
from common.pipeline.row_order import Stream
from common.testing import many_files, toy
from common.testing.many_files import read_rows
from common.testing.toy import NAMES, SCHEMA


@pytest.mark.parametrize("limit", ["_COUNTED_BYTES", "_COUNTED_FILES"])
def test_files_are_opened_when_their_rows_are_wanted(
        limit: str, tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, limit, 0)
    data = many_files.open_files(tmp_path, many_files.write_files(tmp_path, 50 * [20], "c"))
    opened: List[str] = []
    really_open = open_files.reader.open_part
    monkeypatch.setattr(open_files.reader, "open_part", lambda path, *others: (
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
    monkeypatch.setattr(open_files, "_MAX_OPEN", 2)
    paths = many_files.write_files(tmp_path, 20 * [10], "p")
    data = many_files.open_files(tmp_path, paths)
    before = len(os.listdir("/proc/self/fd"))
    rows = read_rows(data, Stream(8, 2))
    assert rows == 2 * many_files.numbers_of(20 * [10])
    assert len(os.listdir("/proc/self/fd")) <= before + 2


def test_closing_a_file_that_is_unpacked_keeps_nobody_waiting(
        tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_files, "_MAX_OPEN", 1)
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
    monkeypatch.setattr(open_files.reader, "is_parquet", lambda path: is_parquet)
    pools: List[int] = []
    pool = open_files.futures.ThreadPoolExecutor
    monkeypatch.setattr(open_files.futures, "ThreadPoolExecutor", lambda most: (
        pools.append(most) or pool(most)))
    named = [NamedFile("s3://bucket/a"), NamedFile("s3://bucket/b")]
    read = open_files.OpenFiles(named, SCHEMA, None, None, False)
    monkeypatch.setattr(read, "chunks_of", lambda number: [])
    read.count()
    assert pools == [expected]


def test_counting_says_how_far_it_is(tmp_path: object, monkeypatch: pytest.MonkeyPatch,
                                     capsys: pytest.CaptureFixture) -> None:
    data = many_files.open_files(tmp_path, many_files.write_files(tmp_path, [3, 4, 5], "c"))
    monkeypatch.setattr(open_files, "_PROGRESS_SECS", 0.0)
    assert data.train_rows == 12
    assert "counted the rows of 3 of 3 files" in "".join(capsys.readouterr())


@pytest.mark.parametrize("header", [None, ColumnNames(SCHEMA)])
@pytest.mark.parametrize("has_header", [[True, False], [False, True]])
def test_text_with_and_without_a_header(
        header: Optional[ColumnNames], has_header: List[bool], tmp_path: object) -> None:
    paths = [toy.write_csv("{}/empty".format(tmp_path), [])]
    rows = toy.random_rows(1, 3)
    for number, has in enumerate(has_header):
        paths.append("{}/{}".format(tmp_path, number))
        toy.write_csv(paths[-1], [NAMES, *rows] if has else rows)
    named = [NamedFile(path) for path in paths]
    with pytest.raises(BadInput) as caught:
        Files(named, SCHEMA, header=header).count()
    with_header = paths[1 + has_header.index(True)]
    without = paths[1 + has_header.index(False)]
    assert str(caught.value) == (
        "{} begins with a header, and {} with a row: --csv_header holds for all text files. Write "
        "them alike.".format(with_header, without))
    alone = named[1 + has_header.index(header is None)]
    with pytest.raises(BadInput, match="--csv_header"):
        Files([named[0], alone], SCHEMA, header=header).count()

import os
from typing import List, Sequence, Tuple

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from common.errors import BadInput
from common.formats.chunks import first_row_of
from common.pipeline import source, tf_path
from common.pipeline.row_order import Stream
from common.pipeline.source import Data
from common.testing import graphs, toy
from common.testing.toy import NAMES, SCHEMA, Rows

pytestmark = pytest.mark.slow

ROWS = toy.random_rows(4, 60)
TEST = toy.random_rows(5, 8)


def keep(path: str, rows: Rows, names: Sequence[str] = (), codec: str = "", mark: bytes = b"",
         end: str = "\n") -> str:
    """Writes rows as text: with a header where there are names, compressed, behind a mark."""
    lines = [",".join(names)] if names else []
    for row in rows:
        values = dict(zip(NAMES, row))
        lines.append(",".join(values.get(name, "more") for name in names or NAMES))
    text = mark + ("\n".join(lines) + end).encode()
    half = len(text) // 2
    members = [toy.pack(codec, part) for part in (text[:half], text[half:])] if codec else [text]
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(b"".join(members))
    return path


def opened(folder: object, paths: Sequence[str], **options: object) -> Data:
    """The rows of some files as training rows, all of them checked."""
    test = "{}/test".format(folder)
    names = NAMES if options.get("csv_header") else ()
    keep(test, TEST, names)
    max_bad_rows = options.pop("max_bad_rows", 0)
    return source.open_data(str(folder), SCHEMA, False, max_bad_rows, True,
                            train_files=",".join(paths), eval_files=test, **options)


def users_and_kinds(data: Data, stream: Stream = Stream(7)) -> List[Tuple[bytes, bytes]]:
    batches = graphs.read_batches(tf_path.tf_input(data.train, data, stream, with_users=False))
    return [pair for batch in batches for pair in zip(batch["user"], batch["kind"])]


def expected(rows: Rows) -> List[Tuple[bytes, bytes]]:
    return [(row[2].encode(), (row[3] or " ").encode()) for row in rows]


def first_rows(data: Data, count: int, start_row: int = 0) -> List[int]:
    return tf_path.rows_of_batch(data.train, data, Stream(count, start_row=start_row))


@pytest.mark.parametrize("codec", ["", "gzip", "zstd"])
def test_files_are_read_one_after_another(tmp_path: object, codec: str) -> None:
    sizes = [20, 1, 0, 39]
    starts = np.cumsum([0, *sizes])
    paths = []
    for number, (low, high) in enumerate(zip(starts, starts[1:])):
        path = "{}/{}".format(tmp_path, number)
        paths.append(keep(path, ROWS[low:high], codec=codec, end="\n\n" if number == 0 else ""))
    data = opened(tmp_path, paths)
    assert users_and_kinds(data) == expected(ROWS)
    assert users_and_kinds(data, Stream(7, epochs=2, start_row=50)) == expected(ROWS[50:] + ROWS)
    assert first_rows(data, 3, start_row=19) == [19, first_row_of(1), first_row_of(3)]


def test_headers_in_any_order_marks_and_partitions(tmp_path: object) -> None:
    names = list(NAMES)
    paths = [
        keep("{}/a".format(tmp_path), ROWS[:10], names),
        keep("{}/b".format(tmp_path), ROWS[10:20], names[::-1], mark=b"\xef\xbb\xbf"),
        keep("{}/c".format(tmp_path), ROWS[20:25], [*names[3:], "day", *names[:3]], "lz4"),
    ]
    for number, kind in ((25, "x"), (26, "__HIVE_DEFAULT_PARTITION__")):
        ROWS[number][3] = kind if kind == "x" else ""
        without = [name for name in names if name != "kind"]
        paths.append(keep("{}/kind={}/d".format(tmp_path, kind), ROWS[number:number + 1], without))
    data = opened(tmp_path, paths, csv_header=True)
    assert users_and_kinds(data) == expected(ROWS[:27])
    assert first_rows(data, 3, start_row=24) == [first_row_of(2) + 4, first_row_of(3),
                                                 first_row_of(4)]


def test_bad_rows_are_left_out(tmp_path: object) -> None:
    rows = [list(row) for row in ROWS]
    rows[45][0] = "2"
    paths = [keep("{}/a".format(tmp_path), rows[:30], NAMES),
             keep("{}/b".format(tmp_path), rows[30:], NAMES[::-1])]
    with open(paths[0], "rb") as file:
        text = file.read()
    with open(paths[0], "wb") as file:  # a line of another width, which keep() cannot write
        file.write(text.replace(b"\n", b"\nx,y\n", 2))
    data = opened(tmp_path, paths, csv_header=True, max_bad_rows=9)
    assert data.bad_rows.count == 3
    assert users_and_kinds(data) == expected(
        [row for number, row in enumerate(rows) if number != 45])
    assert first_rows(data, 3) == [1, 3, 4]


def test_a_mark_before_rows_is_no_part_of_them(tmp_path: object) -> None:
    path = keep("{}/a".format(tmp_path), ROWS, mark=b"\xef\xbb\xbf")
    assert users_and_kinds(opened(tmp_path, [path])) == expected(ROWS)


def error_of(data: Data) -> str:
    with pytest.raises(tf.errors.OpError):
        users_and_kinds(data, Stream(7, epochs=2))
    return str(data.bad_rows.error)


@pytest.mark.parametrize("codec", ["", "gzip"])
def test_a_file_that_changes_is_an_error(tmp_path: object, codec: str) -> None:
    paths = [keep("{}/{}".format(tmp_path, number), ROWS, codec=codec) for number in range(2)]
    data = opened(tmp_path, paths)
    with open(paths[1], "ab") as file:
        file.write(b"1,0,u,k,e,3,a\n")
    assert "/1 changed while it was read: it had " in error_of(data)


def test_a_file_that_is_cut_while_it_is_read_is_an_error(tmp_path: object,
                                                         monkeypatch: pytest.MonkeyPatch) -> None:
    path = keep("{}/a".format(tmp_path), ROWS)
    data = opened(tmp_path, [path])
    file = data.train.file(0)
    really_open = file.text.local_file

    def open_and_cut() -> object:
        os.truncate(path, 100)
        return really_open()

    monkeypatch.setattr(file.text, "local_file", open_and_cut)
    assert "/a changed while it was read: it had " in error_of(data)


def test_what_cannot_be_read_by_lines(tmp_path: object) -> None:
    text = keep("{}/a".format(tmp_path), ROWS)
    parquet = toy.write_parquet("{}/b".format(tmp_path), ROWS)
    with pytest.raises(BadInput, match="b is Parquet, which --tf and --parquet_dataset "):
        users_and_kinds(opened(tmp_path, [text, parquet]))
    without = [name for name in NAMES if name != "kind"]
    path = keep("{}/kind=a%2Cb/d".format(tmp_path), ROWS, without)
    with pytest.raises(BadInput, match="folder kind=a,b: --tf reads it as part of a line, which "):
        users_and_kinds(opened(tmp_path, [path], csv_header=True))

import os

import pytest

from common.errors import BadInput
from data.din import tables


def write(folder: object, content: bytes) -> str:
    path = os.path.join(str(folder), "a")
    with open(path, "wb") as file:
        file.write(content)
    return path


def test_blocks_end_at_line_ends(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = ["u{}\ti\"{}\t5.0\t{}".format(i % 7, i, (-1) ** i * i * 10 ** 9) for i in range(500)]
    path = write(tmp_path, "\n".join(lines).encode("utf-8"))
    monkeypatch.setattr(tables, "_BLOCK_BYTES", 100)
    parts = list(tables.read_tables(path, tables.REVIEWS))
    assert len(parts) > 50 and all(part.schema == tables.REVIEWS for part in parts)
    rows = [row for part in parts for row in part.to_pylist()]
    assert [
        "{}\t{}\t{}\t{}".format(row["user"].decode(), row["item"].decode(), row["rating"].decode(),
                                row["time"]) for row in rows
    ] == lines
    assert [len(tables.one_array(part, "time"))
            for part in parts] == [part.num_rows for part in parts]


@pytest.mark.parametrize("line, shown", [
    (b"u\ti\t5", r"'u\\ti\\t5'"),
    (b"u\ti\t5\t1\t2", r"'u\\ti\\t5\\t1\\t2'"),
    (b"u\ti\t5\t1.5", r"'u\\ti\\t5\\t1.5'"),
    (b"u\ti\t5\t", r"'u\\ti\\t5\\t'"),
    (b"u\ti\t5\t--5", r"'u\\ti\\t5\\t--5'"),
    (b"u\ti\t5\t9223372036854775808", r"'u\\ti\\t5\\t9223372036854775808'"),
    (b"", "''"),
    (b"u\ti\t5\t0x1", r"'u\\ti\\t5\\t0x1'"),
    (b"u\ti\t5\t 1", r"'u\\ti\\t5\\t 1'"),
    (b"u\ti\t5\t+1", r"'u\\ti\\t5\\t\+1'"),
    (b"\ti\t5\t1", r"'\\ti\\t5\\t1'"),
    (b"u\t\t5\t1", r"'u\\t\\t5\\t1'"),
    (b"u\x02v\ti\t5\t1", r"'u\\x02v\\ti\\t5\\t1'"),
    (b"u\t\xff\t5\t1", r"'u\\t\\\\xff\\t5\\t1'"),
    (b"u\ti\rj\t5\t1", r"'u\\ti'"),
])
def test_lines_that_do_not_fit(tmp_path: object, line: bytes, shown: str,
                               monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, b"u\ti\t5\t-12\n" * 30 + line + b"\nu\ti\t5\t1\n")
    monkeypatch.setattr(tables, "_BLOCK_BYTES", 100)
    with pytest.raises(
            BadInput,
            match="a, line 31: " + shown + " is given, expected user, item, rating, time in "
            "UTF-8, tab-separated, none empty or with a byte 0x02, the time a whole "
            "number. Write the file again with process_data.py"):
        list(tables.read_tables(path, tables.REVIEWS))


@pytest.mark.parametrize("line, shown", [(b"j", "'j'"), (b"j\t", r"'j\\t'"),
                                         (b"j\tc\x02d", r"'j\\tc\\x02d'")])
def test_items_that_do_not_fit(tmp_path: object, line: bytes, shown: str) -> None:
    path = write(tmp_path, b"i\tc\n" + line + b"\n")
    with pytest.raises(BadInput,
                       match="a, line 2: " + shown + " is given, expected item, category in UTF-8, "
                       "tab-separated, none empty or with a byte 0x02. Write"):
        list(tables.read_tables(path, tables.ITEMS))


@pytest.mark.parametrize("time",
                         ["-0", "0" * 40 + "7", "-9223372036854775808", "9223372036854775807"])
def test_every_whole_number_is_a_time(tmp_path: object, time: str) -> None:
    table, = tables.read_tables(write(tmp_path, b"u\ti\t5\t" + time.encode() + b"\n"),
                                tables.REVIEWS)
    assert table.to_pydict() == {
        "user": [b"u"], "item": [b"i"], "rating": [b"5"], "time": [int(time)]
    }


def test_missing_and_empty_files(tmp_path: object) -> None:
    for path in (write(tmp_path, b""), os.path.join(str(tmp_path), "b")):
        with pytest.raises(
                BadInput,
                match="[ab]: no such file, or an empty one. Write it with process_data.py"):
            list(tables.read_tables(path, tables.ITEMS))

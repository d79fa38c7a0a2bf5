import os
from typing import List, Tuple

import pytest

from common.errors import BadInput
from common.formats import csv_file, line_chunks, reader
from common.testing import toy
from common.testing.toy import NAMES, SCHEMA, read_all


@pytest.mark.parametrize("chunk_rows, scan_bytes", [(1, 7), (3, 50), (64, 1000), (10000, 1 << 20)])
def test_csv_reads_as_str_split_does(tmp_path: object, monkeypatch: pytest.MonkeyPatch,
                                     chunk_rows: int, scan_bytes: int) -> None:
    monkeypatch.setattr(csv_file, "CHUNK_ROWS", chunk_rows)
    monkeypatch.setattr(line_chunks, "_SCAN_BYTES", scan_bytes)
    rows = toy.random_rows(1, 200)
    path = toy.write_csv("{}/a".format(tmp_path), rows)
    assert read_all(path) == [[field.encode() for field in row] for row in rows]


@pytest.mark.parametrize("end", [b"", b"\n", b"\n\n\n", b"\r\n", b"\n" + b"\r\n" * 3000])
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
def test_line_ends_and_blank_last_lines(tmp_path: object, end: bytes, line_end: bytes) -> None:
    path = "{}/a".format(tmp_path)
    with open(path, "wb") as file:
        file.write(line_end.join([b"1,0,u,k,e,3,a|b", b"0,0,v,,,,"]) + end)
    assert read_all(path) == [[b"1", b"0", b"u", b"k", b"e", b"3", b"a|b"],
                              [b"0", b"0", b"v", b"", b"", b"", b""]]


def test_lines_of_a_wrong_number_of_columns_are_rejected(tmp_path: object) -> None:
    path = toy.write_csv("{}/a".format(tmp_path),
                         [["1"] * 7, ["2"] * 6, [""], ["3"] * 7, ["4"] * 8, ["x" * 99]])
    file = reader.open_file(path, SCHEMA)
    columns = file.read(file.chunks[0], NAMES)
    assert columns.rows.tolist() == [0, 3]
    assert columns.arrays["tags"].to_pylist() == [b"1", b"3"]
    assert [(r.row, r.value, r.expected) for r in columns.rejects] == [
        (1, "2,2,2,2,2,2", "7 columns, not 6"), (2, "", "7 columns, not 1"),
        (4, "4,4,4,4,4,4,4,4", "7 columns, not 8"), (5, "x" * 77 + "...", "7 columns, not 1")]


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
def test_a_carriage_return_within_a_line_is_rejected(tmp_path: object, line_end: bytes) -> None:
    path = "{}/a".format(tmp_path)
    lines = [
        b"1,0,u,k,e,3,a", b"1,0,u\rv,k\r,,3,a", b"1,0,u,k,e,3,a|\rb", b"1,0,u,k,e,3,a\r\r",
        b"\r1,0", b"0,0,v,,,,"
    ]
    with open(path, "wb") as file:
        file.write(line_end.join(lines) + line_end)
    file = reader.open_file(path, SCHEMA)
    columns = file.read(file.chunks[0], NAMES)
    assert columns.rows.tolist() == [0, 5] and columns.arrays["tags"].to_pylist() == [b"a", b""]
    assert sorted((r.row, r.column, r.value.rstrip("\r"), r.expected) for r in columns.rejects) == [
        (1, "user", "u\rv", "text without '\\r'"), (2, "tags", "a|\rb", "text without '\\r'"),
        (3, "tags", "a", "text without '\\r'"), (4, "", "\r1,0", "7 columns, not 2")]


def test_lines_too_long_to_be_rows(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_file, "_MAX_CHUNK_BYTES", 10)
    path = toy.write_csv(os.path.join(str(tmp_path), "a.csv"), toy.random_rows(1, 3))
    file = reader.open_file(path, toy.SCHEMA)
    with pytest.raises(
            BadInput,
            match="a.csv, lines 1 to 3: they have .* bytes, too many to be rows of toy. Is it"):
        file.read(file.chunks[0], toy.NAMES)


def test_quotes_are_told_of_lines_that_they_widen(tmp_path: object) -> None:
    path = toy.write_csv("{}/a".format(tmp_path), [["1"] * 7, [*6 * ["1"], '"a', 'b"']])
    file = reader.open_file(path, SCHEMA)
    columns = file.read(file.chunks[0], NAMES)
    assert [reject.expected for reject in columns.rejects] == [
        "7 columns, not 8 (quotes are read as they are and hold no field together: of text with a "
        "header, data/schema.py convert makes Parquet)"]


def test_nothing_is_read_or_counted_before_it_is_asked_for(
        tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_file, "CHUNK_ROWS", 10)
    monkeypatch.setattr(line_chunks, "_SCAN_BYTES", 500)
    path = toy.write_csv("{}/a".format(tmp_path), toy.random_rows(1, 200))
    file = csv_file.open_csv(path, SCHEMA)
    reads: List[Tuple[int, int]] = []
    really_read = file.text.read
    monkeypatch.setattr(file.text, "read", lambda start, size: (
        reads.append((start, size)) or really_read(start, size)))
    assert reads == [] and file.first_chunk
    scanned = [start for start, size in reads if size == 500]
    assert scanned == list(range(0, file.first_chunk.size, 500))
    assert file.chunks[0] == file.first_chunk and len(file.chunks) == 20
    del reads[:]
    assert file.chunks and file.first_chunk and reads == []  # both are remembered


def test_a_file_that_changes_is_an_error(tmp_path: object) -> None:
    path = toy.write_csv("{}/a".format(tmp_path), toy.random_rows(1, 3000))
    file = reader.open_file(path, SCHEMA)
    file.read(file.chunks[0], NAMES)
    toy.write_csv(path, toy.random_rows(2, 100))
    with pytest.raises(BadInput, match="a changed while it was read: it had .* bytes, written .*, "
                                       "now it has"):
        file.read(file.chunks[0], NAMES)

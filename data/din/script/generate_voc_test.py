import collections
import os

import pyarrow as pa
import pyarrow.parquet
import pytest

from common.errors import BadInput
from common.formats import csv_file
from common.pipeline import vocabulary
from common.testing import toy
from data.din.script import generate_voc

LINES = (b"0\tu2\ti3\tX\ti1\x02i2\tY\x02X\n"
         b"1\tu2\ti1\tY\ti1\x02i2\tY\x02X\n"
         b"0\tu1\ti4\tdefault_cat\ti2\tX\n"
         b"1\tu1\t\xc3\xa4\tdefault_cat\ti2\tX\n")


def write(folder: object, content: bytes) -> str:
    path = os.path.join(str(folder), "train")
    with open(path, "wb") as file:
        file.write(content)
    return path


def test_order_is_by_occurrences_then_name(tmp_path: object, capsys: pytest.CaptureFixture) -> None:
    assert generate_voc.main([write(tmp_path, LINES), "--out", str(tmp_path)]) == 0
    shown = [line.split("  ")[1:] for line in capsys.readouterr().out.splitlines()]
    assert shown == [["3 names", "uid_voc.pkl"], ["6 names", "mid_voc.pkl"],
                     ["3 names", "cat_voc.pkl"]]
    stored = {
        name: vocabulary.load(os.path.join(str(tmp_path), name))
        for name in ("uid_voc", "mid_voc", "cat_voc")
    }
    assert stored == {"uid_voc": ["default_uid", "u1", "u2"],
                      "mid_voc": ["default_mid", "i2", "i1", "i3", "i4", "ä"],
                      "cat_voc": ["default_cat", "X", "Y"]}


def test_the_default_is_first_and_once() -> None:
    assert generate_voc.in_order(collections.Counter({b"a": 1, b"d": 9, b"b": 1}),
                                 "d") == ["d", "a", "b"]


def test_many_files_are_counted_as_one(tmp_path: object) -> None:
    whole = os.path.join(str(tmp_path), "whole")
    os.mkdir(whole)
    generate_voc.make([write(whole, LINES)], whole)
    lines = LINES.splitlines(keepends=True)
    paths = []
    for day, content in enumerate((lines[:1], lines[1:])):
        folder = os.path.join(str(tmp_path), "ds={}".format(day))
        os.mkdir(folder)
        paths.append(write(folder, b"".join(content)))
    assert generate_voc.main(paths + ["--out", str(tmp_path)]) == 0
    for name in generate_voc.DEFAULTS:
        expected = vocabulary.load(os.path.join(whole, name))
        assert vocabulary.load(os.path.join(str(tmp_path), name)) == expected


def test_a_file_named_twice(tmp_path: object) -> None:
    path = write(tmp_path, LINES)
    link = os.path.join(str(tmp_path), "link")
    os.symlink(path, link)
    with pytest.raises(BadInput, match="link is named twice, by .*/train and by .*/link, so that"):
        generate_voc.make([path, link], str(tmp_path))
    assert sorted(os.listdir(str(tmp_path))) == ["link", "train"]


@pytest.mark.parametrize("kind", ["parquet", "gzip", "header", "folder", "list"])
def test_rows_are_taken_as_training_takes_them(kind: str, tmp_path: object) -> None:
    expected = generate_voc.count_names([write(tmp_path, LINES)])
    names = ["user", "item", "history_items", "more", "category", "label", "history_categories"]
    fields = [line.split(b"\t") for line in LINES.splitlines()]
    own = dict(zip([column.name for column in generate_voc.SCHEMA.columns], zip(*fields)))
    own["more"] = own["label"]
    rows = tmp_path.joinpath("rows")
    rows.mkdir()
    if kind == "parquet":
        histories = ("history_items", "history_categories")
        table = {name: [[item.decode() for item in text.split(b"\x02")] if name in histories
                        else text.decode() for text in own[name]] for name in names}
        pa.parquet.write_table(pa.table(table), str(rows.joinpath("a.parquet")))
    elif kind == "header":
        lines = [b"\t".join(own[name][row] for name in names) for row in range(len(fields))]
        rows.joinpath("a").write_bytes(b"\n".join(["\t".join(names).encode(), *lines]))
    else:
        rows.joinpath("a").write_bytes(toy.pack("gzip", LINES) if kind == "gzip" else LINES)
    entry = str(rows)
    if kind == "list":
        tmp_path.joinpath("live").write_text("rows/a\n")
        entry = "@{}/live".format(tmp_path)
    assert generate_voc.count_names([entry], kind == "header") == expected


def test_counts_over_chunks_and_repeated_lists(
        tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_file, "CHUNK_ROWS", 7)
    path = write(tmp_path, 10 * b"1\tu\ti\tX\ti\x02i\x02j\tX\x02Y\x02X\n" + b"0\tu\t\tX\t\t\n")
    counts = generate_voc.count_names([path])
    assert counts["mid_voc"] == {b"i": 30, b"j": 10} and counts["uid_voc"] == {b"u": 11}
    assert counts["cat_voc"] == {b"X": 31, b"Y": 10}


def test_errors(tmp_path: object, capsys: pytest.CaptureFixture) -> None:
    path = write(tmp_path, LINES + b"2\n")
    assert generate_voc.main([path, "--out", str(tmp_path)]) == 1
    printed = capsys.readouterr().err
    assert "error: " + path + ", row 5: '2' is given, expected 6 columns, not 1" in printed
    assert os.listdir(str(tmp_path)) == ["train"]


@pytest.mark.parametrize("line, message", [
    (b"0\tu\t\xff\tX\ti1\tY", r"column 'item': .*xff' is given, expected UTF-8"),
    (b"0\tu\ti\rj\tX\ti1\tY", r"column 'item': .* expected text without '\\r'"),
    (b"0\tu\ti\x02j\tX\ti1\tY", "column 'item': .* expected no byte 02 but in histories"),
    (b"0\tu\ti\tX\ti1\x02i2\tY", "expected 2 items as in column|expected 1 item as in column"),
    (b"2\tu\ti\tX\ti1\tY", "column 'label': '2' is given, expected 0 or 1")])
def test_rows_that_training_would_not_take_are_found_before_any_is_written(
        tmp_path: object, line: bytes, message: str) -> None:
    path = write(tmp_path, LINES + line + b"\n")
    with pytest.raises(BadInput, match="train, row 5.*" + message):
        generate_voc.make([path], str(tmp_path))
    assert os.listdir(str(tmp_path)) == ["train"]

import collections
import os

import pytest

from common.errors import BadInput
from common.pipeline import vocabulary
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
    with pytest.raises(BadInput, match="link is named twice: its names would count double"):
        generate_voc.make([path, link], str(tmp_path))
    assert sorted(os.listdir(str(tmp_path))) == ["link", "train"]


def test_parquet_is_told(tmp_path: object) -> None:
    path = write(tmp_path, b"PAR1" + LINES)
    with pytest.raises(BadInput, match="train: the file is Parquet, expected text. Convert it: "
                       "python data/amazon.py convert {} TEXT".format(path)):
        generate_voc.make([path], str(tmp_path))


def test_errors(tmp_path: object, capsys: pytest.CaptureFixture) -> None:
    path = write(tmp_path, LINES + b"2\n")
    assert generate_voc.main([path, "--out", str(tmp_path)]) == 1
    printed = capsys.readouterr().err
    assert "error: " + path + ", line 5: '2' is given, expected 6 columns, not 1" in printed
    assert os.listdir(str(tmp_path)) == ["train"]


@pytest.mark.parametrize("name, message",
                         [(b"\xff", r"xff.tX.ti1.tY' is given, expected UTF-8"),
                          (b"i\rj", "expected no byte 0x0d, and 0x02 in the histories alone"),
                          (b"i\x02j", "expected no byte 0x0d, and 0x02 in the histories alone")])
def test_names_that_no_vocabulary_holds_are_found_before_any_is_written(
        tmp_path: object, name: bytes, message: str) -> None:
    path = write(tmp_path, LINES + b"0\tu\t" + name + b"\tX\ti1\tY\n")
    with pytest.raises(BadInput, match="train, line 5: .*" + message):
        generate_voc.make([path], str(tmp_path))
    assert os.listdir(str(tmp_path)) == ["train"]

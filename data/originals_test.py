import os
from typing import List, Optional

import pytest

from common.errors import BadInput
from data import census, originals
from data.originals import Source


def write(folder: object, name: str, content: bytes) -> str:
    path = os.path.join(str(folder), name)
    with open(path, "wb") as file:
        file.write(content)
    return path


def parse(path: str, number: int, line: bytes) -> Optional[bytes]:
    if line == b"bad":
        raise originals.wrong(path, number, "word", line, "a good one")
    return None if line == b"header" else line.upper()


def convert(folder: object, content: bytes) -> originals.Counts:
    source = Source(write(folder, "in", content), lambda row: "odd" if row % 2 else "even")
    return originals.convert_lines([source], parse, ["even", "odd"], str(folder))


def test_rows_are_counted_without_headers_and_go_where_they_belong(tmp_path: object) -> None:
    assert convert(tmp_path, b"\xef\xbb\xbfheader\r\na\nb\nc\n\n\n") == {"even": 2, "odd": 1}
    with open(os.path.join(str(tmp_path), "even"), "rb") as file:
        assert file.read() == b"A\nC\n"


@pytest.mark.parametrize("content, message", [
    (b"a\nbad\n", "in, line 2: word is 'bad', expected a good one. Fetch the file again, or "),
    (b"a\n\nb\n", "in, line 2: the line is '', expected blank lines at the end alone"),
    (b"a\nb\rc\n", r"in, line 2: the line is 'b\\rc', expected UTF-8 without a byte 0x0d"),
    (b"a\n\xff\n", "in, line 2: the line is .*xff', expected UTF-8 without a byte 0x0d"),
    (b"a\n", "in: too few rows, as none is left for odd"),
])
def test_a_refused_file_changes_nothing(tmp_path: object, content: bytes, message: str) -> None:
    write(tmp_path, "even", b"before")
    with pytest.raises(BadInput, match=message):
        convert(tmp_path, content)
    assert sorted(os.listdir(str(tmp_path))) == ["even", "in"]
    with open(os.path.join(str(tmp_path), "even"), "rb") as file:
        assert file.read() == b"before"


def test_a_source_is_not_written_over(tmp_path: object) -> None:
    path = write(tmp_path, "in", b"a\nb\n")
    source = Source(path, lambda row: "in")
    with pytest.raises(BadInput, match="in is read and would be written. Name another folder"):
        originals.convert_lines([source], parse, ["in"], str(tmp_path))


@pytest.mark.parametrize("text, expected", [
    (b"0", True), (b"-1.5e3", True), (b".5", True), (b"7.", True), (b"", False), (b"nan", False),
    (b"inf", False), (b"1_000", False), (b" 1", False), (b"1,5", False)])
def test_numbers(text: bytes, expected: bool) -> None:
    assert originals.is_number(text) == expected


def test_a_long_value_is_shortened() -> None:
    message = str(originals.wrong("file", 7, "word", b"\xff" + 500 * b"x", "none"))
    assert message.startswith("file, line 7: word is '\\\\xffxx") and len(message) < 200


@pytest.mark.parametrize("argv, message", [
    (["make", "--rows", "0"], "--rows and --test_rows must be > 0. Got: 0 and 1"),
    (["make", "--seed", "-1"], "--seed must be >= 0. Got: -1"),
    (["convert"], "the following arguments are required: source"),
    ([], "the following arguments are required: command"),
])
def test_wrong_use(argv: List[str], message: str, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as end:
        census.main(argv)
    assert end.value.code == 2 and message in capsys.readouterr().err


def test_errors_end_with_status_1(tmp_path: object, capsys: pytest.CaptureFixture) -> None:
    out = str(tmp_path)
    assert census.main(["convert", out + "/none", "--out", out]) == 1
    assert "error: {}/none: no such file".format(out) in capsys.readouterr().err
    assert census.main(["make", "--rows", "3", "--out", out]) == 0
    capsys.readouterr()
    assert census.main(["make", "--rows", "3", "--out", out]) == 1
    assert "census-income.data is there already. Name another folder" in capsys.readouterr().err


def test_one_file_is_not_for_training_and_for_tests(tmp_path: object) -> None:
    path = write(tmp_path, "in", b"a\nb\n")
    link = os.path.join(str(tmp_path), "link")
    os.symlink(path, link)
    sources = [Source(path, lambda row: "train"), Source(link, lambda row: "test")]
    with pytest.raises(BadInput, match="in: is given twice, so test rows would be training rows"):
        originals.convert_lines(sources, parse, ["train", "test"], str(tmp_path))
    assert sorted(os.listdir(str(tmp_path))) == ["in", "link"]


def test_a_file_in_place_of_the_folder_is_told(tmp_path: object) -> None:
    path = write(tmp_path, "in", b"a\nb\n")
    with pytest.raises(BadInput, match="in: the folder cannot be made: File exists. Name another"):
        originals.convert_lines([Source(path, lambda row: "even")], parse, ["even"], path)

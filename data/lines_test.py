import gzip
import hashlib
import os

import pytest

from common.errors import BadInput
from common.testing import toy
from data import lines


def write(folder: object, name: str, content: bytes) -> str:
    path = os.path.join(str(folder), name)
    with open(path, "wb") as file:
        file.write(content)
    return path


def test_plain_and_compressed_lines(tmp_path: object) -> None:
    content = b"a\r\n\n\xff\x0b\x1c\xc2\x85b\nlast"
    expected = [(1, b"a"), (2, b""), (3, b"\xff\x0b\x1c\xc2\x85b"), (4, b"last")]
    assert list(lines.read_lines(write(tmp_path, "a", content))) == expected
    assert list(lines.read_lines(write(tmp_path, "a.gz", gzip.compress(content)))) == expected
    for codec in ("gzip", "bz2", "zstd", "lz4"):
        members = toy.pack(codec, content[:4]) + toy.pack(codec, content[4:])
        assert list(lines.read_lines(write(tmp_path, "b", members))) == expected


def test_progress_tells_lines_and_share(tmp_path: object, capsys: pytest.CaptureFixture,
                                        monkeypatch: pytest.MonkeyPatch) -> None:
    for name, content in (("a", b"0123456\n" * 300000), ("b.gz",
                                                         gzip.compress(
                                                             os.urandom(1 << 20).hex().encode()))):
        path = write(tmp_path, name, content)
        monkeypatch.setattr(lines, "_PROGRESS_SECS", 3600)
        count = len(list(lines.read_lines(path)))
        assert capsys.readouterr().err == "{}: {:,} lines, 100% of the bytes\n".format(name, count)
    monkeypatch.setattr(lines, "_PROGRESS_SECS", 0)
    list(lines.read_lines(os.path.join(str(tmp_path), "a")))
    shown = capsys.readouterr().err.splitlines()
    assert shown[0].startswith(
        "a: 1,024 lines, 0%") and shown[-1] == "a: 300,000 lines, 100% of the bytes"
    shares = [int(line.split()[-4].rstrip("%")) for line in shown]
    assert shares == sorted(shares) and len(set(shares)) > 5


@pytest.mark.parametrize(
    "name, content, message", [
        ("a", b"", "a: the file is empty"),
        ("a.gz", gzip.compress(b""), "a.gz: the file is empty"),
        ("a", "a".encode("utf-16"), "a: this is UTF-16, expected lines of text"),
        ("a.gz", b"a plain file\n",
         "a.gz: its name says gzip, its first bytes say text. Give it the name that fits"),
        ("a.gz", gzip.compress(b"abc\n" * 9)[:-9],
         r"a.gz, after line \d: the file cannot be read \(Truncated .*\). Fetch it again"),
        ("a.gz", gzip.compress(b"abc\n")[:12] + b"\xff" * 20,
         r"a.gz, after line 0: the file cannot be read \("),
        ("a.gz", gzip.compress(b"abc\n")[:-8] + b"\0" * 8,
         r"a.gz, after line .: the file cannot be read \(zlib .* incorrect data check"),
    ],
    ids=["empty", "empty stream", "no text", "not compressed", "cut short", "garbled",
         "wrong checksum"])
def test_files_that_cannot_be_read(tmp_path: object, name: str, content: bytes,
                                   message: str) -> None:
    with pytest.raises(BadInput, match=message):
        list(lines.read_lines(write(tmp_path, name, content)))


def test_missing_file(tmp_path: object) -> None:
    with pytest.raises(BadInput, match="a: no such file"):
        list(lines.read_lines(os.path.join(str(tmp_path), "a")))


def test_a_line_that_never_ends_is_not_held(tmp_path: object,
                                            monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "_MAX_LINE_BYTES", 10)
    with pytest.raises(
            BadInput,
            match="a, line 2: the line is longer than 10 bytes. Expected one record a line"):
        list(lines.read_lines(write(tmp_path, "a", b"12345678\n1234567890\n")))


def test_describe(tmp_path: object) -> None:
    content = os.urandom(3 << 20)
    assert (lines.describe(write(tmp_path, "a", content), 7, "lines")
            == hashlib.sha256(content).hexdigest() + "  7 lines  a")

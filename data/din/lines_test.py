import gzip
import hashlib
import os

import pytest

from common.errors import BadInput
from common.testing import toy
from data.din import lines


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


def test_samples(tmp_path: object) -> None:
    path = write(tmp_path, "a", b"0\tu\ti\tc\ta\x02b\tC\x02D\n1\tu\tj\tc\ta\tC\n")
    assert list(
        lines.read_samples(path)) == [(1, lines.Sample(b"0", b"u", b"i", b"c", b"a\x02b",
                                                       b"C\x02D")),
                                      (2, lines.Sample(b"1", b"u", b"j", b"c", b"a", b"C"))]


@pytest.mark.parametrize("line, message", [
    (b"1\tu\ti\tc\ta", "'1.tu.ti.tc.ta' is given, expected 6 columns, not 5"),
    (b"", "'' is given, expected 6 columns, not 1"),
    (b"2\tu\ti\tc\ta\tC", "expected a label of 0 or 1"),
    (b"1\t\ti\tc\ta\tC", "expected no empty name"),
    (b"1\tu\ti\tc\t\t", "expected no empty name"),
    (b"1\tu\ti\tc\ta\x02\tC\x02D", "expected no empty name"),
    (b"1\tu\ti\tc\ta\x02b\tC", "expected as many categories as items in the history"),
    (b"1\tu\x02v\ti\tc\ta\tC", "expected no byte 0x0d, and 0x02 in the histories alone"),
    (b"1\tu\ti\x02j\tc\ta\tC", "expected no byte 0x0d, and 0x02 in the histories alone"),
    (b"1\tu\ti\tc\x02d\ta\tC", "expected no byte 0x0d, and 0x02 in the histories alone"),
    (b"1\tu\ti\tc\ta\rb\tC",
     r"ta.rb.tC' is given, expected no byte 0x0d, and 0x02 in the histories alone"),
    (b"1\tu\ti\tc\t\xff\tC", r"xff.tC' is given, expected UTF-8"),
])
def test_lines_that_are_no_samples(tmp_path: object, line: bytes, message: str) -> None:
    path = write(tmp_path, "a", b"0\tu\ti\tc\ta\tC\n" + line + b"\n")
    with pytest.raises(
            BadInput,
            match="a, line 2: .*" + message + ". Write the samples again with local_aggretor.py"):
        list(lines.read_samples(path))


def test_describe(tmp_path: object) -> None:
    content = os.urandom(3 << 20)
    assert (lines.describe(write(tmp_path, "a", content), 7, "lines")
            == hashlib.sha256(content).hexdigest() + "  7 lines  a")

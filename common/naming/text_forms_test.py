import gzip

import pytest

from common.errors import BadInput
from common.naming import text_forms

ROWS = b"1,0,u,k,e,3,a|b\n" * 100


@pytest.mark.parametrize("name, head, message", [
    ("a.gz", ROWS, "a.gz: its name says gzip, its first bytes say text. Give it the name that"),
    ("a.GZ", b"BZh91AY&SY", "a.GZ: its name says gzip, its first bytes say bz2"),
    ("a.bz2", gzip.compress(ROWS), "a.bz2: its name says bz2, its first bytes say gzip"),
    ("a.zst", b"", "a.zst: its name says zstd, its first bytes say text"),
    ("a.csv.snappy", b"\xff\x06\0\0sNaPpY", "name says snappy, .* say compressed by snappy"),
    ("a.lz4", b"\0\0\x10\0\0\0\x01\0", "a.lz4: its name says lz4, .*Hadoop's own lz4"),
    ("a.xz", b"\xfd7zXZ\0", "a.xz: its name says xz, its first bytes say compressed by xz"),
])
def test_names_that_contradict_the_bytes(name: str, head: bytes, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        text_forms.codec_of(name, head)


@pytest.mark.parametrize("head, message", [
    (b"\xfd7zXZ\0rest", "rows: this is compressed by xz, expected lines of text. Unpack it, or"),
    (b"PK\x03\x04rest", "this is a zip archive"),
    (b"\x02\x21\x4c\x18rest", "compressed by lz4 -l, the legacy frame"),
    (b"PAR1rest", "this is a Parquet file"),
    (b"ORC\x01rest", "this is an ORC file, expected lines of text. Write its rows as text"),
    (b"Obj\x01rest", "this is an Avro file"),
    (b"ARROW1\0\0", "an Arrow"),
    (b"<!DOCTYPE HTML>\n<html>", "this is a web page, expected lines of text. Fetch the rows"),
    (b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS, .* git lfs pull"),
    ("1,0,u\n".encode("utf-16"), r"UTF-16, .*iconv -f UTF-16 -t UTF-8 rows > rows.utf8"),
    (b"\xfe\xff" + "1,0,u\n".encode("utf-16-be"), "UTF-16"),
    ("1,0,u\n".encode("utf-32"), "this is UTF-32"),
    ("1,0,u\n".encode("utf-16-le"), "this is not text, as there are bytes of 0"),
    (b"\0\0\x10\0\x01", "this is not text, .*Hadoop's own lz4"),
    (b"a.csv" + b"\0" * 252 + b"ustar", "this is a tar archive, .*name the files in it"),
])
def test_what_is_no_text(head: bytes, message: str) -> None:
    assert text_forms.codec_of("rows", head) == ""
    with pytest.raises(BadInput, match=message):
        text_forms.check_text("rows", head)


def test_what_is_no_text_within_compressed_data() -> None:
    with pytest.raises(BadInput, match="rows, unpacked by zstd: it is compressed twice. Unpack it"):
        text_forms.check_text("rows", gzip.compress(ROWS), "zstd")
    with pytest.raises(BadInput, match="rows, unpacked by zstd: this is an ORC file"):
        text_forms.check_text("rows", b"ORC\x01", "zstd")


@pytest.mark.parametrize("head", [
    ROWS, b"", b"\n", b"BZh9 is a word", b"\xef\xbb\xbf1,0", b"orders of 2", b"1\xff\xfe", b"a\0" +
    b"b" * 99
])
def test_text(head: bytes) -> None:
    assert text_forms.codec_of("rows.csv", head) == ""
    if not head.startswith(b"orders"):
        text_forms.check_text("rows.csv", head)


def test_the_byte_order_mark_of_text() -> None:
    assert text_forms.mark_size(b"\xef\xbb\xbf1,0") == 3
    assert text_forms.mark_size(b"\xef\xbb1,0") == text_forms.mark_size(b"") == 0

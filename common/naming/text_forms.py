"""What the first bytes of a file say it is: text, compressed text, or what is not read as text."""

import os
from typing import Tuple

from common.errors import BadInput

HEAD_BYTES = 1 << 14  # that are looked at

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_BZ2_BLOCKS = (b"1AY&SY", b"\x17rE8P\x90")  # of a first block, and of the end of empty text
_SKIPPABLE_FRAME = b"\x2a\x4d\x18"  # behind one other byte; zstd and lz4 both have such frames
ENDINGS = {  # of the names of compressed text -> the codec as pyarrow names it
    ".gz": "gzip", ".gzip": "gzip", ".bgz": "gzip", ".bz2": "bz2", ".bz": "bz2", ".zst": "zstd",
    ".zstd": "zstd", ".lz4": "lz4",
}
OTHER_ENDINGS = (  # of what is compressed otherwise, and refused
    ".xz", ".lzma", ".zip", ".snappy", ".sz", ".lzo", ".lzop", ".br", ".z", ".7z", ".deflate")

_UNPACK = "Unpack it, or compress the text with gzip, bzip2, zstd or lz4."
_AS_ROWS = "Write its rows as text or Parquet."
_FETCH = "Fetch the rows themselves."
_RECODE = "Write it as UTF-8: iconv -f {0} -t UTF-8 {{path}} > {{path}}.utf8"
_REFUSED = (  # first bytes; what they say; what to do
    (b"\xfd7zXZ\0", "compressed by xz", _UNPACK),
    (b"LZIP", "compressed by lzip", _UNPACK),
    (b"PK\x03\x04", "a zip archive (or a spreadsheet)", _UNPACK),
    (b"PK\x05\x06", "an empty zip archive", _UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", _UNPACK),
    (b"Rar!\x1a\x07", "a rar archive", _UNPACK),
    (b"\xff\x06\0\0sNaPpY", "compressed by snappy", _UNPACK),
    (b"\x89LZO\0", "compressed by lzop", _UNPACK),
    (b"\x1f\x9d", "compressed by compress (.Z)", _UNPACK),
    (b"\x02\x21\x4c\x18", "compressed by lz4 -l, the legacy frame", _UNPACK),
    (b"PAR1", "a Parquet file", "Give the Parquet file itself, as it is compressed within."),
    (b"ORC", "an ORC file", _AS_ROWS),
    (b"Obj\x01", "an Avro file", _AS_ROWS),
    (b"ARROW1", "an Arrow (Feather) file", _AS_ROWS),
    (b"FEA1", "a Feather file", _AS_ROWS),
    (b"SEQ\x06", "a Hadoop sequence file", _AS_ROWS),
    (b"SQLite format 3\0", "an SQLite database", _AS_ROWS),
    (b"\x89HDF\r\n", "an HDF5 file", _AS_ROWS),
    (b"<?xml", "an XML document", _FETCH),
    (b"version https://git-lfs.github.com/", "a pointer of Git LFS", "Fetch it: git lfs pull."),
    (b"\xff\xfe\0\0", "UTF-32", _RECODE.format("UTF-32")),
    (b"\0\0\xfe\xff", "UTF-32", _RECODE.format("UTF-32")),
    (b"\xff\xfe", "UTF-16", _RECODE.format("UTF-16")),
    (b"\xfe\xff", "UTF-16", _RECODE.format("UTF-16")),
)
_WEB_PAGES = (b"<!doctype html", b"<html")  # in lower case
_TAR_PLACE, _TAR_MAGIC = 257, b"ustar"
_MOST_ZEROS = 0.05  # of the bytes of text


def codec_of(path: str, head: bytes) -> str:
    """The codec that a file is compressed with, as pyarrow names it; "" where it is not.

    Args:
      path: its ending may say that it is compressed.
      head: its first bytes.

    Raises:
      BadInput: the file's name says something else than its bytes.
    """
    codec = _codec_of_bytes(path, head)
    named = _codec_of_name(path)
    if named and named != codec:
        message = ("{}: its name says {}, its first bytes say {}. Give it the name that fits, or "
                   "write it again.")
        raise BadInput(message.format(path, named, codec or _described(head)))
    return codec


def _codec_of_name(path: str) -> str:
    _, ending = os.path.splitext(path.lower())
    if ending in OTHER_ENDINGS:
        return ending[1:]
    return ENDINGS.get(ending, "")


def _codec_of_bytes(path: str, head: bytes) -> str:
    if head.startswith(b"\x1f\x8b\x08"):
        return "gzip"
    if head.startswith(b"BZh") and head[4:10] in _BZ2_BLOCKS:
        return "bz2"
    if head.startswith(b"\x28\xb5\x2f\xfd"):
        return "zstd"
    if head.startswith(b"\x04\x22\x4d\x18"):
        return "lz4"
    is_skippable = head[1:4] == _SKIPPABLE_FRAME and 0x50 <= head[0] <= 0x5f
    if not is_skippable:
        return ""
    return "lz4" if path.lower().endswith(".lz4") else "zstd"


def check_text(path: str, head: bytes, packed_by: str = "") -> None:
    """Raises BadInput where first bytes are no text's.

    Args:
      head: a file's first bytes, unpacked where it is compressed.
      packed_by: the codec that they were unpacked with.
    """
    where = path
    if packed_by:
        where = "{}, unpacked by {}".format(path, packed_by)
        if _codec_of_bytes("", head):
            raise BadInput("{}: it is compressed twice. Unpack it once.".format(where))
    what, advice = _other_kind(head)
    if what:
        advice = advice.format(path=path)
        raise BadInput("{}: this is {}, expected lines of text. {}".format(where, what, advice))


def _other_kind(head: bytes) -> Tuple[str, str]:
    """What first bytes are in place of text, and what to do; ("", "") of text."""
    for magic, what, advice in _REFUSED:
        if head.startswith(magic):
            return what, advice
    if head.lower().startswith(_WEB_PAGES):
        return "a web page", _FETCH
    if head[_TAR_PLACE:].startswith(_TAR_MAGIC):
        return "a tar archive", "Unpack it and name the files in it."
    zeros = head.count(b"\0")
    if zeros > _MOST_ZEROS * len(head) or head.startswith(b"\0"):
        return ("not text, as there are bytes of 0 among its first (UTF-16 without its mark, "
                "Hadoop's own lz4 or snappy, or another binary form)",
                "Write it as UTF-8 text.")
    return "", ""


def _described(head: bytes) -> str:
    what, _ = _other_kind(head)
    return what or "text"


def mark_size(head: bytes) -> int:
    """The bytes of UTF-8's byte order mark before text: 3, or 0 where it has none."""
    return len(_BYTE_ORDER_MARK) if head.startswith(_BYTE_ORDER_MARK) else 0

import bz2
import gzip
import os
import subprocess
import threading
from typing import List

import pytest

from common.errors import BadInput
from common.formats import text_bytes
from common.formats.text_bytes import TextBytes
from common.places import location
from common.testing.toy import pack

TEXT = b"".join(b"%d,some text\n" % number for number in range(20000))
ZSTD_SKIPPABLE = b"\x50\x2a\x4d\x18\x04\0\0\0\x01\x02\x03\x04"


CODECS = ["bz2", "gzip", "lz4", "zstd"]


def text_of(folder: object, name: str, data: bytes) -> TextBytes:
    path = os.path.join(str(folder), name)
    with open(path, "wb") as file:
        file.write(data)
    return TextBytes(path, location.stamp(path))


def cut_at(text: bytes, count: int) -> List[bytes]:
    """Text in pieces of about equal size, as parallel compressors cut it."""
    size = len(text) // count + 1
    return [text[start:start + size] for start in range(0, len(text), size)]


@pytest.mark.parametrize("name", ["plain", "a.csv"])
def test_plain_text(tmp_path: object, name: str) -> None:
    text = text_of(tmp_path, name, TEXT)
    assert text.codec == "" and text.num_bytes == len(TEXT) and text.local_file() is None
    assert text.head(9) == TEXT[:9] and text.head(1 << 30) == TEXT
    assert text.read(1000, 500) == TEXT[1000:1500]
    text.close()
    assert text.read(3, 4) == TEXT[3:7]


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("name", ["rows", "rows.csv"])
@pytest.mark.parametrize("members", [1, 7])
def test_compressed_text_is_told_by_its_bytes_and_read_whole(tmp_path: object, codec: str,
                                                             name: str, members: int) -> None:
    packed = b"".join(pack(codec, piece) for piece in cut_at(TEXT, members))
    text = text_of(tmp_path, name, packed)
    assert text.codec == codec and text.head(9) == TEXT[:9]
    assert text.num_bytes == len(TEXT)
    assert text.read(100000, 500) == TEXT[100000:100500] and text.head(1 << 30) == TEXT
    text.close()
    assert text.read(0, len(TEXT)) == TEXT


@pytest.mark.parametrize("codec", ["zstd", "lz4"])
def test_frames_that_are_to_be_skipped(tmp_path: object, codec: str) -> None:
    pieces = [ZSTD_SKIPPABLE + pack(codec, piece) for piece in cut_at(TEXT, 3)]
    text = text_of(tmp_path, "rows." + codec, b"".join(pieces) + ZSTD_SKIPPABLE)
    assert text.codec == codec and text.read(0, text.num_bytes) == TEXT


@pytest.mark.parametrize("packed", [
    b"".join(map(gzip.compress, cut_at(TEXT, 5))) + gzip.compress(b""),  # as bgzip ends
    b"".join(map(bz2.compress, cut_at(TEXT, 5))),
    gzip.compress(b"") + gzip.compress(TEXT),
    bz2.compress(b"") + bz2.compress(TEXT),
], ids=["bgzip", "bzip2", "empty gzip", "empty bzip2"])
def test_members_of_other_compressors(tmp_path: object, packed: bytes) -> None:
    text = text_of(tmp_path, "rows", packed)
    assert text.read(0, text.num_bytes) == TEXT


@pytest.mark.parametrize("command", ["gzip", "bzip2", "zstd", "lz4", "pzstd"])
def test_what_command_line_tools_write(tmp_path: object, command: str) -> None:
    plain = text_of(tmp_path, "rows", TEXT)
    try:
        packed = subprocess.run([command, "-c", plain.path], stdout=subprocess.PIPE,
                                stderr=subprocess.DEVNULL, check=True).stdout
    except FileNotFoundError:
        pytest.skip(command + " is not installed")
    text = text_of(tmp_path, "packed", packed)
    assert text.read(0, text.num_bytes) == TEXT


def test_empty_text(tmp_path: object) -> None:
    for name, data in [("rows", b""), *((codec, pack(codec, b"")) for codec in CODECS)]:
        text = text_of(tmp_path, name, data)
        assert text.num_bytes == 0 and text.head(10) == b""


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("members", [1, 2])
def test_damaged_compressed_text(tmp_path: object, codec: str, members: int) -> None:
    packed = pack(codec, TEXT)
    whole = packed * members
    sizes = [len(whole) - size for size in range(1, len(packed), len(packed) // 20)]
    if members == 2:
        sizes += [len(packed) + size for size in range(1, 20)]
    for damaged in [whole[:size] for size in sizes] + [whole + b"more"]:
        text = text_of(tmp_path, "rows", damaged)
        with pytest.raises(BadInput, match="rows: it cannot be unpacked by {}: .*Was it cut short "
                                           "on its way".format(codec)):
            text.num_bytes


def test_nothing_stays_behind_and_little_is_open(tmp_path: object,
                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "temporary"  # type: ignore[operator]
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    num_open = len(os.listdir("/proc/self/fd"))
    for number in range(12):
        text = text_of(tmp_path, "{}.gz".format(number), pack("gzip", TEXT))
        assert text.num_bytes == len(TEXT)
        assert os.listdir(str(folder)) == []
        text.close()
    assert len(os.listdir("/proc/self/fd")) <= num_open + 2


def test_unpacking_that_takes_long_is_told(tmp_path: object, monkeypatch: pytest.MonkeyPatch,
                                           capsys: pytest.CaptureFixture) -> None:
    text = text_of(tmp_path, "rows", pack("zstd", TEXT * 10))
    monkeypatch.setattr(text_bytes, "_PROGRESS_SECS", 0.0)
    assert text.num_bytes == 10 * len(TEXT)
    assert "rows: 1 MB of its text are unpacked\n" in capsys.readouterr().err
    monkeypatch.setattr(text_bytes, "_PROGRESS_SECS", 60.0)
    text.close()
    assert text.num_bytes == 10 * len(TEXT) and capsys.readouterr().err == ""


def test_no_room_for_the_text(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = pack("gzip", TEXT)
    monkeypatch.setenv("TMPDIR", str(tmp_path) + "/nowhere")
    with pytest.raises(BadInput, match="rows.gz: its text cannot be unpacked into the folder .*"
                                       r"nowhere \(No such file .*\). The file has {} bytes, and 0 "
                                       "of the .*set TMPDIR".format(len(packed))):
        text_of(tmp_path, "rows.gz", packed).num_bytes
    monkeypatch.setattr(text_bytes.tempfile, "TemporaryFile", lambda dir: open("/dev/full", "wb"))
    with pytest.raises(BadInput, match=r"folder .* \(No space left on device\). The file"):
        text_of(tmp_path, "rows.gz", packed).num_bytes


@pytest.mark.parametrize("codec", ["", "gzip"])
def test_a_file_that_changes_is_an_error(tmp_path: object, codec: str) -> None:
    packed = pack(codec, TEXT) if codec else TEXT
    for num_read in (0, 1):
        text = text_of(tmp_path, "rows", packed)
        if num_read:
            text.read(0, 100)
        os.truncate(text.path, len(packed) // 2)
        with pytest.raises(BadInput, match="rows changed while it was read: it had {} bytes".format(
                len(packed))):
            text.read(0, 100)


def test_readers_in_threads_may_be_closed_under_them(tmp_path: object) -> None:
    text = text_of(tmp_path, "rows", pack("zstd", TEXT))
    wrong: List[int] = []

    def read() -> None:
        for start in range(0, 200000, 1000):
            if text.read(start, 1000) != TEXT[start:start + 1000]:
                wrong.append(start)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(20):
        text.close()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_text_closed_between_its_blocks_is_unpacked_once(
        tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    unpacked: List[TextBytes] = []
    really_unpack = TextBytes._unpack_now
    monkeypatch.setattr(TextBytes, "_unpack_now", lambda text: (
        unpacked.append(text) or really_unpack(text)))
    text = text_of(tmp_path, "rows", pack("gzip", TEXT))
    size = len(TEXT) // 5 + 1
    for offset, content in text.blocks(0, len(TEXT), size):
        assert content == TEXT[offset:offset + size]
        text.close()
    assert len(unpacked) == 1


def test_a_local_file_for_others(tmp_path: object) -> None:
    text = text_of(tmp_path, "rows", pack("lz4", TEXT))
    file = text.local_file()
    assert file
    text.close()
    with open("/proc/self/fd/{}".format(file.fileno()), "rb") as same:
        assert same.read() == TEXT

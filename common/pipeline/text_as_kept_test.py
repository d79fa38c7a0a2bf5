"""The same rows however their text is kept: compressed, with a header, with other line ends."""

import itertools
import os
from typing import List

import numpy as np
import pytest

from common.formats import csv_file, csv_layout, files, open_files
from common.formats.column_names import ColumnNames
from common.formats.string_views import StringViews
from common.naming.named_files import NamedFile
from common.testing import toy
from common.testing.toy import NAMES, SCHEMA, Rows

MARK = "\ufeff"


def text_of(rows: Rows, names: List[str], rng: np.random.Generator, has_header: bool) -> bytes:
    """Rows with their columns in an order of names, of which some are none of the schema's."""
    line_end = str(rng.choice(["\n", "\r\n"]))
    lines = []
    if has_header:
        quote = str(rng.choice(["", '"']))
        lines.append(",".join(quote + name + quote for name in names))
    for row in rows:
        values = dict(zip(NAMES, row))
        lines.append(",".join(values.get(name, "more") for name in names))
    text = line_end.join(lines) + str(rng.choice(["", line_end, 3 * line_end]))
    return (str(rng.choice(["", MARK])) + text).encode()


def compressed(text: bytes, codec: str, rng: np.random.Generator) -> bytes:
    """Text in a few members of a codec."""
    if not codec:
        return text
    cuts = sorted(rng.integers(0, len(text) + 1, rng.integers(0, 4)))
    bounds = zip([0, *cuts], [*cuts, len(text)])
    return b"".join(toy.pack(codec, text[low:high]) for low, high in bounds)


def read(file: csv_file.CsvFile, as_views: bool) -> List[List[bytes]]:
    """All rows of a file, which must be numbered one after another."""
    rows: List[List[bytes]] = []
    for chunk in file.chunks:
        columns = file.read(chunk, NAMES, as_views)
        assert columns.rows.tolist() == list(range(len(rows), len(rows) + chunk.num_rows))
        arrays = [columns.arrays[name] for name in NAMES]
        plain = [array.to_arrow() if isinstance(array, StringViews) else array for array in arrays]
        rows += [list(row) for row in zip(*[array.to_pylist() for array in plain])]
    return rows


@pytest.mark.parametrize("codec, has_header",
                         itertools.product(["", "gzip", "bz2", "zstd", "lz4"], [False, True]))
def test_the_same_rows_however_they_are_kept(tmp_path: object, monkeypatch: pytest.MonkeyPatch,
                                             codec: str, has_header: bool) -> None:
    monkeypatch.setattr(csv_file, "CHUNK_ROWS", 30)
    monkeypatch.setattr(csv_layout, "_HEAD_BYTES", 10)
    header = ColumnNames(SCHEMA) if has_header else None
    for seed in range(8):
        rng = np.random.default_rng([seed, has_header])
        rows = toy.random_rows(seed, int(rng.integers(1, 100)))
        names = [*NAMES, "day", "hour"] if has_header else NAMES
        order = rng.permutation(names).tolist() if has_header else names
        path = "{}/{}".format(tmp_path, seed)
        with open(path, "wb") as out:
            out.write(compressed(text_of(rows, order, rng, has_header), codec, rng))
        file = csv_file.open_csv(path, SCHEMA, header)
        expected = [[field.encode() for field in row] for row in rows]
        assert file.first_chunk == file.chunks[0]
        for as_views in (False, True):
            assert read(file, as_views) == expected
        file.close()


def unpacked_files() -> int:
    """How many files without a name this process has open."""
    links = ["/proc/self/fd/" + name for name in os.listdir("/proc/self/fd")]
    return sum(os.path.islink(link) and "(deleted)" in os.readlink(link) for link in links)


def test_the_text_of_many_compressed_files_does_not_pile_up(
        tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_files, "_MAX_OPEN", 3)
    rows = toy.random_rows(1, 40)
    named = []
    for number, row in enumerate(rows):
        path = "{}/{}.gz".format(tmp_path, number)
        with open(path, "wb") as file:
            file.write(toy.pack("gzip", ",".join(row).encode()))
        named.append(NamedFile(path))
    before = unpacked_files()
    kept = files.Files(named, SCHEMA)
    most = 0
    for number in range(len(named)):
        for chunk in kept.chunks_of(number):
            assert kept.read(chunk, NAMES).arrays["user"].to_pylist() == [rows[number][2].encode()]
        most = max(most, unpacked_files() - before)
    assert 0 < most <= 4

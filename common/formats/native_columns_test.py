import collections
from typing import List

import numpy as np
import pyarrow as pa
import pytest
import tensorflow.compat.v1 as tf

from common.config.column_fields import KEYS
from common.config.schema import Schema
from common.formats import csv_file
from common.formats import native_columns as compiled
from common.formats import native_lines
from common.formats import string_views
from common.formats.string_views import Strings
from common.pipeline import blocks, features, hashing, list_items, lists
from common.pipeline import source
from common.pipeline.features import Block
from common.pipeline.lists import Lists
from common.pipeline.row_order import Stream
from common.testing import toy
from data import amazon, eleme, taobao

pytestmark = pytest.mark.skipif(compiled.library() is None, reason="there is no compiler")


def random_texts(seed: int, size: int, longest: int) -> List[bytes]:
    rng = np.random.default_rng(seed)
    return [
        rng.integers(0, 256, rng.integers(0, longest + 1)).astype(np.uint8).tobytes()
        for _ in range(size)
    ]


def to_texts(values: List[bytes], missing: bytes = b"") -> Strings:
    return Strings(string_views.from_arrow(pa.array(values, pa.binary())), missing)


@pytest.mark.parametrize("longest, buckets, dtype", [(3, 10, "int32"), (8, 100000, "int32"),
                                                     (20, 7, "int32"), (200, 1, "int32"),
                                                     (200, 2 ** 31 - 1, "int32"),
                                                     (3, KEYS, "int64"), (20, KEYS, "int64"),
                                                     (200, KEYS, "int64"), (20, 7, "int64"),
                                                     (20, 2 ** 40 + 3, "int64")])
def test_ids_are_tensorflows(longest: int, buckets: int, dtype: str) -> None:
    values = random_texts(longest, 3000, longest)
    with tf.Graph().as_default(), tf.Session() as session:
        expected = session.run(tf.strings.to_hash_bucket_fast(values, buckets))
    ids = np.empty(len(values), dtype)
    compiled.write_ids([compiled.IdColumn(to_texts(values), None, buckets, ids)])
    assert ids.tolist() == expected.tolist()


def test_fingerprints_are_tensorflows_at_every_length() -> None:
    values = [bytes(range(1, size + 1)) for size in range(201)]
    found = compiled.fingerprints(to_texts(values))
    assert found.tolist() == hashing.make_fingerprint()(pa.array(values, pa.binary())).tolist()
    assert compiled.fingerprints(to_texts([b""], b"\x01\x02")).tolist() == found[2:3].tolist()


@pytest.mark.parametrize("letters, most", [("a|", 12), ("ab|", 9), ("ab|||", 70),
                                           ("abcdefg|", 90)])
def test_runs_of_equal_items_are_counted_as_split_does(letters: str, most: int) -> None:
    rng = np.random.default_rng(most)
    texts = ["".join(rng.choice(list(letters), rng.integers(0, most))) for _ in range(1500)]
    texts += ["x|" * times + "x" * size for times in range(9) for size in range(40)]
    texts += texts[:1]  # the last lie at the end of the buffer
    values = [text.encode() for text in texts]
    ids, splits, counts, lengths = compiled.merged_lists(
        to_texts(values), b"|", None, 2 ** 31 - 1, "int32")
    ordered, ordered_splits, same_lengths = compiled.sequences(
        to_texts(values), b"|", None, 2 ** 31 - 1, 7, "int32")
    words = sorted({item for value in values for item in value.split(b"|")} | {b""})
    hashes = hashing.make_fingerprint()(pa.array(words, pa.binary())) % np.uint64(2 ** 31 - 1)
    id_of = dict(zip(words, hashes.tolist()))
    for row, value in enumerate(values):
        items = value.split(b"|") if value else []
        expected = collections.Counter(id_of[item] for item in items if item)
        found = slice(splits[row], splits[row + 1])
        assert dict(zip(ids[found].tolist(), counts[found].tolist())) == expected
        newest = ordered[ordered_splits[row]:ordered_splits[row + 1]].tolist()
        assert newest == [id_of[item] for item in items[-7:]]
        assert lengths[row] == same_lengths[row] == len(items)


def test_columns_of_different_sizes_get_their_ids_together() -> None:
    sizes = [0, 3000, 511, 512, 513]
    texts = [to_texts(random_texts(size, size, 12)) for size in sizes]
    table = compiled.make_words({b"a": 7})
    outs = [np.full(size, -9, "int64" if size % 2 else "int32") for size in sizes]
    id_columns = [compiled.IdColumn(*fields, 10 ** 6, out)
                  for fields, out in zip(zip(texts, [None, None, table, None, None]), outs)]
    compiled.write_ids(id_columns)
    for one, out in zip(id_columns, outs):
        alone = np.empty_like(out)
        compiled.write_ids([one._replace(out=alone)])
        assert alone.tolist() == out.tolist()


@pytest.mark.parametrize("dtype", ["int32", "int64"])
@pytest.mark.parametrize("size", [0, 1, 1000])
def test_words_are_found(size: int, dtype: str) -> None:
    values = sorted(set(random_texts(1, size, 12)))
    table = compiled.make_words({value: 3 * i for i, value in enumerate(values)})
    asked = values + [value + b"?" for value in values if value + b"?" not in values]
    ids = np.empty(len(asked), dtype)
    compiled.write_ids([compiled.IdColumn(to_texts(asked), table, 0, ids)])
    assert ids.tolist() == [3 * i for i in range(len(values))] + [-1] * (len(asked) - len(values))


@pytest.mark.parametrize("size", [0, 1, 15, 16, 63, 64, 65, 200, 1000])
def test_split_finds_every_end(size: int) -> None:
    rng = np.random.default_rng(size)
    for share in (0.0, 0.1, 0.9):
        data = np.where(rng.random(size) < share, rng.choice(list(b",\n"), size), ord("x")).astype(
            np.uint8)
        fields, lines = native_lines.split(data, b",")  # type: ignore[misc]
        assert fields.tolist() == np.flatnonzero((data == ord(",")) | (data == ord("\n"))).tolist()
        assert lines.tolist() == np.flatnonzero(data[fields] == ord("\n")).tolist()


@pytest.mark.parametrize("text, number", [(b"0", 0.0), (b"-0", -0.0), (b"3.", 3.0), (b".5", 0.5),
                                          (b"0.1", 0.1), (b"123456789.012345", 123456789.012345),
                                          (b"0.00000000000001", 1e-14), (b"", 7.0)])
def test_numbers_are_exact(text: bytes, number: float) -> None:
    assert repr(compiled.numbers(to_texts([text]), 7.0).tolist()) == repr(
        [number])  # type: ignore[union-attr]


@pytest.mark.parametrize("text", [
    b".", b"-", b"+1", b" 1", b"1e5", b"nan", b"1234567890123456", b"1.2.3", b"\0", b"1\0",
    b"0." + b"1" * 40
])
def test_unusual_numbers_go_the_long_way(text: bytes) -> None:
    assert compiled.numbers(to_texts([b"1", text]), 7.0) is None
    assert compiled.list_means(to_texts([b"1;" + text]), b";", 7.0) is None
    assert compiled.integers(to_texts([text]), 1 << 31) is None


def test_random_numbers_are_pythons() -> None:
    rng = np.random.default_rng(0)
    values = ["{:.{}f}".format(value, rng.integers(0, 10)) for value in rng.normal(0, 1e4, 3000)]
    found = compiled.numbers(to_texts([value.encode() for value in values]), 0.0)
    assert found is not None and found.tolist() == [float(value) for value in values]


@pytest.mark.parametrize("text", ["0", "3.", ".5", "-0.5", "007", "12345678", "1234567.",
                                  "123.4567", ".1234567", "123456789", "-1234567", "0.12345678"])
def test_numbers_of_lists_are_exact(text: str) -> None:
    alone, behind = [text.encode(), b"100;100;;" + text.encode()]
    found = compiled.list_means(to_texts([alone, behind]), b";", 7.0)
    assert found is not None
    assert found[0].tolist() == [float(text), (200.0 + float(text)) / 3]
    assert found[1].tolist() == [1, 4]


def random_lists(seed: int, longest: int, distinct: int) -> List[List[bytes]]:
    """Lists with runs of equal items, some of them empty and some of over 8 bytes."""
    rng = np.random.default_rng(seed)
    return [[
        b"" if i == 0 else str(i * (10 ** 10 if i % 7 == 0 else 1)).encode()
        for i in rng.integers(0, distinct, rng.integers(0, longest))
        for _ in range(rng.integers(1, 4))
    ]
            for _ in range(300)]


def long_way(values: List[bytes], keep_runs: bool) -> Lists:
    return list_items.from_text(pa.array(values, pa.binary()), np.arange(len(values)), b";",
                                keep_runs)


@pytest.mark.parametrize("buckets, dtype", [(1000, "int32"), (1000, "int64"), (KEYS, "int64")])
@pytest.mark.parametrize("longest, distinct", [(3, 3), (12, 9), (30, 200), (60, 50), (300, 2000)])
def test_lists_are_those_of_numpy(monkeypatch: pytest.MonkeyPatch, longest: int, distinct: int,
                                  buckets: int, dtype: str) -> None:
    values = [b";".join(row) for row in random_lists(distinct, longest, distinct)]
    texts = to_texts(values)
    merged = compiled.merged_lists(texts, b";", None, buckets, dtype)
    ordered = compiled.sequences(texts, b";", None, buckets, 20, dtype)
    means = compiled.list_means(texts, b";", 7.0)
    assert merged is not None and means is not None
    monkeypatch.setattr(compiled, "library", lambda: None)
    fingerprint = hashing.make_fingerprint()
    for keep_runs, found in ((False, merged[:3]), (True, None)):
        items = long_way(values, keep_runs)
        ids = (fingerprint(items.names) % np.uint64(buckets)).astype(dtype)
        if found is None:
            found = lists.sequence(items.newest(20), ids)[:2]
            assert [a.tolist() for a in ordered] == [a.tolist()
                                                     for a in found] + [items.lengths.tolist()]
            assert ordered[0].dtype == found[0].dtype == dtype
            continue
        ids[[not name for name in items.names.to_pylist()]] = -1
        expected = lists.merge(items, ids)
        assert [a.tolist() for a in found] == [a.tolist() for a in expected]
        assert found[0].dtype == expected.values.dtype == dtype
        assert merged[3].tolist() == means[1].tolist() == items.lengths.tolist()
        numbers = np.array([float(name or b"nan") for name in items.names.to_pylist()])
        assert means[0].tolist() == lists.mean(items, numbers, 7.0).tolist()


def some_ids(rng: np.random.Generator, kind: str) -> np.ndarray:
    """50 ids from -1 on, of which some are equal; 'alike' ones share the upper or the lower halves
    of their bits.
    """
    if kind == "keys":
        return rng.choice(np.append(rng.integers(0, KEYS, 38), [-1, KEYS - 1]), 50)
    if kind == "alike":
        upper, lower = rng.integers(0, 2 ** 31 - 1, 6), rng.integers(0, 2 ** 32, 6)
        return np.where(
            rng.random(50) < 0.1, -1,
            rng.choice(upper, 50) << 32 | rng.choice(lower, 50))
    return rng.integers(-1, 40, 50).astype(kind)


@pytest.mark.parametrize("kind", ["int32", "int64", "keys", "alike"])
@pytest.mark.parametrize("longest", [5, 90])
@pytest.mark.parametrize("seed", range(5))
def test_lists_of_codes_are_those_of_numpy(monkeypatch: pytest.MonkeyPatch, seed: int, longest: int,
                                           kind: str) -> None:
    rng = np.random.default_rng(seed)
    splits = np.concatenate([[0], np.cumsum(rng.integers(0, longest, 200))])
    codes, ids = rng.integers(0, 50, splits[-1]).astype(np.int32), some_ids(rng, kind)
    numbers = np.where(ids < 0, np.nan, rng.normal(size=50))
    given = Lists(pa.array([b""] * 50), codes, None, splits, None)
    rows = rng.integers(0, 200, 77)
    ways = []
    for _ in range(2):
        ragged = lists.merge(given, ids)
        assert ragged.values.dtype == ragged.take(rows).values.dtype == ids.dtype
        ways.append([[a.tolist() for a in part] for part in (ragged, ragged.take(rows))]
                    + [lists.mean(given, numbers, 7.0).tolist()])
        monkeypatch.setattr(compiled, "library", lambda: None)
    assert ways[0] == ways[1]


@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_lists_of_every_length_are_merged(dtype: str) -> None:
    rng = np.random.default_rng(4)
    splits = np.cumsum(np.arange(71))
    codes = rng.integers(0, 50, splits[-1]).astype(np.int32)
    ids = rng.permutation(np.iinfo(dtype).max // 50 * np.arange(50)).astype(dtype)
    values, row_splits, counts = compiled.merge(codes, splits, ids)
    for low, high, first, end in zip(splits, splits[1:], row_splits, row_splits[1:]):
        expected = collections.Counter(ids[codes[low:high]].tolist())
        assert list(zip(values[first:end], counts[first:end])) == sorted(expected.items())


def all_rows(data: source.Data) -> Block:
    return features.concat(list(blocks.read_blocks(data.train, data, Stream(64, 1, 200, seed=3))))


def assert_same_rows(data: source.Data, monkeypatch: pytest.MonkeyPatch) -> None:
    found = all_rows(data)
    with monkeypatch.context() as patch:
        patch.setattr(compiled, "library", lambda: None)
        expected = all_rows(data)
    for ours, theirs in zip(found[:5] + sum(found.lists, ()),
                            expected[:5] + sum(expected.lists, ())):
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("schema", [toy.SCHEMA, toy.SCHEMA.with_keys()], ids=["plain", "keys"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("bad", [False, True])
def test_toy_rows_are_those_of_numpy(tmp_path: object, monkeypatch: pytest.MonkeyPatch,
                                     line_end: str, bad: bool, schema: Schema) -> None:
    monkeypatch.setattr(csv_file, "CHUNK_ROWS", 50)
    rows = toy.random_rows(5, 300)
    if bad:
        rows[7][0], rows[100], rows[200][2] = "2", ["x"], "a\rb"
    for parquet in ([False] if bad else [False, True]):
        data = toy.open_toy(tmp_path, rows, rows[:5], parquet, max_bad_rows=3, schema=schema)
        if not parquet:
            with open(data.train.path, "w", newline="") as file:
                file.write("".join(",".join(row) + line_end for row in rows))
            data = source.open_data(str(tmp_path), schema, False, 3, False)
        assert_same_rows(data, monkeypatch)
        assert data.bad_rows.count == 3 * bad


@pytest.mark.slow
@pytest.mark.parametrize("module", [taobao, amazon, eleme])
@pytest.mark.parametrize("keyed", [False, True])
@pytest.mark.parametrize("parquet", [False, True])
def test_rows_of_the_data_sets_are_those_of_numpy(tmp_path: object, monkeypatch: pytest.MonkeyPatch,
                                                  module: object, parquet: bool,
                                                  keyed: bool) -> None:
    schema: Schema = module.SCHEMA  # type: ignore[attr-defined]
    module.main(["make", "--rows", "700", "--seed", "1", "--out",
                 str(tmp_path)])  # type: ignore[attr-defined]
    schema = schema.with_keys() if keyed else schema
    assert_same_rows(source.open_data(str(tmp_path), schema, parquet, 0, False), monkeypatch)

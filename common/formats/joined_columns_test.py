import numpy as np
import pyarrow as pa
import pytest

from common.formats import joined_columns, string_views
from common.formats.chunks import RawColumns, Reject
from common.pipeline import source
from common.pipeline.checks import BadRows
from common.pipeline.encoder import Encoder
from common.testing import many_files
from common.testing.toy import SCHEMA


def raw(array: object, first_row: int, rejects: tuple = ()) -> RawColumns:
    size = len(array.starts) if hasattr(array, "starts") else len(array)
    return RawColumns({"a": array}, np.arange(first_row, first_row + size), list(rejects))


def dictionary(*values: object) -> pa.DictionaryArray:
    return pa.array(values, pa.binary()).dictionary_encode()


def lists(*values: object) -> pa.ListArray:
    array = pa.array(values, pa.list_(pa.binary()))
    return pa.ListArray.from_arrays(array.offsets, array.values.dictionary_encode())


def values_of(array: object) -> list:
    arrow = array.to_arrow() if hasattr(array, "to_arrow") else array
    return arrow.to_pylist()


@pytest.mark.parametrize("first, second", [
    (dictionary(b"x", b"y", b"x"), dictionary(b"y", None, b"z")),
    (pa.array([1, None, 3]), pa.array([4])),
    (lists([b"a", b"b"], []), lists([b"b"], [b"c", b"a"])),
    (string_views.from_arrow(pa.array([b"ab", b"", b"c"])),
     string_views.from_arrow(pa.array([b"d", b"efg"]))),
    (string_views.from_arrow(pa.array([b"ab", b""])), dictionary(b"x", b"ab", b"x")),
])
def test_values_follow_each_other(first: object, second: object) -> None:
    reject = Reject(9, "a", "x", "y")
    pieces = [raw(first, 0), raw(second, 100, (reject,)), raw(first, 200)]
    joined, = joined_columns.join(pieces)
    expected = values_of(first) + values_of(second) + values_of(first)
    assert values_of(joined.arrays["a"]) == expected
    assert joined.rows.tolist() == sum((piece.rows.tolist() for piece in pieces), [])
    assert joined.rejects == [reject]
    sizes = [len(piece.rows) for piece in pieces]
    assert joined.starts.tolist() == [0, sizes[0], sizes[0] + sizes[1]]


def test_columns_of_text_share_what_they_lie_in() -> None:
    text = np.frombuffer(b"a,b\n", np.uint8)
    columns = {
        name: string_views.StringViews(text, np.array([at], np.int32), np.array([at + 1], np.int32))
        for name, at in (("x", 0), ("y", 2))
    }
    joined, = joined_columns.join([RawColumns(columns, np.array([0]), [])] * 2)
    assert joined.arrays["x"].data is joined.arrays["y"].data
    assert values_of(joined.arrays["y"]) == [b"b", b"b"]


def test_pieces_of_different_forms_stay_apart() -> None:
    views = string_views.from_arrow(pa.array([b"ab"]))
    for others in ([pa.array([1]), views], [pa.array([1]), pa.array([1.5])]):
        pieces = [raw(array, 0) for array in others]
        assert joined_columns.join(pieces) == pieces
    assert joined_columns.join([]) == []


def test_too_much_text_stays_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joined_columns, "_MAX_BYTES", 3)
    pieces = [raw(string_views.from_arrow(pa.array([b"ab"])), row) for row in (0, 1)]
    assert joined_columns.join(pieces) == pieces


@pytest.mark.parametrize("kinds", ["c", "p"])
def test_joined_rows_decode_as_they_do_alone(kinds: str, tmp_path: object) -> None:
    paths = many_files.write_files(tmp_path, [7, 1, 30], kinds)
    data = many_files.open_files(tmp_path, paths)
    names = source.used_columns(SCHEMA)
    pieces = [data.train.read(chunk, names, as_views=True) for chunk in data.train.chunks]
    encoder = Encoder(data.train.paths, SCHEMA, {}, BadRows(0))
    joined, = joined_columns.join(pieces)
    together = encoder.encode(joined)
    alone = [encoder.encode(piece) for piece in pieces]
    for field in ("rows", "labels", "users", "ids"):
        expected = np.concatenate([getattr(block, field) for block in alone])
        np.testing.assert_array_equal(getattr(together, field), expected)
    tags = np.concatenate([block.lists[0].values for block in alone])
    np.testing.assert_array_equal(together.lists[0].values, tags)

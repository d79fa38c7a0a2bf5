import struct

import pyarrow as pa
import pyarrow.parquet
import pytest

from common.formats import parquet_footer, thrift_schema
from common.formats.parquet_footer import NotParquet
from common.places import location
from common.testing import foreign_parquet, toy


def written(folder: object, packed: bytes) -> str:
    return foreign_parquet.write("{}/a.parquet".format(folder), packed)


def test_types_that_pyarrow_lacks_are_hidden_and_named(tmp_path: object) -> None:
    footer = parquet_footer.parse(parquet_footer.read(written(
        tmp_path, foreign_parquet.NEW_TYPES)))
    fields = footer.fields
    assert footer.annotations == {0: "FLOAT16", 1: "FLOAT16"}
    assert fields.field("half").type == pa.binary(2)
    assert fields.field("halves").type.value_type == pa.binary(2)
    assert fields.field("view").type == pa.string()
    assert fields.field("views").type.value_type == pa.string()
    assert fields.field("small").type == pa.decimal128(3, 1)
    assert footer.metadata.created_by == "parquet-cpp-arrow version 26.0.1"


def test_a_type_of_a_group_is_named_for_its_column(tmp_path: object) -> None:
    footer = parquet_footer.parse(parquet_footer.read(written(tmp_path, foreign_parquet.VARIANT)))
    assert footer.annotations == {2: "VARIANT"}
    assert footer.fields.names == ["y", "user", "v"]


def test_a_footer_without_new_types_stays_as_it_is(tmp_path: object) -> None:
    path = toy.write_parquet("{}/a.parquet".format(tmp_path), toy.random_rows(1, 10))
    content = parquet_footer.read(path)
    assert thrift_schema.without_new_types(content) == (content, {})
    assert parquet_footer.parse(content).fields.names == toy.NAMES


@pytest.mark.slow
def test_large_footers_are_read_whole(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    path = toy.write_parquet("{}/a.parquet".format(tmp_path), toy.random_rows(1, 2000), 1)
    content = parquet_footer.read(path)
    assert len(content) > 1 << 16
    monkeypatch.setattr(parquet_footer, "_TAIL_BYTES", 1 << 30)
    assert parquet_footer.read(path) == content
    assert parquet_footer.parse(content).metadata.num_row_groups == 2000


def test_a_small_file_is_read_once(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    path = toy.write_parquet("{}/a.parquet".format(tmp_path), toy.random_rows(1, 10))
    opened = []
    really_open = location.open_binary
    monkeypatch.setattr(location, "open_binary",
                        lambda path: opened.append(path) or really_open(path))
    parquet_footer.read(path)
    assert opened == [path]


@pytest.mark.parametrize("content, message", [
    (b"", "it has 0 bytes"),
    (b"PAR1PAR1", "it has 8 bytes"),
    (b"PAR1" + 20 * b"x", "it does not end with 'PAR1'"),
    (b"PARE" + 20 * b"x" + struct.pack("<I", 20) + b"PARE", "it is encrypted"),
    (b"PAR1" + struct.pack("<I", 99) + b"PAR1",
     "its footer would have 99 bytes, the file has 12"),
])
def test_what_is_no_parquet(content: bytes, message: str, tmp_path: object) -> None:
    path = "{}/a".format(tmp_path)
    with open(path, "wb") as file:
        file.write(content)
    with pytest.raises(NotParquet, match=message):
        parquet_footer.read(path)


@pytest.mark.parametrize("content", [b"\x15\x02", b"\xff" * 50, b"\x19\xfc" + b"\xff" * 40, b"\x00",
                                     b"\x29\x1c\x48\x01a", bytes(range(100))])
def test_a_damaged_footer(content: bytes) -> None:
    with pytest.raises(NotParquet, match="pyarrow {} cannot read its footer: ".format(
            pa.__version__)):
        parquet_footer.parse(content)


def test_any_cut_footer_is_told(tmp_path: object) -> None:
    content = parquet_footer.read(written(tmp_path, foreign_parquet.NEW_TYPES))
    for size in range(0, len(content) - 1, 7):
        with pytest.raises(NotParquet) as caught:
            parquet_footer.parse(content[:size])
        assert "\n" not in str(caught.value)  # thrift's errors have line breaks

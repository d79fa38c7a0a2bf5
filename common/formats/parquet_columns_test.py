"""Files of other writers, and values that cannot be used, read through ParquetFile."""

import decimal
import json
from typing import List

import pyarrow as pa
import pyarrow.parquet
import pytest

from common.config.schema import Column, Schema
from common.errors import BadInput
from common.formats import fetched, parquet_file
from common.formats.chunks import RawColumns
from common.formats.files import Files
from common.naming.named_files import NamedFile
from common.pipeline.checks import BadRows
from common.pipeline.encoder import Encoder
from common.testing import foreign_parquet, many_files, toy


def schema_of(*columns: Column) -> Schema:
    base = (Column("y", "label"), Column("user", "hash", 9))
    return Schema("shop", (*base, *columns), "a", "b", "user", "data/shop.py")


TAGS = schema_of(Column("tags", "hash", 9, separator="|"))


def read(path: str, schema: Schema) -> RawColumns:
    file = parquet_file.open_parquet(path, schema)
    chunk, = file.chunks
    return file.read(chunk, file.columns)


def write(folder: object, **columns: object) -> str:
    path = "{}/a.parquet".format(folder)
    pa.parquet.write_table(pa.table(columns), path)
    return path


def test_types_that_pyarrow_does_not_know_are_read(tmp_path: object) -> None:
    path = foreign_parquet.write("{}/a.parquet".format(tmp_path), foreign_parquet.NEW_TYPES)
    schema = Schema("new", (
        Column("number", "label"), Column("view", "hash", 9), Column("half", "number"),
        Column("halves", "number", separator=";"), Column("views", "hash", 9, separator=";"),
        Column("small", "number")), "a", "b", "view", "data/new.py")
    arrays = read(path, schema).arrays
    assert arrays["half"].to_pylist() == [1.5, 0.5, None]
    assert arrays["halves"].to_pylist() == [[1.5, None], [], []]
    assert arrays["view"].to_pylist() == [b"a", None, b"a text of many bytes"]
    assert arrays["views"].to_pylist() == [[b"x", b"y"], [], [b"z"]]
    assert arrays["small"].to_pylist() == [b"1", b"0.5", None]
    assert arrays["number"].to_pylist() == [1, 2, 3]


def test_strings_as_deltas_are_read(tmp_path: object) -> None:
    arrays = read(foreign_parquet.write("{}/a".format(tmp_path), foreign_parquet.DELTAS),
                  TAGS).arrays
    assert arrays["user"].to_pylist() == [
        b"a user of many bytes 1", b"a user of many bytes 2", None]
    assert arrays["tags"].to_pylist() == [
        [b"a tag of many bytes"], [], [b"b", b"a tag of many bytes"]]


def test_a_variant_is_refused_and_may_be_left_out(tmp_path: object) -> None:
    path = foreign_parquet.write("{}/a.parquet".format(tmp_path), foreign_parquet.VARIANT)
    assert read(path, schema_of()).arrays["user"].to_pylist() == [b"a"]
    with pytest.raises(BadInput, match=r"a.parquet, column 'v': expected numbers, the file "
                                       r"\(written by DuckDB version v2.0.1 .*\) has VARIANT \("):
        read(path, schema_of(Column("v", "number", default="0")))


@pytest.mark.parametrize("packed, message", [
    (foreign_parquet.SPLIT_INTEGERS,
     "rows 1 to 2: column 'y' is written with BYTE_STREAM_SPLIT, which pyarrow .* reads of floats "
     "alone, and it has INT32. Write it without that encoding"),
    (foreign_parquet.HADOOP_LZ4, "rows 1 to 1: column '.*' is compressed with Parquet's old LZ4 in "
                                 "Hadoop's blocks, .* Spark: .option.'compression', 'zstd'"),
])
def test_what_pyarrow_does_not_read_is_told(packed: bytes, message: str, tmp_path: object) -> None:
    path = foreign_parquet.write("{}/a.parquet".format(tmp_path), packed)
    with pytest.raises(BadInput, match="a.parquet, " + message):
        read(path, schema_of())


def test_a_summary_of_other_files_is_told(tmp_path: object) -> None:
    collected: List[pa.parquet.FileMetaData] = []
    pa.parquet.write_table(pa.table(dict(y=[1], user=["u"])), "{}/part".format(tmp_path),
                           metadata_collector=collected)
    collected[0].set_file_path("part")
    path = "{}/_metadata".format(tmp_path)
    collected[0].write_metadata_file(path)
    with pytest.raises(BadInput, match="column 'y' lies in part: this file is a summary of others"):
        read(path, schema_of())


def test_rows_with_bad_json_can_be_skipped(tmp_path: object) -> None:
    texts = ['["a", 7, null]', "[1.5]", '{"a": 1}', "nonsense", None, "null", '[["b"]]', "[true]",
             '["ü"]']
    path = write(tmp_path, y=[1] * 9, user=list("abcdefghi"), tags=texts)
    columns = read(foreign_parquet.annotate(path, "tags", "JSON"), TAGS)
    assert columns.rows.tolist() == [0, 4, 5, 8]
    assert columns.arrays["user"].to_pylist() == [b"a", b"e", b"f", b"i"]
    assert columns.arrays["tags"].to_pylist() == [
        [b"a", b"7", None], [], [], ["ü".encode()]]
    assert [(reject.row, reject.value) for reject in columns.rejects] == [
        (1, "[1.5]"), (2, '{"a": 1}'), (3, "nonsense"), (6, '[["b"]]'), (7, "[true]")]
    assert {(reject.column, reject.expected) for reject in columns.rejects} == {
        ("tags", "a list as JSON")}


def test_numbers_as_json(tmp_path: object) -> None:
    texts = ["[1, 2.5, null, NaN]", '["1"]', "[true]", "[]"]
    path = write(tmp_path, y=[1] * 4, user=list("abcd"), costs=texts)
    schema = schema_of(Column("costs", "number", separator=";", default="0"))
    columns = read(foreign_parquet.annotate(path, "costs", "JSON"), schema)
    assert columns.arrays["costs"].to_pylist() == [[b"1", b"2.5", None, None], [b"1"], []]
    assert [reject.row for reject in columns.rejects] == [2]


@pytest.mark.parametrize("texts", [
    ["['a' 'b']", "", None], [json.dumps(["a", "b"]), "[]"], ["('a',)", "()"], ["{1}", "{2}"]])
@pytest.mark.parametrize("as_dictionary", [True, False])
def test_printed_lists_are_refused(texts: list, as_dictionary: bool, tmp_path: object) -> None:
    tags = pa.array(texts)
    path = write(tmp_path, y=[1] * len(texts), user=["u"] * len(texts),
                 tags=tags.dictionary_encode() if as_dictionary else tags)
    file = parquet_file.open_parquet(path, TAGS)
    with pytest.raises(BadInput, match=r"a.parquet, column 'tags': all of rows 1 to \d hold text "
                                       r"such as .*, a list as programs print it. Expected lists, "
                                       r"or items divided by '\|'. Write the column as a list"):
        file.read(file.chunks[0], ["tags"], as_views=not as_dictionary)


@pytest.mark.parametrize("texts", [["[a]", "b"], ["", None], ["[a", "b]"], ["[a)", "[b)"]])
def test_brackets_of_some_texts_are_text(texts: list, tmp_path: object) -> None:
    path = write(tmp_path, y=[1, 1], user=["u", "u"], tags=pa.array(texts, pa.string()))
    wanted = [None if text is None else text.encode() for text in texts]
    assert read(path, TAGS).arrays["tags"].to_pylist() == wanted


def test_one_item_a_row_is_a_list_of_it(tmp_path: object) -> None:
    path = write(tmp_path, y=[1, 1], user=["u", "u"], tags=[7, None], costs=[2.5, None])
    schema = schema_of(*TAGS.columns[2:], Column("costs", "number", separator=";", default="0"))
    arrays = read(path, schema).arrays
    assert arrays["tags"].to_pylist() == [b"7", None]
    assert arrays["costs"].to_pylist() == [[2.5], []]


def test_the_largest_integers_are_text(tmp_path: object) -> None:
    path = write(tmp_path, y=[True, False], user=pa.array([2 ** 64 - 1, 0], pa.uint64()))
    arrays = read(path, schema_of()).arrays
    assert arrays["user"].to_pylist() == [b"18446744073709551615", b"0"]
    assert arrays["y"].to_pylist() == [1, 0]


@pytest.mark.parametrize("labels, row, shown", [
    ([1.0, 2.0], 2, "2.0"), ([1.0, 0.5], 2, "0.5"), ([1.0, None], 2, ""), (["1", "yes"], 2, "yes"),
    (["1", ""], 2, ""), (["0", "2"], 2, "2"), ([True, None], 2, ""), ([None, None], 1, ""),
    ([decimal.Decimal("1.0"), decimal.Decimal("0.1")], 2, "0.1"), ([0.0, float("nan")], 2, "nan"),
    ([decimal.Decimal("1." + 30 * "0"), decimal.Decimal("1." + 29 * "0" + "1")], 2,
     "1." + 29 * "0" + "1"), ([0, 2 ** 63 - 1], 2, str(2 ** 63 - 1)),
])
def test_labels_other_than_0_and_1_are_named(labels: list, row: int, shown: str,
                                             tmp_path: object) -> None:
    path = write(tmp_path, y=labels, user=["u", "u"])
    with pytest.raises(BadInput, match="a.parquet, row {}, column 'y': '{}' is given, expected 0 "
                                       "or 1".format(row, shown)):
        Encoder([path], schema_of(), {}, BadRows(0)).encode(read(path, schema_of()))


def test_row_groups_of_texts_that_may_be_printed_lists_are_not_joined(tmp_path: object) -> None:
    rows = toy.random_rows(1, 20)
    paths = []
    for number, tags in enumerate(["a|b", "[a]"]):
        for row in rows:
            row[-1] = tags
        paths.append(toy.write_parquet("{}/{}.parquet".format(tmp_path, number), rows))
    data = many_files.open_files(tmp_path, paths[:1])
    fine = Files([NamedFile(path) for path in 2 * paths[:1]], data.schema)
    mixed = Files([NamedFile(path) for path in paths], data.schema)
    for files in (fine, mixed):
        pieces = [files.fetch(chunk, toy.NAMES) for chunk in files.chunks]
        if files is fine:
            joined, = fetched.decode(pieces)
            assert joined.rows.tolist() == many_files.numbers_of([20, 20])
        else:
            with pytest.raises(BadInput, match=r"1.parquet, column 'tags': all of rows 1 to 20 "
                               r"hold text such as '\[a\]', a list"):
                fetched.decode(pieces)

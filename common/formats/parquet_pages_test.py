import random
from typing import Any, Dict, List, Optional

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from common.formats import parquet_pages
from common.kernels.pipeline.columns import library

pytestmark = pytest.mark.skipif(library() is None, reason="there is no compiler")

SIZE = 1000
NUMBERS = (pa.int32(), pa.int64(), pa.float32(), pa.float64())


def some_lists(rng: random.Random, items: List[Any], has_nulls: bool) -> List[Optional[List[Any]]]:
    lists: List[Optional[List[Any]]] = []
    for _ in range(SIZE):
        row = rng.choices(items, k=rng.choice([0, 1, 2, 3, 40]))
        if has_nulls and rng.random() < 0.2:
            row = [None if rng.random() < 0.5 else item for item in row]
        lists.append(None if has_nulls and rng.random() < 0.1 else row)
    return lists


def some_table(has_nulls: bool) -> pa.Table:
    """Columns of all shapes that C++ reads, few different values and many, of all sizes."""
    rng = random.Random(1)
    few = ["", "a", "caf\u00e9", "x" * 30]
    many = ["{}{}".format("y" * (i % 23), i) for i in range(2000)]
    field = pa.field("element", pa.string(), nullable=has_nulls)
    columns: Dict[str, pa.Array] = {}
    for name, texts in (("few", few), ("many", many)):
        chosen = rng.choices(texts, k=SIZE)
        if has_nulls:
            chosen = [None if rng.random() < 0.1 else text for text in chosen]
        columns[name] = pa.array(chosen)
        columns[name + "_bytes"] = columns[name].cast(pa.binary())
        columns[name + "_lists"] = pa.array(some_lists(rng, texts, has_nulls), pa.list_(field))
    for kind in NUMBERS:
        columns[str(kind)] = pa.array(some_lists(rng, [3, 7, 1000], has_nulls), pa.list_(kind))
    columns["one"] = pa.array(["same"] * SIZE)
    columns["null"] = pa.array([None] * SIZE, pa.string())
    fields = [pa.field(name, array.type, nullable=has_nulls or name == "null")
              for name, array in columns.items()]
    return pa.table(list(columns.values()), schema=pa.schema(fields))


def read_pages(path: str, group: int, leaf: int) -> Optional[pa.Array]:
    """A column of a row group by C++; None where pyarrow has to read it."""
    file = pa.parquet.ParquetFile(path)
    row_group = file.metadata.row_group(group)
    chunk = row_group.column(leaf)
    shape = parquet_pages.shape_of(
        file.schema_arrow.field(leaf).type, file.metadata.schema.column(leaf))
    if shape is None:
        return None
    start = chunk.dictionary_page_offset or chunk.data_page_offset
    with open(path, "rb") as opened:
        opened.seek(start)
        content = opened.read(chunk.total_compressed_size)
    return parquet_pages.read(content, chunk, shape, row_group.num_rows)


def by_arrow(path: str, group: int, leaf: int) -> List[Any]:
    """The same column by pyarrow, null lists as empty ones."""
    table = pa.parquet.ParquetFile(path).read_row_group(group)
    values = table.column(leaf).to_pylist()
    is_list = pa.types.is_list(table.schema.field(leaf).type)
    return [value or [] for value in values] if is_list else values


@pytest.mark.parametrize("has_nulls", [False, True])
@pytest.mark.parametrize("options", [
    {}, {"compression": "zstd"}, {"compression": "none"}, {"data_page_version": "2.0"},
    {"data_page_version": "2.0", "compression": "zstd", "data_page_size": 100},
    {"data_page_size": 64, "row_group_size": 700, "write_batch_size": 20},
    {"dictionary_pagesize_limit": 300}, {"dictionary_pagesize_limit": 300,
                                         "data_page_version": "2.0"},
    {"version": "1.0"}])
def test_columns_are_what_pyarrow_reads(tmp_path: object, options: Dict[str, Any],
                                        has_nulls: bool) -> None:
    table = some_table(has_nulls)
    path = "{}/a.parquet".format(tmp_path)
    pa.parquet.write_table(table, path, **options)
    num_groups = pa.parquet.read_metadata(path).num_row_groups
    for group in range(num_groups):
        for leaf, field in enumerate(table.schema):
            array = read_pages(path, group, leaf)
            assert array is not None, field.name
            array.validate(full=True)
            assert array.to_pylist() == by_arrow(path, group, leaf), field.name


def test_lists_have_the_type_that_pyarrow_gives_them(tmp_path: object) -> None:
    path = "{}/a.parquet".format(tmp_path)
    pa.parquet.write_table(some_table(True), path)
    names = pa.parquet.read_metadata(path).schema
    leaves = {names.column(leaf).path: leaf for leaf in range(len(names))}
    path_of_lists = next(name for name in leaves if name.startswith("few_lists"))
    file = pa.parquet.ParquetFile(path, read_dictionary=[path_of_lists, "few"])
    for name in (path_of_lists, "few"):
        array = read_pages(path, 0, leaves[name])
        by_pyarrow = file.read_row_group(0).column(leaves[name])
        assert array is not None and array.type == by_pyarrow.type


@pytest.mark.parametrize("options, kind", [
    ({"compression": "gzip"}, pa.string()), ({"use_dictionary": False}, pa.string()),
    ({}, pa.int32()),
    ({}, pa.list_(pa.list_(pa.string()))), ({}, pa.list_(pa.bool_())), ({}, pa.binary(3))])
def test_pyarrow_reads_what_is_unusual(tmp_path: object, options: Dict[str, Any],
                                       kind: pa.DataType) -> None:
    path = "{}/a.parquet".format(tmp_path)
    pa.parquet.write_table(pa.table([pa.array([None] * 9, kind)], names=["a"]), path, **options)
    assert read_pages(path, 0, 0) is None


def test_a_dictionary_without_values(tmp_path: object) -> None:
    path = "{}/a.parquet".format(tmp_path)
    table = pa.table({"a": pa.array([[None, None], [], None], pa.list_(pa.float64()))})
    pa.parquet.write_table(table, path)
    array = read_pages(path, 0, 0)
    assert array is not None and array.to_pylist() == [[None, None], [], []]


@pytest.mark.parametrize("compression", ["none", "snappy", "zstd"])
@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_damage_is_left_to_pyarrow_or_gives_whole_columns(tmp_path: object, compression: str,
                                                          version: str) -> None:
    path = "{}/a.parquet".format(tmp_path)
    pa.parquet.write_table(some_table(True), path, compression=compression,
                           data_page_version=version, data_page_size=2000)
    file = pa.parquet.ParquetFile(path)
    rng = np.random.default_rng(0)
    for leaf, field in enumerate(file.schema_arrow):
        chunk = file.metadata.row_group(0).column(leaf)
        shape = parquet_pages.shape_of(field.type, file.metadata.schema.column(leaf))
        assert shape is not None
        with open(path, "rb") as opened:
            opened.seek(chunk.dictionary_page_offset or chunk.data_page_offset)
            whole = opened.read(chunk.total_compressed_size)
        for _ in range(60):
            content = bytearray(whole)
            for place in rng.integers(0, len(content), rng.integers(1, 4)):
                content[place] = rng.integers(256)
            content = content[:len(content) - rng.integers(0, 3)]
            array = parquet_pages.read(bytes(content), chunk, shape, SIZE)
            if array is not None:
                array.validate(full=True) if shape.width else _check_indices(array)
                assert len(array) == SIZE


def _check_indices(array: pa.Array) -> None:
    """Damaged texts need not be UTF-8, but each index must lead to one."""
    items = array.values if pa.types.is_list(array.type) else array
    indices = items.indices.drop_null().to_numpy()
    assert not len(indices) or 0 <= indices.min() <= indices.max() < len(items.dictionary)

"""A toy data set and helpers for tests; no product code imports this."""

import filecmp
import os
from typing import Iterable, List, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from common.config.schema import Column, Schema
from common.formats import reader
from common.pipeline import source
from common.pipeline.source import Data

SCHEMA = Schema(
    name="toy",
    columns=(
        Column("y", "label"),
        Column("z", "label"),
        Column("user", "hash", 1000, "all"),
        Column("kind", "hash", 10, "all"),
        Column("extra", "unused"),
        Column("size", "identity", 8, "all", default="0"),
        Column("tags", "hash", 50, "all", separator="|"),
    ),
    train_file="toy_train",
    test_file="toy_test",
    user_column="user",
    module="data/toy.py",
)
NAMES = [column.name for column in SCHEMA.columns]
SHARED = os.path.join(os.path.dirname(os.path.abspath(__file__)), *3 * [".."], "shared")
TAOBAO_SAMPLE = os.path.join(SHARED, "data", "taobao_sample.csv")

Rows = List[List[str]]


def random_rows(seed: int, size: int) -> Rows:
    """Rows of the toy schema with empty strings, runs of equal tags, items of over 8 bytes and
    non-ASCII text.
    """
    rng = np.random.default_rng(seed)
    items = [
        "a", "b", "b1", "", "item", "an item of many bytes", "naïve", "日本", "12345678", "123456789"
    ]

    def tags() -> str:
        return "|".join(item for i in rng.integers(0, len(items), rng.integers(0, 5))
                        for item in [items[i]] * int(rng.integers(1, 4)))

    return [[
        str(rng.integers(0, 2)),
        str(rng.integers(0, 2)), "u{}".format(rng.integers(0, max(size // 4, 1))),
        str(rng.choice(["", "x", "NULL", "ü"])),
        str(rng.integers(0, 99)),
        str(rng.choice(["", "0", "7", " 3", "5 "])),
        tags()
    ] for _ in range(size)]


def write_csv(path: str, rows: Iterable[Sequence[str]]) -> str:
    """Writes rows without header; returns the path."""
    with open(path, "wb") as file:
        file.write("".join(",".join(row) + "\n" for row in rows).encode("utf-8"))
    return path


def pack(codec: str, text: bytes) -> bytes:
    """Text compressed by one of pyarrow's codecs, as one member."""
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, codec) as stream:
        stream.write(text)
    return sink.getvalue().to_pybytes()


def to_table(rows: Rows) -> pa.Table:
    """Rows as the table a Parquet file of the toy schema holds."""
    columns = list(zip(*rows)) or [()] * len(NAMES)
    arrays = [to_array(column, values) for column, values in zip(SCHEMA.columns, columns)]
    return pa.table(arrays, names=NAMES)


def to_array(column: Column, values: Sequence[str]) -> pa.Array:
    """A column's values as text has them, as its Parquet column holds them."""
    if column.dtype != "int32":
        return pa.array(values, pa.string())
    return pa.array([int(value or column.default) for value in values], pa.int32())


def write_parquet(path: str, rows: Rows, row_group_size: int = 50,
                  compression: str = "snappy") -> str:
    """Writes rows as Parquet; returns the path."""
    pa.parquet.write_table(
        to_table(rows), path, row_group_size=row_group_size, compression=compression)
    return path


def open_toy(folder: object, train: Rows, test: Rows, parquet: bool = False, max_bad_rows: int = 0,
             check_all: bool = False, schema: Schema = SCHEMA) -> Data:
    """Writes train and test rows into a folder and opens them; the schema may be the toy's with
    keys.

    A file that holds these rows already stays as it is: written anew, it would be of other rows.
    """
    for name, rows in ((SCHEMA.train_file, train), (SCHEMA.test_file, test)):
        path = os.path.join(str(folder), name + ".parquet" if parquet else name)
        anew = path + ".anew"
        write_parquet(anew, rows) if parquet else write_csv(anew, rows)
        if os.path.exists(path) and filecmp.cmp(path, anew, shallow=False):
            os.remove(anew)
        else:
            os.replace(anew, path)
    return source.open_data(str(folder), schema, parquet, max_bad_rows, check_all)


def read_all(path: str) -> List[List[bytes]]:
    """The rows of a file of the toy schema, whose chunks must number them one after another."""
    file = reader.open_file(path, SCHEMA)
    parts = [file.read(chunk, NAMES) for chunk in file.chunks]
    assert np.concatenate([part.rows for part in parts]).tolist() == list(
        range(sum(chunk.num_rows for chunk in file.chunks)))
    return [
        list(row)
        for part in parts
        for row in zip(*[part.arrays[name].to_pylist() for name in NAMES])
    ]

from typing import Dict, List, Tuple

import numpy as np
import pyarrow as pa
import pytest
import tensorflow.compat.v1 as tf

from common.config.schema import Schema
from common.errors import BadInput
from common.formats import csv_file, reader
from common.formats.string_views import StringViews
from common.pipeline import features, raw
from common.pipeline.checks import BadRows
from common.pipeline.encoder import Encoder
from common.pipeline.features import Block, Ragged, feature_names
from common.testing import toy
from common.testing.toy import NAMES, SCHEMA

PLAIN_AND_KEYS = pytest.mark.parametrize("schema", [SCHEMA, SCHEMA.with_keys()],
                                         ids=["plain", "keys"])


def encode_file(path: str, bad_rows: BadRows, as_views: bool = False,
                schema: Schema = SCHEMA) -> Block:
    file = reader.open_file(path, schema)
    decoder = Encoder([path], schema, {}, bad_rows)
    return features.concat(
        [decoder.encode(file.read(chunk, NAMES, as_views)) for chunk in file.chunks])


def lists_of(ragged: Ragged) -> List[Dict[int, float]]:
    return [dict(zip(ragged.values[low:high].tolist(), ragged.weights[low:high].tolist()))
            for low, high in zip(ragged.row_splits[:-1], ragged.row_splits[1:])]


def ids_by_tensorflow(rows: toy.Rows, schema: Schema) -> Tuple[np.ndarray, List[Dict[int, float]]]:
    """Ids [N, 3] and lists as weights by id, by TensorFlow's string ops on each row."""
    columns = dict(zip(NAMES, zip(*rows)))
    columns["size"] = tuple(int(value or 0) for value in columns["size"])
    with tf.Graph().as_default(), tf.Session() as session:
        tensors = {name: tf.constant(values) for name, values in columns.items()}
        features = session.run(raw.decode(tensors, schema, {}, as_columns=False))
    lists = []
    values, splits, _ = [features[name] for name in feature_names("tags")]
    for low, high in zip(splits[:-1], splits[1:]):
        ids, counts = np.unique(values[low:high], return_counts=True)
        lists.append(dict(zip(ids.tolist(), counts.astype(float).tolist())))
    return np.stack([features["user"], features["kind"], features["size"]], 1), lists


@PLAIN_AND_KEYS
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("parquet", [False, True])
def test_ids_are_tensorflows(tmp_path: object, monkeypatch: pytest.MonkeyPatch, seed: int,
                             parquet: bool, schema: Schema) -> None:
    monkeypatch.setattr(csv_file, "CHUNK_ROWS", 37)
    rows = toy.random_rows(seed, 300)
    write = toy.write_parquet if parquet else toy.write_csv
    path = write("{}/a{}".format(tmp_path, ".parquet" if parquet else ""), rows)
    block = encode_file(path, BadRows(0), schema=schema)
    ids, lists = ids_by_tensorflow(rows, schema)
    np.testing.assert_array_equal(block.ids, ids)
    assert lists_of(block.lists[0]) == lists
    assert block.ids.dtype == block.lists[0].values.dtype == schema.id_type
    np.testing.assert_array_equal(block.labels, [[float(row[0]), float(row[1])] for row in rows])
    assert block.rows.tolist() == list(range(300))
    users = [row[2] for row in rows]
    assert len(set(block.users.tolist())) == len(set(users)) == len(
        set(zip(users, block.users.tolist())))


@PLAIN_AND_KEYS
def test_nulls_of_parquet_are_missing_values(tmp_path: object, schema: Schema) -> None:
    path = "{}/a.parquet".format(tmp_path)
    table = toy.to_table([["1", "0", "u", "k", "e", "3", "a|b"], ["1", "0", "", "", "", "", ""]])
    nulls = pa.table([
        pa.array(column.to_pylist()[:1] + [None if name not in "yz" else 0], column.type)
        for name, column in zip(NAMES, table.columns)
    ],
                     names=NAMES)
    pa.parquet.write_table(nulls, path)
    block = encode_file(path, BadRows(0), schema=schema)
    ids, lists = ids_by_tensorflow(
        [["1", "0", "u", "k", "e", "3", "a|b"], ["0", "0", "", "", "", "", ""]], schema)
    np.testing.assert_array_equal(block.ids, ids)
    assert lists_of(block.lists[0]) == lists


@PLAIN_AND_KEYS
def test_parquet_strings_that_are_no_dictionary_give_tensorflows_ids(tmp_path: object,
                                                                     schema: Schema) -> None:
    path = "{}/a.parquet".format(tmp_path)
    rows = [["1", "0", "u{}".format(i), "k{}".format(i), "x", "3", "a{0}|b|a{0}".format(i)[:i % 8]]
            for i in range(900)]
    for row in rows[::7]:
        row[2] = row[6] = ""
    columns = [
        pa.array([value or None
                  for value in column.to_pylist()], column.type) if name in ("user",
                                                                             "tags") else column
        for name, column in zip(NAMES,
                                toy.to_table(rows).columns)
    ]
    pa.parquet.write_table(pa.table(columns, names=NAMES), path, use_dictionary=False)
    file = reader.open_file(path, SCHEMA)
    arrays = file.read(file.chunks[0], NAMES, as_views=True).arrays
    assert {name
            for name in NAMES
            if isinstance(arrays[name], StringViews)} == {"user", "kind", "extra", "tags"}
    ids, lists = ids_by_tensorflow(rows, schema)
    for as_views in (False, True):
        block = encode_file(path, BadRows(0), as_views, schema)
        np.testing.assert_array_equal(block.ids, ids)
        assert lists_of(block.lists[0]) == lists


GOOD = ["1", "0", "u", "k", "e", "3", "a"]


@pytest.mark.parametrize("column, value, shown, expected", [
    ("y", "2", "2", "0 or 1"),
    ("z", "", "", "0 or 1"),
    ("y", "yes", "yes", "0 or 1"),
    ("y", "0.5", "0.5", "0 or 1"),
    ("size", "8", "8", "a whole number from 0 to 7"),
    ("size", "-1", "-1", "a whole number from 0 to 7"),
    ("size", "3.0", "3.0", "a whole number from 0 to 7"),
    ("size", "1e0", "1e0", "a whole number from 0 to 7"),
    ("size", "9" * 30, "9" * 30, "a whole number from 0 to 7"),
    ("user", "\udcff", r"\\\\xff", "UTF-8 text"),
    ("tags", "a|\udce9", r"a\|\\\\xe9", "UTF-8 text"),
])
def test_bad_values_name_row_column_and_value(tmp_path: object, column: str, value: str, shown: str,
                                              expected: str) -> None:
    rows = [list(GOOD) for _ in range(5)]
    rows[3][NAMES.index(column)] = value
    path = "{}/a".format(tmp_path)
    with open(path, "wb") as file:
        file.write("".join(",".join(row) + "\n" for row in rows).encode("utf-8", "surrogateescape"))
    message = (
        "/a, row 4, column '{}': '{}' is given, expected {}. Mend or remove the row, or skip "
        ".*--max_bad_rows N"
        .format(column, shown, expected))
    with pytest.raises(BadInput, match=message):
        encode_file(path, BadRows(0))
    bad_rows = BadRows(1)
    assert encode_file(path, bad_rows).rows.tolist() == [0, 1, 2, 4]
    assert bad_rows.count == 1 and bad_rows.rows([path]) == {3}


@pytest.mark.parametrize("column, value", [("y", 2), ("y", None), ("size", 8), ("size", -1)])
def test_bad_integers_of_parquet(tmp_path: object, column: str, value: int) -> None:
    table = toy.to_table([GOOD] * 4)
    at = NAMES.index(column)
    values = table.column(at).to_pylist()
    values[2] = value
    path = "{}/a.parquet".format(tmp_path)
    pa.parquet.write_table(table.set_column(at, column, pa.array(values, pa.int32())), path)
    shown = "" if value is None else str(value)
    with pytest.raises(BadInput,
                       match="/a.parquet, row 3, column '{}': '{}' is given".format(column, shown)):
        encode_file(path, BadRows(0))
    assert encode_file(path, BadRows(1)).rows.tolist() == [0, 1, 3]

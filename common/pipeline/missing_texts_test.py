"""Texts that count as empty values: alike in text, in any Parquet, by --tf and in exports."""

import os
from typing import Any, Dict, List, Optional

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow.compat.v1 as tf

from common.config import schema_file
from common.config.column import Column
from common.config.schema import Schema
from common.errors import BadInput
from common.formats import native_columns, string_views
from common.formats.string_views import StringViews
from common.pipeline import dataset, raw, source, tf_path
from common.pipeline.features import Block
from common.pipeline.missing_texts import MissingTexts
from common.pipeline.row_order import Stream
from common.testing import graphs, toy
from data import taobao

COLUMNS: List[Dict[str, Any]] = [
    {"name": "y", "kind": "label", "positive": ["+"]},
    {"name": "brand", "kind": "hash", "buckets": 999, "default": "NULL"},
    {"name": "sex", "kind": "words", "words": ["f", "m", "x"], "default": "x"},
    {"name": "age", "kind": "number", "default": "40"},
    {"name": "hour", "kind": "identity", "buckets": 24, "default": "12"},
    {"name": "tags", "kind": "hash", "buckets": 999, "separator": "|"},
    {"name": "past", "kind": "hash", "buckets": 999, "separator": "|", "newest": 3},
    {"name": "sizes", "kind": "number", "separator": "|", "default": "7"},
]
MARKED = [["+", "NULL", "?", "-1", "-1", "?|a|?|?|b", "?", "1|-1|?|4"],
          ["-", "?", "m", "?", "?", "NULL", "a|NULL|b", "-1"],
          ["+", "b", "NULL", "1.5", "3", "aNULL|?a", "NULL|?", "2"]]
BLANK = [["+", "", "", "", "", "|a|||b", "", "1|||4"],
         ["-", "", "m", "", "", "", "a||b", ""],
         ["+", "b", "", "1.5", "3", "aNULL|?a", "|", "2"]]
NUMBERS = {"age": pa.float64(), "hour": pa.int64()}


def schema(missing: bool) -> Schema:
    value = {"train_file": "train", "test_file": "train", "columns": COLUMNS,
             "missing": ["NULL", "?", "-1"] if missing else []}
    return schema_file.from_json(value, "shop.json", "shop")


def batch_of(folder: object, missing: bool, parquet: bool = False,
             by_tf: bool = False) -> Dict[str, np.ndarray]:
    data = source.open_data(str(folder), schema(missing), parquet, 0, False)
    make = dataset.columnar_input(data.train, data, Stream(9))
    if by_tf:
        make = tf_path.tf_input(data.train, data, Stream(9), with_users=False)
    batch, = graphs.read_batches(make, 1)
    return {name: values for name, values in batch.items() if name != dataset.ROW}


def write_parquet(folder: object, form: str) -> None:
    """The marked rows: as strings, dictionaries, or with lists and numbers as such."""
    arrays = []
    for column, values in zip(COLUMNS, zip(*MARKED)):
        array = pa.array(values, pa.string())
        if form == "dictionaries":
            array = array.dictionary_encode()
        elif form == "stored" and column["kind"] in ("number", "identity"):
            array = number_array(column, values)
        elif form == "stored" and "separator" in column:
            array = pa.array([value.split("|") for value in values])
        arrays.append(array)
    names = [column["name"] for column in COLUMNS]
    pq.write_table(pa.table(arrays, names), os.path.join(str(folder), "train.parquet"))


def number_array(column: Dict[str, Any], values: List[str]) -> pa.Array:
    if "separator" in column:
        return pa.array([[number_of(item) for item in value.split("|")] for value in values],
                        pa.list_(pa.float32()))
    return pa.array(list(map(number_of, values)), pa.float64()).cast(NUMBERS[column["name"]])


def number_of(text: str) -> Optional[float]:
    return float(text) if text != "?" else None


def assert_same(ours: Dict[str, np.ndarray], theirs: Dict[str, np.ndarray]) -> None:
    assert ours.keys() == theirs.keys()
    for name in ours:
        np.testing.assert_array_equal(ours[name], theirs[name], name)


@pytest.mark.parametrize("native", [True, False])
def test_they_are_read_as_empty_values(tmp_path: object, monkeypatch: pytest.MonkeyPatch,
                                       native: bool) -> None:
    if not native:
        monkeypatch.setattr(native_columns, "library", lambda: None)
    toy.write_csv("{}/train".format(tmp_path), BLANK)
    expected = batch_of(tmp_path, missing=False)
    assert expected["age"].tolist() == [40, 40, 1.5] and expected["sizes"].tolist() == [2.5, 7, 2]
    assert expected["hour"].tolist() == [12, 12, 3] and expected["sex"].tolist() == [2, 1, 2]
    toy.write_csv("{}/train".format(tmp_path), MARKED)
    assert_same(batch_of(tmp_path, missing=True), expected)
    for form in ("strings", "dictionaries", "stored"):
        write_parquet(tmp_path, form)
        assert_same(batch_of(tmp_path, missing=True, parquet=True), expected)


def test_the_community_path_reads_them_alike(tmp_path: object) -> None:
    toy.write_csv("{}/train".format(tmp_path), BLANK)
    expected = batch_of(tmp_path, missing=False, by_tf=True)
    toy.write_csv("{}/train".format(tmp_path), MARKED)
    found = batch_of(tmp_path, missing=True, by_tf=True)
    tags = found.pop("tags"), expected.pop("tags")
    assert tags[0].values.tolist() == tags[1].values.tolist()
    assert_same(found, expected)


def test_an_export_reads_them_alike(tmp_path: object) -> None:
    toy.write_csv("{}/train".format(tmp_path), MARKED)
    trained = batch_of(tmp_path, missing=True)
    made = schema(missing=True)
    with tf.Graph().as_default(), tf.Session() as session:
        inputs = {}
        for column, values in zip(made.columns[1:], list(zip(*MARKED))[1:]):
            if column.name in NUMBERS:
                values = [float(value) if value != "?" else -1 for value in values]
            inputs[column.name] = tf.constant(values)
        features = raw.decode(inputs, made, raw.make_tables(made, {}), as_columns=False)
        session.run(tf.tables_initializer())
        served = session.run(features)
    for name in ("brand", "sex", "age", "hour", "sizes", "past.values", "past.row_splits"):
        np.testing.assert_array_equal(served[name], trained[name], name)
    for splits in ("tags.row_splits", "past.row_splits"):
        np.testing.assert_array_equal(served[splits], trained[splits])


@pytest.mark.parametrize("at_least, value, expected", [
    (None, "?", "a label's text"), (2, "?", "a finite number"), (-3, "-1.0", "a finite number")])
def test_a_missing_label_stays_an_error(tmp_path: object, at_least: Optional[int], value: str,
                                        expected: str) -> None:
    label = {"name": "y", "kind": "label", "positive": ["+"]}
    if at_least is not None:
        label = {"name": "y", "kind": "label", "at_least": at_least}  # type: ignore[dict-item]
    declared = schema_file.from_json(
        {"train_file": "train", "test_file": "train", "columns": [label, COLUMNS[1]],
         "missing": ["?", "-1"]}, "shop.json", "shop")
    toy.write_csv("{}/train".format(tmp_path), [[value, "b"]])
    data = source.open_data(str(tmp_path), declared, False, 0, False, with_test=False)
    message = r"row 1, column 'y': '{}' is given, expected {}"
    with pytest.raises(BadInput, match=message.format(value.replace("?", r"\?"), expected)):
        data.label_rates()
    if value != "?" or at_least is None:
        data = source.open_data(str(tmp_path), declared, False, 0, False, with_test=False)
        make = tf_path.tf_input(data.train, data, Stream(9), with_users=False)
        with pytest.raises(tf.errors.InvalidArgumentError, match="a label is missing"):
            graphs.read_batches(make, 1)


def random_fields(seed: int, size: int) -> List[List[str]]:
    """Rows of many missing texts, and of texts and items that only begin or end as they do."""
    rng = np.random.default_rng(seed)
    texts = ["?", "NULL", "-1", "", "a", "NULLx", "?a", "xNULL", "b" * 70, "null"]
    numbers = ["?", "NULL", "-1", "", "2.5", "-1.5", "-1.0", "07"]

    def lists(items: List[str]) -> List[str]:
        return ["|".join(rng.choice(items, rng.integers(0, 6))) for _ in range(size)]

    fields = [rng.choice(["+", "-"], size), rng.choice(texts, size),
              rng.choice(["?", "NULL", "-1", "", "f", "m"], size), rng.choice(numbers, size),
              rng.choice(["?", "NULL", "", "0", "23"], size), lists(texts), lists(texts),
              lists(numbers)]
    return [list(row) for row in zip(*fields)]


@pytest.mark.parametrize("missing", [["NULL", "?", "-1"], ["NULL", "?"], ["?"], ["a|?", "NULL"]])
def test_random_rows_are_those_of_numpy(tmp_path: object, monkeypatch: pytest.MonkeyPatch,
                                        missing: List[str]) -> None:
    rows = random_fields(len(missing), 400)
    toy.write_csv("{}/train".format(tmp_path), rows)
    declared = schema(missing=False)._replace(missing=tuple(missing))
    data = source.open_data(str(tmp_path), declared, False, 400, False)
    found = encode_first_chunk(data)
    assert len(found.rows) > 100
    monkeypatch.setattr(native_columns, "library", lambda: None)
    expected = encode_first_chunk(data)
    for ours, theirs in zip(found.dense + sum(found.lists, ()),
                            expected.dense + sum(expected.lists, ())):
        np.testing.assert_array_equal(ours, theirs)


def encode_first_chunk(data: source.Data) -> Block:
    names = source.used_columns(data.schema)
    columns = data.train.read(data.train.first_chunk(), names, as_views=True)
    return source.make_encoder(data.train, data).encode(columns)


def test_an_item_is_found_between_separators_alone() -> None:
    column = Column("tags", "hash", 9, separator="|")
    content = np.frombuffer(b"xNULL|NULLx|NULL,NULL", np.uint8)

    def blanked(start: int, end: int) -> List[bytes]:
        bounds = [np.array([place], np.int32) for place in (start, end)]
        views = MissingTexts(["NULL"]).blanked(StringViews(content, *bounds), column)
        return views.to_arrow().to_pylist()

    assert blanked(0, 11) == [b"xNULL|NULLx"] and blanked(0, 16) == [b"xNULL|NULLx|"]
    assert blanked(17, 21) == [b""] and blanked(17, 20) == [b"NUL"]


def test_strings_where_they_lie_are_blanked_as_arrays() -> None:
    column = Column("tags", "hash", 9, separator="|")
    texts = MissingTexts(["?", "NULL"])
    rng = np.random.default_rng(1)
    for _ in range(300):
        drawn = rng.choice(["?", "NULL", "|", "a", "L"], [rng.integers(1, 4), 3])
        values = pa.array(["".join(row[:rng.integers(1, 4)]) for row in drawn], pa.binary())
        expected = texts.blanked(values.dictionary_encode(), column).cast(pa.binary())
        blanked = texts.blanked(string_views.from_arrow(values), column)
        assert blanked.to_arrow().to_pylist() == expected.to_pylist(), values


def test_a_brand_is_missing_alike_in_taobaos_text_and_parquet(tmp_path: object) -> None:
    row = ["0", "0", "430548_1007"] + 4 * ["7"] + ["NULL"] + 12 * ["1"]
    toy.write_csv("{}/taobao_train_data".format(tmp_path), [row, row[:7] + ["5"] + row[8:]])
    toy.write_csv("{}/taobao_test_data".format(tmp_path), [row])
    names = [column.name for column in taobao.SCHEMA.columns]
    twin = [row[:7] + [" "] + row[8:], row[:7] + ["5"] + row[8:]]
    table = pa.table([pa.array(values) for values in zip(*twin)], names)
    pq.write_table(table, "{}/taobao_train_data.parquet".format(tmp_path))
    found = []
    for parquet in (False, True):
        data = source.open_data(str(tmp_path), taobao.SCHEMA, parquet, 0, False)
        batch, = graphs.read_batches(dataset.columnar_input(data.train, data, Stream(9)), 1)
        found.append(batch["brand"].tolist())
    with tf.Session() as session:
        of_text = session.run(tf.strings.to_hash_bucket_fast(["NULL", "5"], 100000)).tolist()
    assert found == [of_text, of_text]

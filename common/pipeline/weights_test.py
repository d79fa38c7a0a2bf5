"""How often rows count, and columns that are kept for predictions: alike in text, Parquet, --tf."""

import os
from typing import Dict, List

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow.compat.v1 as tf

from common.config import schema_file
from common.config.schema import USER, WEIGHT, Schema
from common.errors import BadInput
from common.pipeline import dataset, source, tf_path
from common.pipeline.row_order import Stream
from common.pipeline.source import Data
from common.testing import graphs, toy

COLUMNS = [{"name": "y", "kind": "label"}, {"name": "order id", "kind": "keep"},
           {"name": "u", "kind": "hash", "buckets": 9}, {"name": "w", "kind": "weight"}]
ROWS = [["1", "x1", "a", "0.5"], ["0", "x2", "", "0"], ["1", "", "b", "2.5"]]


def schema(*more: Dict[str, object]) -> Schema:
    return schema_file.from_json(
        {"train_file": "train", "test_file": "train", "user": "u", "columns": [*COLUMNS, *more]},
        "shop.json", "shop")


def open_rows(folder: object, rows: List[List[str]], parquet: bool = False) -> Data:
    toy.write_csv("{}/train".format(folder), rows)
    if parquet:
        names = [column["name"] for column in COLUMNS]
        table = pa.table([pa.array(values) for values in zip(*rows)], names)
        place = names.index("w")
        numbers = pa.array([float(row[place]) for row in rows], pa.float32())
        table = table.set_column(place, "w", numbers)
        pq.write_table(table.drop(["order id"]), os.path.join(str(folder), "train.parquet"))
    return source.open_data(str(folder), schema(), parquet, 0, False, with_test=False)


@pytest.mark.parametrize("form", ["text", "parquet", "tf"])
def test_weights_come_with_features_and_labels(tmp_path: object, form: str) -> None:
    data = open_rows(tmp_path, ROWS, form == "parquet")
    make = dataset.columnar_input(data.train, data, Stream(9))
    if form == "tf":
        make = tf_path.tf_input(data.train, data, Stream(9), with_users=True)
    with tf.Graph().as_default(), tf.Session() as session:
        batch = tf.data.make_one_shot_iterator(make()).get_next()
        features, labels = session.run(batch)
    assert labels[WEIGHT].tolist() == features[WEIGHT].tolist() == [0.5, 0.0, 2.5]
    assert labels["y"].tolist() == [1, 0, 1] and "order id" not in features and "w" not in features
    users = features[USER].tolist()
    assert users[1] == -1 and len(set(users)) == 3


def test_rates_count_rows_by_their_weights(tmp_path: object) -> None:
    rows = [["1", "", "a", "30"], ["0", "", "a", "10"], ["0", "", "b", "0"]]
    rate = open_rows(tmp_path, rows).label_rates()[0, 0]
    assert rate == pytest.approx((3 * 0.75 + 0.5) / 4)
    nothing = [[*row[:3], "0"] for row in rows]
    other = tmp_path / "other"  # type: ignore[operator]
    other.mkdir()
    assert open_rows(other, nothing).label_rates()[0, 0] == pytest.approx((1 + 0.5) / 4)


@pytest.mark.parametrize("weight, expected", [
    ("-1", "a weight from 0 to 1e+30"), ("1e31", "a weight from 0 to 1e+30"),
    ("", "a finite number"), ("inf", "a finite number")])
def test_what_is_no_weight_is_an_error(tmp_path: object, weight: str, expected: str) -> None:
    data = open_rows(tmp_path, [ROWS[0], ["1", "x", "a", weight]])
    make = dataset.columnar_input(data.train, data, Stream(9))
    with pytest.raises(tf.errors.OpError):
        graphs.read_batches(make, 1)
    assert isinstance(data.bad_rows.error, BadInput)
    assert "row 2, column 'w': {!r} is given, expected {}".format(weight, expected) in str(
        data.bad_rows.error)


def test_by_tf_what_is_no_weight_is_an_error(tmp_path: object) -> None:
    data = open_rows(tmp_path, [["1", "x", "a", "-1"]])
    make = tf_path.tf_input(data.train, data, Stream(9), with_users=False)
    with pytest.raises(tf.errors.InvalidArgumentError, match="a weight is missing, or none"):
        graphs.read_batches(make, 1)


def test_a_second_column_of_weights_is_refused() -> None:
    with pytest.raises(ValueError, match="columns 'w', 'v' have kind 'weight'. Give all but one"):
        schema({"name": "v", "kind": "weight"})
    with pytest.raises(ValueError, match="a column of kind weight cannot be a list"):
        schema({"name": "v", "kind": "weight", "separator": "|"})


def test_columns_that_are_kept_may_have_any_name_and_type(tmp_path: object) -> None:
    assert not np.any([column.is_read for column in schema().columns if column.kind == "keep"])
    assert source.used_columns(schema()) == ["y", "u", "w"]

import json
import os
from typing import Dict

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from common import saved_model
from common.errors import BadInput
from common.pipeline import dataset
from common.pipeline.features import Ragged, feature_names
from common.pipeline.row_order import Stream
from common.testing import graphs, toy
from common.testing.toy import SCHEMA

ROWS = toy.random_rows(5, 40)


def raw_columns() -> Dict[str, np.ndarray]:
    values = dict(zip(toy.NAMES, zip(*ROWS)))
    return {
        c.name: np.array([int(v or 0)
                          for v in values[c.name]] if c.dtype == "int32" else values[c.name],
                         np.int64 if c.dtype == "int32" else object)
        for c in SCHEMA.scalars + SCHEMA.lists
    }


def test_signatures_take_columns_and_examples(tmp_path: object) -> None:
    raw = raw_columns()
    examples = [
        tf.train.Example(features=tf.train.Features(
            feature={
                name: tf.train.Feature(int64_list=tf.train.Int64List(
                    value=[value])) if name == "size" else tf.train.Feature(
                        bytes_list=tf.train.BytesList(value=[value.encode()]))
                for name, value in ((name, values[i])
                                    for name, values in raw.items())
                if value != ""
            })).SerializeToString()
        for i in range(len(ROWS))
    ]
    data = toy.open_toy(tmp_path, ROWS, ROWS)
    expected = graphs.read_batches(dataset.columnar_input(data.train, data, Stream(40)))[0]
    with tf.Graph().as_default(), tf.Session() as session:
        receiver = saved_model.receiver_fn(SCHEMA, {}, as_columns=False)()
        by_columns = session.run(receiver.features,
                                 {receiver.receiver_tensors[name]: raw[name]
                                  for name in raw})
        placeholder = receiver.receiver_tensors_alternatives["examples"]["examples"]
        by_examples = session.run(receiver.features, {placeholder: examples})
    for features in (by_columns, by_examples):
        for column in SCHEMA.scalars:
            np.testing.assert_array_equal(features[column.name], expected[column.name])
    found = [Ragged(*[f[n] for n in feature_names("tags")]) for f in (by_columns, by_examples)]
    np.testing.assert_array_equal(found[0].values, found[1].values)
    np.testing.assert_array_equal(found[0].row_splits, found[1].row_splits)


def test_sample_request_is_the_files_first_rows(tmp_path: object) -> None:
    for parquet in (False, True):
        data = toy.open_toy(tmp_path, ROWS, ROWS, parquet)
        path = os.path.join(str(tmp_path), "request.json")
        saved_model.write_sample_request(path, data.test, SCHEMA)
        with open(path) as file:
            request = json.load(file)
        assert request["signature_name"] == "serving_default"
        raw = raw_columns()
        assert request["instances"] == [{
            name: raw[name][i].item() if name == "size" else raw[name][i]
            for name in raw
        }
                                        for i in range(3)]


def test_a_sample_request_holds_the_default_for_a_number_that_is_none(tmp_path: object) -> None:
    rows = [list(row) for row in ROWS]
    for row, size in zip(rows, ("abc", " ", "nan")):
        row[toy.NAMES.index("size")] = size
    data = toy.open_toy(tmp_path, ROWS, rows, max_bad_rows=3)
    path = os.path.join(str(tmp_path), "request.json")
    saved_model.write_sample_request(path, data.test, SCHEMA)
    with open(path) as file:
        assert [instance["size"] for instance in json.load(file)["instances"]] == [0, 0, 0]


def test_an_export_is_there_when_it_is_whole(tmp_path: object) -> None:
    folder = os.path.join(str(tmp_path), "export")
    for _ in range(2):  # two of one second
        with saved_model.moved_when_whole(folder) as unfinished:
            os.makedirs(os.path.join(unfinished, "17"))
            assert not os.path.exists(os.path.join(folder, "17", "18"))
    with pytest.raises(BadInput, match="export: there is no space for the exported model, and what "
                       "was half written is removed.* TensorFlow says: full"):
        with saved_model.moved_when_whole(folder) as unfinished:
            os.makedirs(os.path.join(unfinished, "temp-b'19'"))
            raise tf.errors.ResourceExhaustedError(None, None, "full")
    assert sorted(os.listdir(folder)) == ["17", "18"]

import os
from typing import Dict, Tuple

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from common.config.schema import Column, Schema
from common.pipeline import dataset, raw, source, tf_path, vocabulary
from common.pipeline.features import Ragged, feature_names, lengths_name
from common.pipeline.row_order import Stream
from common.pipeline.source import Data
from common.testing import graphs, toy

SCHEMA = Schema(name="mixed",
                columns=(Column("y", "label"), Column("user", "vocabulary", vocabulary="names"),
                         Column("past",
                                "vocabulary",
                                vocabulary="names",
                                separator=";",
                                default="",
                                newest=3), Column("tags", "hash", 20, separator=";", default=""),
                         Column("time", "words", words=("day", "night")),
                         Column("times", "words", words=("day", "night"), separator=";",
                                default=""), Column("price", "number", default="2"),
                         Column("prices", "number", separator=";", default="-1")),
                train_file="train",
                test_file="test",
                user_column="user",
                module="data/mixed.py")
ROWS = [["1", "ann", "bob;eve;ann;bob", "x;y;x", "night", "day;day;night", "1.5", "1;2;6"],
        ["0", "nobody", "", "", "day", "", "", ""],
        ["1", "", "eve;;zoe", "z", "day", "night", "-3e2", "4"]]


def open_mixed(folder: str, schema: Schema = SCHEMA) -> Data:
    for name in ("train", "test"):
        toy.write_csv(os.path.join(folder, name), ROWS)
    vocabulary.save_txt(os.path.join(folder, "names.txt"), ["unknown", "ann", "bob", "eve"])
    return source.open_data(folder, schema, False, 0, False)


def decoded(data: Data, as_columns: bool) -> Dict[str, np.ndarray]:
    with tf.Graph().as_default(), tf.Session() as session:
        columns: Dict[str, tf.Tensor] = {}
        for column, values in zip(SCHEMA.columns[1:], list(zip(*ROWS))[1:]):
            single = column.kind == "number" and not column.is_list
            columns[column.name] = tf.constant([float(v or column.default)
                                                for v in values] if single else values)
        features = raw.decode(columns, data.schema, raw.make_tables(data.schema, data.vocabularies),
                              as_columns)
        session.run(tf.tables_initializer())
        return session.run(features)


def lists_of(features: Dict[str, np.ndarray], name: str) -> Tuple[list, ...]:
    ragged = Ragged(*[features[field] for field in feature_names(name)])
    return tuple([
        sorted(np.repeat(ragged.values[low:high], ragged.weights[low:high].astype(int)).tolist())
        for low, high in zip(ragged.row_splits[:-1], ragged.row_splits[1:])
    ])


@pytest.mark.parametrize("schema", [SCHEMA, SCHEMA.with_keys()], ids=["plain", "keys"])
def test_an_exported_model_sees_what_training_saw(tmp_path: object, schema: Schema) -> None:
    data = open_mixed(str(tmp_path), schema)
    trained = graphs.read_batches(dataset.columnar_input(data.train, data, Stream(3)))[0]
    served = decoded(data, as_columns=False)
    for name in ("user", "time", "price", "prices"):
        np.testing.assert_allclose(served[name], trained[name], rtol=1e-6, err_msg=name)
    for name in ("tags", "times"):
        assert lists_of(served, name) == lists_of(trained, name)
    assert trained["tags.values"].dtype == schema.lists[1].id_type
    for field in feature_names("past"):
        np.testing.assert_array_equal(served[field], trained[field])
    assert trained["user"].dtype == trained["past.values"].dtype == trained[
        "times.values"].dtype == np.int32
    assert trained["user"].tolist() == [1, 0, 0] and trained["prices"].tolist() == [3.0, -1.0, 4.0]
    assert trained["past.values"].tolist() == [3, 1, 2, 3, 0, 0]
    assert trained["past.row_splits"].tolist() == [0, 3, 3, 6]
    assert data.bad_rows.unknown_ids == {"past": 2, "user": 2}


def test_hashed_lists_keep_their_order_and_their_newest_items(tmp_path: object) -> None:
    columns = [column._replace(kind="hash", vocabulary="", buckets=50) if column.newest else column
               for column in SCHEMA.columns]
    data = open_mixed(str(tmp_path), SCHEMA._replace(columns=tuple(columns)))
    trained = graphs.read_batches(dataset.columnar_input(data.train, data, Stream(3)))[0]
    served, padded = [decoded(data, as_columns) for as_columns in (False, True)]
    for field in feature_names("past"):
        np.testing.assert_array_equal(served[field], trained[field])
    assert trained["past.row_splits"].tolist() == [0, 3, 3, 6]
    assert padded[lengths_name("past")].tolist() == [3, 0, 3]
    assert padded["past"][0].tolist() == trained["past.values"][:3].tolist()
    assert len(set(trained["past.values"][:3])) == 3


def test_the_community_path_pads_sequences(tmp_path: object) -> None:
    data = open_mixed(str(tmp_path))
    batch = graphs.read_batches(tf_path.tf_input(data.train, data, Stream(3), with_users=True))[0]
    assert batch["past"].tolist() == [[3, 1, 2], [0, 0, 0], [3, 0, 0]]
    assert batch[lengths_name("past")].tolist() == [3, 0, 3]
    assert batch["time"].tolist() == [b"night", b"day", b"day"]
    assert batch["price"].tolist() == [1.5, 2.0, -300.0
                                       ] and batch["prices"].tolist() == [3.0, -1.0, 4.0]
    assert len(set(batch[dataset.USER].tolist())) == 3


@pytest.mark.parametrize("word, expected", [("day", 0), ("night", 1), ("dusk", 0)])
def test_a_request_with_an_unknown_word_is_served(tmp_path: object, word: str,
                                                  expected: int) -> None:
    columns = (Column("y", "label"), Column("u", "hash",
                                            9), Column("time", "words", words=("day", "night")))
    schema = Schema("s", columns, "a", "b", "u", "m")
    with tf.Graph().as_default(), tf.Session() as session:
        features = raw.decode({"u": tf.constant(["a"]), "time": tf.constant([word])}, schema,
                              raw.make_tables(schema, {}), as_columns=False)
        session.run(tf.tables_initializer())
        assert session.run(features["time"]).tolist() == [expected]
